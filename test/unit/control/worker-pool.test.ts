/**
 * Workers that die: their peers go on, and a replacement knows everything before it listens.
 */
import t from 'tap'
import type { MirrorOverride } from '../../../src/contract/mirror-spec.ts'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { dataPlaneOptions } from '../../../src/routes/configured-options.ts'
import { WorkerPool, type WorkerPoolDeps } from '../../../src/control/worker-pool.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { SLOT, slotView, WORKER } from '../../../src/telemetry/counter-layout.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { clientCount } from '../../helpers/client-count.ts'
import { testWatch } from '../../helpers/evidence-sum.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeWorker } from '../../helpers/fake-worker.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'
import type { RouteSpec } from '../../../src/contract/route-spec.ts'

const { config } = await loadConfig({ file: 'test/fixtures/config/valid-minimal.yaml', env: {}, args: [] })
const OPTIONS = dataPlaneOptions(config, 268_435_456)
const ROUTE: RouteSpec = {
  name: 'hello',
  match: {},
  affinity: { by: 'client-ip', level: 'version' },
  balancing: 'least-request',
  policy: testPolicy(),
  placement: null,
  mirror: null,
  versions: [{ name: 'v1', slot: 0 }]
}
const ENDPOINT: Endpoint = { address: '192.0.2.1', port: 80, ready: true, serving: true, terminating: false }

function createPool (overrides: Partial<WorkerPoolDeps> = {}) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const book = new CounterBook(clock)
  const workers: FakeWorker[] = []
  const counts: { restarts: number, readonly io: string[] } = { restarts: 0, io: [] }
  const pool = new WorkerPool({
    clock,
    log,
    book,
    spawn: (data, startedMs, events) => {
      const worker = new FakeWorker(data, startedMs, events)
      workers.push(worker)
      return worker
    },
    health: { report: () => {}, forget: () => {} },
    appendAccessLog: (_, done) => { done() },
    onRestart: () => { counts.restarts++ },
    onIo: mode => { counts.io.push(mode) },
    ...overrides
  }, { count: 2, listeners: config.listeners, reusePort: true, io: 'auto' }, OPTIONS)
  const worker = (index: number): FakeWorker => {
    const found = workers[index]
    if (found === undefined) throw new Error(`there is no worker ${index}`)
    return found
  }
  return { pool, clock, log, book, workers, worker, counts }
}

/** A pool of two whose listeners are open. */
async function createOpenPool () {
  const made = createPool()
  const { pool, book, worker } = made
  pool.start()
  book.slotFor('hello', 'v1')
  pool.sendEndpoints('hello', 'v1', [ENDPOINT])
  void pool.publish({ route: 'hello', epoch: 1, weights: { v1: 1 }, salt: '' }, 1_000)
  pool.sendRoutes(OPTIONS, [ROUTE])
  const listening = pool.listen()
  worker(0).say({ type: 'listening' })
  worker(1).say({ type: 'listening' })
  await listening
  return made
}

t.test('the pool listens when all workers do, and is told before what they have to know', async t => {
  const { worker, pool } = await createOpenPool()
  for (const index of [0, 1]) t.same(worker(index).types, ['routes', 'endpoints', 'split', 'routes', 'listen'])
  t.equal(pool.accepting, true)
})

t.test('the connections of a worker that dies are forgotten, and those of its peers are not', async t => {
  const { worker, workers, clock } = await createOpenPool()
  for (const index of [0, 1]) {
    t.equal(worker(index).ledger.enterListener(0, 9), true)
    t.ok(worker(index).ledger.enterClient('192.0.2.1', 9))
  }
  t.same([worker(1).ledger.listenerCount(0), clientCount(worker(1).ledger, '192.0.2.1')], [2, 2], 'they share their memory')
  worker(0).die()
  t.same([worker(1).ledger.listenerCount(0), clientCount(worker(1).ledger, '192.0.2.1')], [1, 1])
  clock.advance(100)
  t.equal(workers.length, 3)
  t.equal(worker(2).ledger.enterListener(0, 2), true, 'the replacement counts where its predecessor did')
  t.equal(worker(1).ledger.listenerCount(0), 2)
})

