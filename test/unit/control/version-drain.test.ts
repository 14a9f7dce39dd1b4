import t from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { VersionDrain } from '../../../src/control/version-drain.ts'
import { RouteBook } from '../../../src/routes/route-book.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { SLOT, slotView } from '../../../src/telemetry/counter-layout.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const versions = ['stable', 'canary'].map(name => ({ name, weight: 1, endpoints: { static: ['127.0.0.1:1'] } }))

/** Two workers that apply epoch 5, where canary has no weight. */
function setUp (route: Partial<RouteConfig> = {}) {
  const book = new CounterBook(new FakeClock())
  const slot = book.slotFor('hello', 'canary')
  const workers = [0, 1].map(id => {
    book.addWorker(id)
    return { counters: slotView(book.segmentsOf(id), slot), applied: 5 }
  })
  const weights = { stable: 1, canary: 0 }
  const drain = new VersionDrain({
    routes: new RouteBook([{ ...ROUTE_DEFAULTS, name: 'hello', versions, ...route }]),
    traffic: name => name === 'hello' ? { epoch: 5, weights } : undefined,
    book,
    workers: () => workers.map(worker => ({ appliedEpoch: () => worker.applied })),
    endpoints: () => []
  })
  return { drain, workers, weights, of: (version = 'canary') => drain.status('hello', version) }
}

t.test('a version without weight and without requests is safe', async t => {
  t.strictSame(setUp().of(), {
    route: 'hello', version: 'canary', weight: 0, workers: { running: 2, applied: 2 }, inFlight: 0, tunnels: 0, held: 0, endpoints: [], safe: true, why: []
  })
})

t.test('what is not in the configuration has no status', async t => {
  const { drain, of } = setUp()
  t.equal(of('green'), undefined)
  t.equal(drain.status('other', 'canary'), undefined)
})

t.test('a weight speaks against it', async t => {
  const { weights, of } = setUp()
  weights.canary = 3
  t.match(of(), { weight: 3, safe: false, why: [/^it has the weight 3/] })
})

t.test('a worker that has not applied the weights speaks against it', async t => {
  const { workers: [, second], of } = setUp()
  if (second !== undefined) second.applied = 4
  t.match(of(), { workers: { running: 2, applied: 1 }, safe: false, why: ['1 of 2 workers apply the weights'] })
})

t.test('requests and tunnels of all workers count, and each once', async t => {
  const { workers, of } = setUp()
  for (const { counters } of workers) {
    // As the data plane counts: a tunnel, and a request that waits, are in flight too.
    counters[SLOT.inFlight] = 4
    counters[SLOT.tunnels] = 2
    counters[SLOT.held] = 1
  }
  t.match(of(), { inFlight: 2, tunnels: 4, held: 2, safe: false, why: ['2 requests are in flight', '4 tunnels are open'] })
})

t.test('requests that only wait for an endpoint do not speak against it: without a weight it does not get them', async t => {
  const { workers: [first], of } = setUp()
  if (first !== undefined) first.counters[SLOT.inFlight] = first.counters[SLOT.held] = 1
  t.match(of(), { inFlight: 0, held: 1, safe: true })
})

t.test('failover to it speaks against it, as long as another version has a weight', async t => {
  const { weights, of } = setUp({ failover: { to: 'canary', on: ['connect'] } })
  t.match(of(), { safe: false, why: [/^failover/] })
  weights.stable = 0
  t.match(of(), { safe: true })
})
