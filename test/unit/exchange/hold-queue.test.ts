import t from 'tap'
import { HoldQueue, type HeldRequest } from '../../../src/exchange/hold-queue.ts'

/** A request that goes on when the test lets it, and tells when it did. */
class Waiting implements HeldRequest {
  readonly name: string
  readonly heldBytes: number
  readonly sinceMs: number
  ready = true
  asked = 0
  onProceed = (): void => {}
  readonly #queue: HoldQueue
  readonly #log: string[]

  constructor (queue: HoldQueue, log: string[], { name, sinceMs, bytes = 100 }: { readonly name: string, readonly sinceMs: number, readonly bytes?: number }) {
    this.#queue = queue
    this.#log = log
    this.name = name
    this.sinceMs = sinceMs
    this.heldBytes = bytes
  }

  leave (): void {
    this.#queue.remove(this)
  }

  tryProceed (only: string): boolean {
    this.asked++
    if (!this.ready || (only !== '' && !this.name.startsWith(only))) return false
    this.#queue.remove(this)
    this.#log.push(this.name)
    this.onProceed()
    return true
  }
}

const MAX_BYTES = 10_000

/** What those that wait have taken of the bytes that there are. */
function bytesIn (queue: HoldQueue): number {
  let room = MAX_BYTES
  while (!queue.hasRoom(room)) room--
  return MAX_BYTES - room
}

function queueOf (names: readonly string[], limits = { maxRequests: 10, maxBytes: MAX_BYTES }) {
  const later: Array<() => void> = []
  const queue = new HoldQueue(limits, callback => { later.push(callback) })
  const log: string[] = []
  const requests = names.map((name, index) => new Waiting(queue, log, { name, sinceMs: index }))
  /** Another turn of the event loop. */
  const turn = (): void => { for (const callback of later.splice(0)) callback() }
  return { queue, log, requests, turn, added: requests.map(request => queue.add(request)) }
}

t.test('first come, first served', async t => {
  const { queue, log } = queueOf(['a', 'b', 'c', 'd'])
  t.equal(queue.size, 4)
  queue.flush()
  t.same(log, ['a', 'b', 'c', 'd'])
  t.same([queue.size, bytesIn(queue)], [0, 0])
})

t.test('those that can\'t go on stay, in their place', async t => {
  const { queue, log, requests: [a, b] } = queueOf(['a', 'b', 'c'])
  if (a !== undefined) a.ready = false
  queue.flush()
  t.same(log, ['b', 'c'])
  t.same([queue.size, bytesIn(queue)], [1, 100])
  if (b !== undefined) queue.add(b)
  if (a !== undefined) a.ready = true
  queue.flush()
  t.same(log, ['b', 'c', 'a', 'b'], 'one that has come back does not overtake, and is not overtaken by those that came later')
})

t.test('one that comes back keeps its place before later ones', async t => {
  const { queue, log, requests: [a] } = queueOf(['a', 'b', 'c'])
  if (a === undefined) throw new Error('the queue has no such request')
  queue.remove(a)
  queue.add(a)
  queue.flush()
  t.same(log, ['a', 'b', 'c'])
})

t.test('the bound by count', async t => {
  const { queue, requests: [a], added } = queueOf(['a', 'b', 'c'], { maxRequests: 2, maxBytes: 10_000 })
  t.same(added, [true, true, false])
  t.equal(queue.size, 2)
  t.equal(queue.hasRoom(0), false)
  if (a !== undefined) queue.remove(a)
  t.equal(queue.hasRoom(100), true)
})

t.test('the bound by bytes, which is met and not passed', async t => {
  const { queue, added } = queueOf(['a', 'b', 'c'], { maxRequests: 10, maxBytes: 200 })
  t.same(added, [true, true, false])
  t.equal(queue.hasRoom(0), true)
  t.equal(queue.hasRoom(1), false)
})

t.test('other bounds hold from now on, and those that wait stay', async t => {
  const { queue, requests } = queueOf(['a', 'b', 'c'])
  queue.configure({ maxRequests: 1, maxBytes: 10_000 })
  t.equal(queue.size, 3)
  t.equal(queue.hasRoom(1), false)
  for (const request of requests) queue.remove(request)
  t.equal(queue.hasRoom(1), true)
})

t.test('removing what is not there changes nothing', async t => {
  const { queue, requests: [a] } = queueOf(['a', 'b'])
  if (a === undefined) throw new Error('the queue has no such request')
  queue.remove(a)
  queue.remove(a)
  t.same([queue.size, bytesIn(queue)], [1, 100])
})

t.test('one that leaves while others are let go is not called', async t => {
  const { queue, log, requests: [a, , c] } = queueOf(['a', 'b', 'c'])
  if (a === undefined || c === undefined) throw new Error('the queue has no such request')
  a.onProceed = () => { queue.remove(c) }
  queue.flush()
  t.same(log, ['a', 'b'])
  t.same([queue.size, bytesIn(queue)], [0, 0])
})