t.test('a replacement gets the latest ticket keys and certificates before it listens', async t => {
  const { pool, clock, worker } = await createOpenPool()
  const material = (cert: string) => ({ certificates: [{ cert, key: 'key', names: ['a.test'] }], minVersion: '1.2', clientCertificates: undefined } as const)
  pool.sendTicketKeys(new Uint8Array(48))
  pool.sendTicketKeys(new Uint8Array(48).fill(1))
  pool.sendCertificates('web', material('old'))
  pool.sendCertificates('web', material('new'))
  pool.sendCertificates('other', material('theirs'))
  t.same(worker(1).types.slice(-5), ['ticket-keys', 'ticket-keys', 'certificates', 'certificates', 'certificates'])
  worker(0).die()
  clock.advance(100)
  t.same(worker(2).types.slice(-4), ['ticket-keys', 'certificates', 'certificates', 'listen'])
  t.match(worker(2).received.at(-4), { keys: new Uint8Array(48).fill(1) })
  t.match(worker(2).received.at(-3), { listener: 'web', material: material('new') })
  t.match(worker(2).received.at(-2), { listener: 'other', material: material('theirs') })
})

t.test('a change of endpoints is told as one, and a replacement is told what all changes have come to', async t => {
  const { pool, clock, worker } = await createOpenPool()
  const others = Array.from({ length: 3 }, (_, index) => ({ ...ENDPOINT, port: 90 + index }))
  pool.sendEndpoints('hello', 'v1', [ENDPOINT, ...others])
  const change = { set: [{ ...ENDPOINT, port: 99 }], gone: [`${ENDPOINT.address}:91`] }
  pool.sendEndpointChange('hello', 'v1', change)
  t.same(worker(1).received.at(-1), { type: 'endpoint-change', route: 'hello', version: 'v1', change })
  worker(0).die()
  clock.advance(100)
  t.match(worker(2).received[1], { type: 'endpoints', endpoints: [ENDPOINT.port, 90, 92, 99].map(port => ({ port })) })
})

t.test('a worker that dies is counted and replaced, and the replacement gets the latest of everything before it listens', async t => {
  const { pool, clock, log, worker, workers, counts } = await createOpenPool()
  void pool.publish({ route: 'hello', epoch: 2, weights: { v1: 7 }, salt: '' }, 1_000)
  pool.sendEndpoints('hello', 'v1', [])
  pool.sendEndpoints('hello', 'v1', [{ ...ENDPOINT, port: 81 }])
  worker(0).die()
  t.equal(counts.restarts, 1)
  t.equal(pool.accepting, true, 'the peer keeps serving')
  t.match(log.lines.at(-1), { level: 'error', message: 'a worker died and is replaced', fields: { worker: 0, reason: 'RangeError: for a test' } })
  t.equal(workers.length, 2, 'not at once')
  clock.advance(100)
  t.equal(workers.length, 3)
  const replacement = worker(2)
  t.equal(replacement.id, 0)
  t.same(replacement.types, ['routes', 'endpoints', 'split', 'routes', 'listen'])
  t.match(replacement.received, [
    { type: 'routes', routes: [] },
    { endpoints: [{ port: 81 }] },
    { route: 'hello', epoch: 2, weights: { v1: 7 } },
    { type: 'routes', routes: [{ name: 'hello' }], segments: [SharedArrayBuffer] },
    { listeners: config.listeners, reusePort: true }
  ])
})

t.test('a replacement knows no routes that are gone', async t => {
  const { pool, clock, worker } = await createOpenPool()
  pool.sendRoutes(OPTIONS, [])
  worker(1).die()
  clock.advance(100)
  t.same(worker(2).types, ['routes', 'routes', 'listen'])
})

