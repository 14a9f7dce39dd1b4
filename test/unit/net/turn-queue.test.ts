import t from 'tap'
import { PORTIONS_PER_TURN, TurnQueue, type TurnTaker } from '../../../src/net/turns.ts'

async function turn (): Promise<void> {
  await new Promise<void>(resolve => { setImmediate(resolve) })
}

/** Has so many portions of work, and says when it does one. */
function worker (queue: TurnQueue, portions: number, onPortion: () => void): TurnTaker {
  let left = portions
  const taker: TurnTaker = {
    takeTurn: () => {
      onPortion()
      if (--left > 0) queue.add(taker)
    },
    onDefect: error => { throw error }
  }
  return taker
}

t.test('one turn does so many portions of work and no more, however much one has', async t => {
  const queue = new TurnQueue()
  let done = 0
  queue.add(worker(queue, 100, () => { done++ }))
  t.equal(done, 0, 'nothing is done at once')
  const perTurn: number[] = []
  for (let turns = 0; turns < 4; turns++) {
    const before = done
    await turn()
    perTurn.push(done - before)
  }
  t.strictSame(perTurn, [PORTIONS_PER_TURN, PORTIONS_PER_TURN, PORTIONS_PER_TURN, 100 - 3 * PORTIONS_PER_TURN])
  t.equal(queue.size, 0)
})

t.test('everybody has a portion before anybody has another one', async t => {
  const queue = new TurnQueue()
  const order: number[] = []
  const members = 2 * PORTIONS_PER_TURN + 5
  for (let index = 0; index < members; index++) queue.add(worker(queue, 3, () => { order.push(index) }))
  while (queue.size > 0) await turn()
  const round = Array.from({ length: members }, (_, index) => index)
  t.strictSame(order, [...round, ...round, ...round])
})

t.test('a defect of one is told to it, and harms nobody else', async t => {
  const queue = new TurnQueue()
  const told: unknown[] = []
  let done = 0
  const broken = new Error('broken')
  queue.add({ takeTurn: () => { throw broken }, onDefect: error => { told.push(error) } })
  queue.add(worker(queue, 1, () => { done++ }))
  await turn()
  t.strictSame(told, [broken])
  t.equal(done, 1)
})