t.test('one that comes while others are let go waits for the next time', async t => {
  const { queue, log, requests: [a] } = queueOf(['a', 'b'])
  if (a === undefined) throw new Error('the queue has no such request')
  a.onProceed = () => {
    a.onProceed = () => {}
    queue.add(a)
  }
  queue.flush()
  t.same(log, ['a', 'b'])
  t.equal(queue.size, 1, 'and is not forgotten')
  queue.flush()
  t.same(log, ['a', 'b', 'a'])
})

t.test('those of one version alone', async t => {
  const { queue, log } = queueOf(['blue-1', 'green-1', 'blue-2'])
  queue.flush('green')
  t.same(log, ['green-1'])
  queue.flush('blue')
  t.same(log, ['green-1', 'blue-1', 'blue-2'])
})

t.test('now and then one tries by itself: the oldest that can', async t => {
  const { queue, log, requests: [a] } = queueOf(['a', 'b', 'c'])
  if (a !== undefined) a.ready = false
  queue.tick(1_000)
  t.same(log, ['b'])
  queue.tick(1_500)
  t.same(log, ['b'], 'not with every tick')
  queue.tick(2_000)
  t.same(log, ['b', 'c'])
  queue.tick(3_000)
  t.equal(queue.size, 1)
})

t.test('where an endpoint has no room for all, one goes on for each request that ends', async t => {
  const { queue, log, requests } = queueOf(['a', 'b', 'c'])
  t.equal(queue.crowded, false)
  queue.noteCrowd()
  queue.next()
  t.same([log, queue.crowded], [['a'], true])
  queue.next()
  t.same([log, queue.crowded], [['a', 'b'], true])
  const [, , last] = requests
  if (last !== undefined) last.ready = false
  queue.next()
  t.same([log, queue.crowded], [['a', 'b'], false], 'it was tried in vain, and did not say that it was for want of room')
  if (last !== undefined) last.ready = true
  queue.next()
  t.same([log, queue.crowded], [['a', 'b', 'c'], false])
})

t.test('the first one does not try before a second has passed since it came', async t => {
  const queue = new HoldQueue({ maxRequests: 10, maxBytes: 10_000 }, callback => { callback() })
  const log: string[] = []
  queue.add(new Waiting(queue, log, { name: 'a', sinceMs: 5_000 }))
  queue.tick(5_999)
  t.same(log, [])
  queue.tick(6_000)
  t.same(log, ['a'])
})

t.test('a long queue goes in slices, so that others get their turns, and in its order', async t => {
  const { queue, log, requests, turn } = queueOf(Array.from({ length: 100 }, (_, index) => `${index}`), { maxRequests: 100, maxBytes: 100_000 })
  queue.flush()
  t.equal(log.length, 32)
  requests[40]?.leave()
  turn()
  t.equal(log.length, 64)
  turn()
  turn()
  turn()
  t.same(log, requests.map(({ name }) => name).filter(name => name !== '40'))
  t.same([queue.size, bytesIn(queue)], [0, 0])
})

t.test('what is released while a long queue goes is released when that is over, once for all', async t => {
  const { queue, log, requests, turn } = queueOf(Array.from({ length: 40 }, (_, index) => `a-${index}`), { maxRequests: 100, maxBytes: 100_000 })
  for (const request of requests.slice(0, 8)) request.ready = false
  queue.flush()
  t.equal(log.length, 24)
  for (const request of requests.slice(0, 8)) request.ready = true
  queue.flush('b')
  queue.flush('a')
  queue.next()
  t.equal(log.length, 24, 'one at a time')
  turn()
  t.equal(log.length, 32, 'the rest of the first')
  turn()
  t.equal(log.length, 40)
  turn()
  t.equal(queue.size, 0)
})

t.test('one that can never go on is asked once in each release, and does not hold up the others', async t => {
  const { queue, log, requests, turn } = queueOf(Array.from({ length: 70 }, (_, index) => `${index}`), { maxRequests: 100, maxBytes: 100_000 })
  for (const request of requests) request.ready = false
  queue.tick(1_000)
  for (let round = 0; round < 5; round++) turn()
  t.same(requests.map(({ asked }) => asked), requests.map(() => 1))
  t.same([log, queue.size], [[], 70])
})

t.test('one that is refused alone does not try again before its second is over', async t => {
  const { queue, log, requests: [a] } = queueOf(['a'])
  if (a === undefined) throw new Error('the queue has no such request')
  // Refused at once, and back.
  a.onProceed = () => { queue.add(a) }
  for (let nowMs = 0; nowMs < 5_000; nowMs += 100) queue.tick(nowMs)
  t.same(log, ['a', 'a', 'a', 'a'], 'one a second')
})
