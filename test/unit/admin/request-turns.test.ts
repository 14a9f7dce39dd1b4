import t from 'tap'
import { RequestTurns } from '../../../src/admin/connection-room.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

t.test('so many go in ten milliseconds, the others in the order in which they came', async t => {
  const clock = new FakeClock()
  const turns = new RequestTurns(clock, 3)
  const gone: number[] = []
  for (let index = 0; index < 8; index++) turns.enter(() => { gone.push(index) })
  t.same(gone, [0, 1, 2])
  clock.advance(9)
  t.same(gone, [0, 1, 2])
  clock.advance(1)
  t.same(gone, [0, 1, 2, 3, 4, 5])
  turns.enter(() => { gone.push(8) })
  t.equal(turns.waiting, 3, 'a newcomer does not overtake')
  clock.advance(10)
  t.same(gone, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  t.equal(clock.pending, 0, 'no timer without anybody who waits')
})

t.test('who has left is not called, and takes nobody\'s turn', async t => {
  const clock = new FakeClock()
  const turns = new RequestTurns(clock, 1)
  const gone: string[] = []
  turns.enter(() => { gone.push('first') })
  const leave = turns.enter(() => { gone.push('left') })
  turns.enter(() => { gone.push('last') })
  leave()
  clock.advance(10)
  t.same(gone, ['first', 'last'])
})

t.test('after a rest there are new turns', async t => {
  const clock = new FakeClock()
  const turns = new RequestTurns(clock, 1)
  let gone = 0
  for (let round = 0; round < 3; round++) {
    turns.enter(() => { gone++ })
    clock.advance(10)
  }
  t.equal(gone, 3)
})
