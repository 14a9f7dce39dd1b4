import t from 'tap'
import { PROXY_ERROR_INDEX } from '../../../src/core/proxy-error.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { ROUTE_ITSELF, SLOT, SLOTS_PER_SEGMENT, WORKER, slotView } from '../../../src/telemetry/counter-layout.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const QUARANTINE_MS = 60_000

/** What a worker does: adds to a double of a slot. */
function add (book: CounterBook, workerId: number, slot: number, index: number, amount: number): void {
  const view = slotView(book.segmentsOf(workerId), slot)
  view[index] = (view[index] ?? 0) + amount
}

t.test('a version keeps its slot, and versions of the same name in two routes have two', t => {
  const book = new CounterBook(new FakeClock())
  const slot = book.slotFor('hello', 'stable')
  t.equal(book.slotFor('hello', 'stable'), slot)
  t.not(book.slotFor('other', 'stable'), slot)
  t.not(book.slotFor('hello', 'canary'), slot)
  t.end()
})

t.test('a version is the sum of all workers', t => {
  const book = new CounterBook(new FakeClock())
  const slot = book.slotFor('hello', 'stable')
  book.addWorker(0)
  book.addWorker(1)
  add(book, 0, slot, SLOT.requestsByClass + 1, 3)
  add(book, 1, slot, SLOT.requestsByClass + 1, 4)
  add(book, 1, slot, SLOT.inFlight, 2)
  add(book, 0, slot, SLOT.latencyBuckets + 15, 1)
  add(book, 0, slot, SLOT.latencySumS, 31.5)
  add(book, 1, slot, SLOT.errors + PROXY_ERROR_INDEX.upstream_timeout, 6)
  const counters = book.read('hello', 'stable')
  t.strictSame(counters?.requestsByClass, [0, 7, 0, 0, 0])
  t.equal(counters?.inFlight, 2)
  t.equal(counters?.latencyBuckets.at(-1), 1)
  t.equal(counters?.latencyBuckets.length, 16)
  t.equal(counters?.latencySumS, 31.5)
  t.equal(counters?.errors[PROXY_ERROR_INDEX.upstream_timeout], 6)
  t.strictSame([...book.requestCounts()], [{ route: 'hello', version: 'stable', requests: 7 }])
  t.end()
})

t.test('what a route answers itself is no version of it', t => {
  const book = new CounterBook(new FakeClock())
  book.slotFor('a', 'v')
  book.slotFor('a', ROUTE_ITSELF)
  t.same([...book.requestCounts()].map(({ version }) => version), ['v'])
  t.end()
})

t.test('a version without a slot is not known', t => {
  const book = new CounterBook(new FakeClock())
  t.equal(book.read('hello', 'stable'), undefined)
  t.end()
})

t.test('when slots run out every worker gets another segment, and one that comes later gets them all', t => {
  const book = new CounterBook(new FakeClock())
  book.addWorker(0)
  t.strictSame(book.segmentsOf(0), [])
  const versions = Array.from({ length: SLOTS_PER_SEGMENT + 1 }, (_, index) => ({ route: 'r', version: `v${index}` }))
  book.retain(versions)
  book.addWorker(1)
  t.equal(book.segmentsOf(0).length, 2)
  t.equal(book.segmentsOf(1).length, 2)
  const last = book.slotFor('r', `v${SLOTS_PER_SEGMENT}`)
  t.equal(last, SLOTS_PER_SEGMENT)
  add(book, 0, last, SLOT.retries, 5)
  t.equal(book.read('r', `v${SLOTS_PER_SEGMENT}`)?.retries[0], 5)
  t.equal(book.read('r', 'v0')?.retries[0], 0)
  t.end()
})

t.test('a removed version disappears, and its slot rests before another version gets it', t => {
  const clock = new FakeClock()
  const book = new CounterBook(clock, QUARANTINE_MS)
  book.addWorker(0)
  const slot = book.slotFor('hello', 'old')
  add(book, 0, slot, SLOT.requestsByClass + 1, 9)
  book.retain([])
  t.equal(book.read('hello', 'old'), undefined)
  clock.advance(QUARANTINE_MS - 1)
  t.not(book.slotFor('hello', 'early'), slot)
  clock.advance(1)
  t.equal(book.slotFor('hello', 'late'), slot)
  t.strictSame(book.read('hello', 'late')?.requestsByClass, [0, 0, 0, 0, 0], 'emptied')
  t.end()
})