t.test('a worker that keeps dying is replaced ever more slowly, up to a bound, and quickly again after a good time', async t => {
  const { clock, workers, worker, log } = await createOpenPool()
  const waits: unknown[] = []
  for (let round = 0; round < 10; round++) {
    worker(workers.length - 1).die()
    waits.push(log.lines.at(-1)?.fields['retryInMs'])
    clock.advance(Number(waits.at(-1)))
  }
  t.same(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
  clock.advance(10_001)
  worker(workers.length - 1).die()
  t.equal(log.lines.at(-1)?.fields['retryInMs'], 50)
})

t.test('counters do not go backwards when a worker dies, and what it had in hand is forgotten', async t => {
  const { book, clock, worker } = await createOpenPool()
  const count = (index: number, requests: number, inFlight: number): void => {
    const message = worker(index).received.findLast(({ type }) => type === 'routes')
    if (message?.type !== 'routes') throw new Error('no routes')
    const slot = slotView(message.segments, 0)
    slot[SLOT.requestsByClass + 1] = requests
    slot[SLOT.inFlight] = inFlight
    worker(index).page[WORKER.connectionsAccepted] = requests
    worker(index).page[WORKER.connectionsOpen] = inFlight
  }
  count(0, 70, 3)
  count(1, 30, 1)
  t.match(book.read('hello', 'v1'), { inFlight: 4 })
  const requests = (): number => (book.read('hello', 'v1')?.requestsByClass ?? []).reduce((sum, value) => sum + value, 0)
  t.equal(requests(), 100)
  worker(0).die()
  t.equal(requests(), 100)
  t.match(book.read('hello', 'v1'), { inFlight: 1 })
  clock.advance(100)
  t.equal(requests(), 100)
  count(2, 5, 2)
  t.equal(requests(), 105)
  t.match(book.readWorker(0), { connectionsAccepted: 75, connectionsOpen: 2 })
})

t.test('a change that is made while a worker is away is complete when its replacement has it', async t => {
  const { pool, clock, worker } = await createOpenPool()
  worker(0).die()
  const published = pool.publish({ route: 'hello', epoch: 5, weights: { v1: 1 }, salt: '' }, 10_000)
  worker(1).say({ type: 'applied', route: 'hello', epoch: 5 })
  clock.advance(100)
  const replacement = worker(2)
  t.match(replacement.received.find(({ type }) => type === 'split'), { epoch: 5 })
  replacement.say({ type: 'applied', route: 'hello', epoch: 5 })
  t.same(await published, { workers: 2, applied: 2, tookMs: 100 })
})

t.test('a change is reported as incomplete when the time is over', async t => {
  const { pool, clock, worker } = await createOpenPool()
  const published = pool.publish({ route: 'hello', epoch: 5, weights: { v1: 1 }, salt: '' }, 200)
  worker(1).say({ type: 'applied', route: 'hello', epoch: 4 })
  worker(0).say({ type: 'applied', route: 'hello', epoch: 6 })
  clock.advance(200)
  t.same(await published, { workers: 2, applied: 1, tookMs: 200 }, 'a later epoch counts, an earlier one does not')
})

t.test('a listener that can not be opened fails the start, with its address', async t => {
  const { pool, worker } = createPool()
  pool.start()
  const listening = pool.listen()
  worker(0).say({ type: 'listening' })
  worker(1).say({ type: 'listen-failed', listener: config.listeners[0]?.name ?? '', reason: 'EACCES' })
  await t.rejects(listening, new RegExp(`can't be opened on .* port ${config.listeners[0]?.port ?? 0}: EACCES`))
})

t.test('a replacement that can not listen is ended and tried again', async t => {
  const { workers, worker, clock, counts } = await createOpenPool()
  worker(0).die()
  clock.advance(100)
  worker(2).say({ type: 'listen-failed', listener: 'web', reason: 'EADDRINUSE' })
  t.equal(counts.restarts, 2)
  clock.advance(200)
  t.equal(workers.length, 4)
})

t.test('a worker that dies before the listeners are to be open does not open them by itself', async t => {
  const { pool, worker, workers, clock } = createPool()
  pool.start()
  worker(0).die()
  clock.advance(100)
  t.equal(workers.length, 3)
  t.notOk(worker(2).types.includes('listen'))
  void pool.listen()
  t.equal(worker(2).types.filter(type => type === 'listen').length, 1)
  t.equal(worker(1).types.filter(type => type === 'listen').length, 1)
})

t.test('a replacement knows what active checks have found, and what its predecessor has said is forgotten', async t => {
  const said: Array<readonly [number, string]> = []
  const { pool, clock, worker } = createPool({ health: { report: (id, { version }) => { said.push([id, version]) }, forget: id => { said.push([id, 'forget']) } } })
  pool.start()
  const failing = [{ endpoint: '192.0.2.1:80', sinceWallMs: 5, detail: 'status 500' }]
  pool.sendChecks('hello', 'v1', failing)
  pool.sendChecks('gone', 'v1', failing)
  t.match(worker(1).received.at(-1), { type: 'checks', route: 'gone' })
  pool.sendRoutes(OPTIONS, [ROUTE])
  worker(1).say({ type: 'health', route: 'hello', version: 'v1', panic: false, endpoints: [] })
  worker(1).die()
  t.same(said, [[1, 'v1'], [1, 'forget']])
  clock.advance(100)
  t.same(worker(2).received.filter(({ type }) => type === 'checks'), [{ type: 'checks', route: 'hello', version: 'v1', failing }])
})

t.test('a drain waits for all workers and adds up what was cut; one that dies meanwhile holds nothing up', async t => {
  const { pool, worker, workers, clock, counts } = await createOpenPool()
  const drained = pool.drain(1_000)
  t.equal(pool.accepting, false)
  for (const index of [0, 1]) t.match(worker(index).received.at(-1), { type: 'drain', timeoutMs: 1_000 })
  worker(0).say({ type: 'drained', cut: 3 })
  worker(1).die()
  t.equal(await drained, 3)
  clock.advance(10_000)
  t.equal(workers.length, 2, 'nobody is replaced any more')
  t.equal(counts.restarts, 0)
})

t.test('a worker that died before a drain is not replaced during it', async t => {
  const { pool, worker, workers, clock } = await createOpenPool()
  worker(0).die()
  const drained = pool.drain(1_000)
  clock.advance(10_000)
  t.equal(workers.length, 2)
  worker(1).say({ type: 'drained', cut: 0 })
  t.equal(await drained, 0)
})

t.test('what workers say is passed on', async t => {
  const appended: string[] = []
  const { pool, worker, log } = createPool({
    appendAccessLog: (lines, done) => {
      appended.push(Buffer.from(lines).toString())
      done()
    }
  })
  pool.start()
  worker(1).say({ type: 'log', level: 'warn', message: 'odd', fields: { what: 'x' } })
  t.match(log.lines.filter(({ level }) => level !== 'debug'), [{ level: 'warn', message: 'odd', fields: { what: 'x', worker: 1 } }])
  worker(1).say({ type: 'access-log', lines: new TextEncoder().encode('{}\n') })
  t.same(appended, ['{}\n'])
  t.match(worker(1).received.at(-1), { type: 'access-log-written', bytes: 3 })
})

t.test('a drain that somebody cuts short leaves the workers no more time', async t => {
  const { worker, pool } = await createOpenPool()
  pool.hurry()
  t.notMatch(worker(0).types.at(-1), 'drain', 'there is no drain to cut short')
  const drained = pool.drain(60_000)
  pool.hurry()
  for (const index of [0, 1]) t.match(worker(index).received.at(-1), { type: 'drain', timeoutMs: 0 })
  for (const index of [0, 1]) worker(index).say({ type: 'drained', cut: 1 })
  t.equal(await drained, 2)
})

t.test('a worker that is stuck holds the end up for two seconds more than the drain, or than somebody who is in haste', async t => {
  for (const hurry of [false, true]) {
    const { worker, pool, clock } = await createOpenPool()
    let over = false
    const drained = pool.drain(5_000).then(cut => {
      over = true
      return cut
    })
    worker(0).say({ type: 'drained', cut: 0 })
    if (hurry) pool.hurry()
    clock.advance(hurry ? 1_999 : 6_999)
    await new Promise(resolve => { setImmediate(resolve) })
    t.equal(over, false)
    clock.advance(1)
    t.equal(await drained, 0)
  }
})

t.test('debug says what is sent to the workers, and what they say of it', async t => {
  const { worker, log } = await createOpenPool()
  worker(0).say({ type: 'applied', route: 'hello', epoch: 1 })
  const said = log.lines.filter(({ level }) => level === 'debug')
  t.match(said, [
    { message: 'endpoints are sent to the workers', fields: { route: 'hello', version: 'v1', endpoints: 1 } },
    { message: 'weights are sent to the workers', fields: { route: 'hello', epoch: 1 } },
    { message: 'a worker listens', fields: { worker: 0 } },
    { message: 'a worker listens', fields: { worker: 1 } },
    { message: 'a worker applies the weights', fields: { route: 'hello', epoch: 1, worker: 0 } }
  ])
})

t.test('what is told together is one message for each worker, in its order, even when the telling ends in an error', async t => {
  const { pool, worker } = await createOpenPool()
  const before = worker(0).received.length
  t.throws(() => {
    pool.together(() => {
      pool.sendEndpoints('hello', 'v1', [])
      void pool.publish({ route: 'hello', epoch: 2, weights: { v1: 1 }, salt: '' }, 1_000)
      pool.sendRoutes(OPTIONS, [ROUTE])
      throw new Error('broken')
    })
  }, /broken/)
  for (const index of [0, 1]) {
    t.match(worker(index).received.slice(before), [{
      type: 'together', messages: [{ type: 'endpoints' }, { type: 'split' }, { type: 'routes' }]
    }])
  }
  pool.sendEndpoints('hello', 'v1', [])
  t.equal(worker(0).types.at(-1), 'endpoints', 'afterwards each is a message of its own')
})

t.test('a replacement has the watch before it knows the routes and listens, and leaves out afterwards what a verdict has ejected', async t => {
  const { pool, clock, worker } = await createOpenPool()
  const heard: unknown[] = []
  pool.onEvidence((...evidence) => { heard.push(evidence) })
  pool.watch('hello', testWatch({ slowerThanMs: 0 }))
  pool.watch('hello', testWatch({ slowerThanMs: 7 }))
  pool.eject({ route: 'hello', version: 'v1', endpoint: '192.0.2.1:80', forMs: 30_000 })
  t.same(worker(1).types.slice(-3), ['watch', 'watch', 'eject'])
  worker(0).die()
  clock.advance(100)
  t.same(worker(2).types, ['routes', 'endpoints', 'split', 'watch', 'routes', 'eject', 'listen'])
  t.match(worker(2).received[3], { route: 'hello', watch: { id: 'rollout-1', slowerThanMs: 7 } })
  t.match(worker(2).received[5], { endpoint: '192.0.2.1:80', forMs: 29_900 })
  const report = { cohorts: [], signs: [], heavy: [], dropped: 1 }
  for (const index of [1, 2]) worker(index).say({ type: 'evidence', route: 'hello', id: 'rollout-1', report })
  worker(1).say({ type: 'evidence', route: 'hello', id: 'another', report })
  t.same(heard, [['hello', 'rollout-1', report, 'worker 1 since 0'], ['hello', 'rollout-1', report, 'worker 0 since 100']])
  pool.watch('hello', null)
  t.match(worker(2).received.at(-1), { type: 'watch', watch: null })
})

t.test('the mirror of a rollout goes with its split, once, and the one of the file holds again without it', async t => {
  const { pool, worker } = await createOpenPool()
  const mirrors = () => worker(0).received.filter(({ type }) => type === 'mirror')
  const split = { route: 'hello', weights: { v1: 1 }, salt: '' }
  void pool.publish({ ...split, epoch: 2, mirror: { to: 'v1', percent: 10 } }, 1_000)
  void pool.publish({ ...split, epoch: 3, mirror: { to: 'v1', percent: 10 } }, 1_000)
  t.match(mirrors(), [{ route: 'hello', override: { mirror: { to: 'v1', percent: 10 } } }])
  void pool.publish({ ...split, epoch: 4, mirror: { to: 'v1', percent: 0 } }, 1_000)
  void pool.publish({ ...split, epoch: 5 }, 1_000)
  t.same(mirrors().slice(1), [{ type: 'mirror', route: 'hello', override: { mirror: null } }, { type: 'mirror', route: 'hello', override: null }])
})

t.test('how copies of a rollout are made is what the file says now', async t => {
  const { pool, worker } = await createOpenPool()
  const mirrors = () => worker(0).received.filter(({ type }) => type === 'mirror')
  void pool.publish({ route: 'hello', epoch: 2, weights: { v1: 1 }, salt: '', mirror: { to: 'v1', percent: 10 } }, 1_000)
  const [{ override = null } = {}] = mirrors() as ReadonlyArray<{ readonly override?: MirrorOverride | null }>
  const own = override?.mirror ?? null
  if (own === null) throw new Error('nothing was told')
  pool.sendRoutes(OPTIONS, [ROUTE])
  t.equal(mirrors().length, 1, 'nothing new')
  pool.sendRoutes(OPTIONS, [{ ...ROUTE, mirror: { ...own, to: 'v2', percent: 50, maxBodyBytes: 7 } }])
  t.match(mirrors().slice(1), [{ route: 'hello', override: { mirror: { to: 'v1', percent: 10, maxBodyBytes: 7 } } }])
})
