/**
 * What a worker hears of active checks, and what it tells of its endpoints.
 */
import t from 'tap'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const START_MS = Date.UTC(2026, 0, 1)
const FAILING = { endpoint: '127.0.0.1:81', sinceWallMs: START_MS - 5_000, detail: 'status 500' }
const REASON = { kind: 'check-failed', sinceMs: START_MS - 5_000, untilMs: null, detail: 'status 500' }

function setUp () {
  const clock = new FakeClock()
  const bench = new ProxyBench({}, clock)
  const tick = (ms: number): void => {
    clock.advance(ms)
    bench.routes.tick(bench.plane.readClock())
  }
  const checks = (version: string, failing: ReadonlyArray<typeof FAILING>): void => { bench.routes.applyChecks({ type: 'checks', route: 'test', version, failing }) }
  const pool = (version = 0) => bench.plane.routes.get('test')?.versions[version]?.pool
  const picked = () => Array.from({ length: 20 }, () => pool()?.pick(0, [])?.port)
  return { bench, tick, checks, pool, picked }
}

t.test('verdicts that come before their route or endpoint are there when it comes, and outlive reloads', async t => {
  const { bench, checks, picked } = setUp()
  checks('v1', [FAILING])
  bench.endpoints('v1', [80])
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [80, 81])
  t.same(new Set(picked()), new Set([80]))
  bench.route([{ weights: { v1: 1 } }])
  t.same(new Set(picked()), new Set([80]))
  checks('v1', [])
  t.same(new Set(picked()), new Set([80, 81]))
})

t.test('of an endpoint that two versions share, one that fails the check of either is out', async t => {
  const { bench, checks, pool } = setUp()
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  for (const version of ['v1', 'v2']) bench.endpoints(version, [80, 81])
  checks('v2', [FAILING])
  t.match(pool(0)?.status().members, [{ available: true }, { available: false }])
  bench.endpoints('v2', [80])
  t.match(pool(0)?.status().members, [{ available: true }, { available: true }], 'the version has let go of it')
})

t.test('what has changed is told once, in wall time, and only what there is to say', async t => {
  const { bench, checks, tick } = setUp()
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  bench.endpoints('v1', [80, 81])
  t.same(bench.routes.healthNews(), [], 'all is well')
  checks('v1', [FAILING])
  tick(100)
  const endpoints = [{ endpoint: '127.0.0.1:81', available: false, reasons: [REASON] }]
  t.same(bench.routes.healthNews(), [{ type: 'health', route: 'test', version: 'v1', panic: false, endpoints }])
  tick(100)
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  t.same(bench.routes.healthNews(), [], 'a reload changes nothing')
  checks('v1', [{ ...FAILING, endpoint: '127.0.0.1:80' }, FAILING])
  t.match(bench.routes.healthNews(), [{ version: 'v1', panic: true, endpoints: [{ endpoint: '127.0.0.1:80' }, { endpoint: '127.0.0.1:81' }] }])
  checks('v1', [])
  t.same(bench.routes.healthNews(), [{ type: 'health', route: 'test', version: 'v1', panic: false, endpoints: [] }])
})

t.test('a message names a thousand endpoints at most, and a tick sends 64', async t => {
  const { bench } = setUp()
  const names = Array.from({ length: 70 }, (_, index) => `r${index}`)
  const ports = Array.from({ length: 1_200 }, (_, index) => index + 1)
  bench.route(names.map(name => ({ name, weights: { v1: 1 } })))
  for (const route of names) {
    bench.endpoints('v1', route === 'r0' ? ports : [1], route)
    const failing = (route === 'r0' ? ports : [1]).map(port => ({ ...FAILING, endpoint: `127.0.0.1:${port}` }))
    bench.routes.applyChecks({ type: 'checks', route, version: 'v1', failing })
  }
  const news = bench.routes.healthNews()
  t.equal(news[0]?.endpoints.length, 1_000)
  t.equal(news.length, 64)
  t.equal(bench.routes.healthNews().length, 6)
})

t.test('a request that is held goes on when an endpoint passes its check', async t => {
  const { bench, checks, pool } = setUp()
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold', policy: { health: { panicThreshold: 0, passive: { enabled: false, consecutiveFailures: 0, interval: '10s', baseEjection: '10s', maxEjection: '5m', maxEjectedShare: 0.5, successRate: { enabled: false, minEndpoints: 3, minRequests: 100, stdevFactor: 3, minDifference: 0.1 } } } } }])
  bench.endpoints('v1', [81])
  checks('v1', [FAILING])
  t.equal(pool()?.empty, true)
  let asked = 0
  bench.plane.routes.get('test')?.hold.add({
    heldBytes: 1,
    sinceMs: 0,
    tryProceed: () => {
      asked++
      return true
    }
  })
  checks('v1', [])
  t.same([pool()?.empty, asked], [false, 1])
})

t.test('an endpoint that the control plane ejects is out for that time, which is told; a reload changes nothing, and nothing else is touched', async t => {
  const { bench, tick, picked } = setUp()
  const eject = (different: Partial<Parameters<typeof bench.routes.applyEject>[0]> = {}): void => {
    bench.routes.applyEject({ type: 'eject', route: 'test', version: 'v1', endpoint: '127.0.0.1:81', forMs: 10_000, ...different })
  }
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  bench.endpoints('v1', [80, 81, 82])
  bench.endpoints('v2', [83, 84])
  tick(100)
  for (const nowhere of [{ route: 'none' }, { version: 'none' }, { endpoint: '127.0.0.1:99' }, { version: 'v2' }]) eject(nowhere)
  tick(100)
  t.same(bench.routes.healthNews(), [], 'what nobody knows is left alone')
  eject()
  t.same(new Set(picked()), new Set([80, 82]))
  tick(100)
  t.match(bench.routes.healthNews(), [{
    type: 'health', route: 'test', version: 'v1', endpoints: [{ endpoint: '127.0.0.1:81', available: false, reasons: [{ kind: 'ejected', untilMs: START_MS + 10_200, detail: /verdict/ }] }]
  }])
  t.equal(bench.version('v1').ejections, 1)
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  t.same(new Set(picked()), new Set([80, 82]))
  tick(10_000)
  t.match(bench.routes.healthNews(), [{ version: 'v1', endpoints: [{ endpoint: '127.0.0.1:81', available: true, reasons: [{ kind: 'trial' }] }] }])
})