t.test('a slot with a request in flight rests on, however long that takes', t => {
  const clock = new FakeClock()
  const book = new CounterBook(clock, QUARANTINE_MS)
  book.addWorker(0)
  const slot = book.slotFor('hello', 'old')
  add(book, 0, slot, SLOT.inFlight, 1)
  book.retain([])
  clock.advance(QUARANTINE_MS * 60)
  t.not(book.slotFor('hello', 'next'), slot)
  add(book, 0, slot, SLOT.inFlight, -1)
  t.equal(book.slotFor('hello', 'after'), slot)
  t.end()
})

t.test('a version that comes back while its slot rests goes on counting', t => {
  const clock = new FakeClock()
  const book = new CounterBook(clock, QUARANTINE_MS)
  book.addWorker(0)
  const slot = book.slotFor('hello', 'stable')
  add(book, 0, slot, SLOT.fallbacks, 2)
  book.retain([])
  clock.advance(QUARANTINE_MS * 2)
  book.retain([{ route: 'hello', version: 'stable' }])
  t.equal(book.slotFor('hello', 'stable'), slot)
  t.equal(book.read('hello', 'stable')?.fallbacks, 2)
  clock.advance(QUARANTINE_MS * 2)
  t.not(book.slotFor('hello', 'other'), slot, 'and the slot is not given away')
  t.end()
})

t.test('a slot that went to another version and back carries nothing over', t => {
  const clock = new FakeClock()
  const book = new CounterBook(clock, QUARANTINE_MS)
  book.addWorker(0)
  const slot = book.slotFor('hello', 'first')
  add(book, 0, slot, SLOT.retries, 5)
  book.removeWorker(0)
  book.retain([])
  clock.advance(QUARANTINE_MS)
  t.equal(book.slotFor('hello', 'second'), slot)
  t.equal(book.read('hello', 'second')?.retries[0], 0, 'what a dead worker counted is emptied too')
  t.not(book.slotFor('hello', 'first'), slot)
  t.end()
})

t.test('what a worker counted outlives it, and what it had in hand does not', t => {
  const book = new CounterBook(new FakeClock())
  const slot = book.slotFor('hello', 'stable')
  const page = new Float64Array(book.addWorker(0).page)
  add(book, 0, slot, SLOT.requestsByClass + 1, 3)
  add(book, 0, slot, SLOT.inFlight, 2)
  page[WORKER.connectionsAccepted] = 8
  page[WORKER.connectionsOpen] = 5
  page[WORKER.upstreamIdle] = 4
  page[WORKER.loopLagMaxS] = 0.5
  page[WORKER.unroutedByClass + 3] = 7
  book.removeWorker(0)
  t.strictSame(book.workerIds(), [0])
  t.equal(book.workerCount, 0)
  t.equal(book.read('hello', 'stable')?.requestsByClass[1], 3)
  t.equal(book.read('hello', 'stable')?.inFlight, 0)
  book.addWorker(0)
  add(book, 0, slot, SLOT.requestsByClass + 1, 1)
  t.equal(book.read('hello', 'stable')?.requestsByClass[1], 4)
  t.match(book.readWorker(0), { connectionsAccepted: 8, connectionsOpen: 0, upstreamIdle: 0, loopLagMaxS: 0, unroutedByClass: [0, 0, 0, 7, 0] })
  book.removeWorker(0)
  t.equal(book.readWorker(0).connectionsAccepted, 8, 'a second death adds nothing twice')
  t.end()
})

t.test('a place is taken once', t => {
  const book = new CounterBook(new FakeClock())
  book.addWorker(0)
  t.throws(() => book.addWorker(0), /worker 0 is in the book already/)
  t.throws(() => book.segmentsOf(1), /worker 1 is not in the book/)
  book.removeWorker(1)
  t.equal(book.readWorker(1).connectionsAccepted, 0)
  t.end()
})

t.test('what a dead worker had in hand is over: requests in flight, those that wait, tunnels', t => {
  const book = new CounterBook(new FakeClock())
  const slot = book.slotFor('hello', 'v1')
  book.addWorker(0)
  for (const index of [SLOT.inFlight, SLOT.held, SLOT.tunnels, SLOT.tunnelsTotal]) slotView(book.segmentsOf(0), slot)[index] = 3
  book.removeWorker(0)
  t.match(book.read('hello', 'v1'), { inFlight: 0, held: 0, tunnels: 0, tunnelsTotal: 3 })
  t.end()
})
