import { getHeapStatistics } from 'node:v8'
import t from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { createBalancer } from '../../../src/balancing/balancer.ts'
import { Random } from '../../../src/core/random.ts'
import { VersionPool } from '../../../src/upstream/version-pool.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { testPolicy, ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const endpoint = (port: number) => ({ address: '127.0.0.1', port, ready: true, serving: true, terminating: false })
const PORTS = [1, 2, 3, 4, 5]
const NONE: readonly [] = []

function setUp (policy: Partial<RouteConfig> = {}, balancing: RouteConfig['balancing'] = 'least-request', ports: readonly number[] = PORTS) {
  const clock = new FakeClock()
  const { pools, routes } = new ProxyBench({}, clock)
  const random = new Random(5)
  const { health, circuitBreaker } = testPolicy(policy)
  const draw = () => random.nextInt32()
  const pool = new VersionPool(pools, createBalancer(balancing, 'version', draw), {
    transport: routes.transports.of(undefined), health, circuitBreaker, random: draw, nowMs: () => clock.nowMs(), onHealthEvent: () => {}
  })
  pool.update(ports.map(endpoint))
  const pick = (keyHash = 0) => {
    const picked = pool.pick(keyHash, NONE)
    if (picked === undefined) throw new Error('nothing was picked')
    return picked
  }
  return { pool, pick, clock }
}

const limited = { ...ROUTE_DEFAULTS.circuitBreaker, requests: 1_000, perEndpoint: { connections: 0, pending: 0, requests: 100 } }

for (const [what, policy] of [['without limits', {}], ['with limits', { circuitBreaker: limited }]] as const) {
  t.test(`to choose and to report allocates nothing, ${what}`, async t => {
    const { pool, pick } = setUp(policy)
    const startedMs = performance.now()
    const run = (rounds: number): void => {
      for (let round = 0; round < rounds; round++) pool.report(pick(round), 'success', startedMs)
    }
    run(300_000)
    const before = getHeapStatistics().total_allocated_bytes
    run(300_000)
    const bytes = getHeapStatistics().total_allocated_bytes - before
    // A number on the heap for each would be 3.6 million; what is left comes from the compiler and the test runner.
    t.ok(bytes < 3_000_000, `${bytes} bytes in 300,000 requests`)
  })
}

t.test('a client that is kept on its endpoint moves once while that starts slowly', async t => {
  const { pool, pick, clock } = setUp({ slowStart: { window: '10s', minShare: 0.1 } }, 'rendezvous')
  pool.update([...PORTS, 6].map(endpoint))
  const keys = Array.from({ length: 500 }, (_, index) => Math.imul(index + 1, 0x9e3779b1))
  const moves = new Map<number, number>()
  let places = keys.map(key => pick(key).port)
  t.same(keys.map(key => pick(key).port), places, 'to ask again changes nothing')
  for (let step = 0; step < 11; step++) {
    clock.advance(1_000)
    pool.tick(clock.nowMs())
    const now = keys.map(key => pick(key).port)
    for (const [index, place] of now.entries()) {
      if (place === places[index]) continue
      t.equal(place, 6)
      moves.set(index, (moves.get(index) ?? 0) + 1)
    }
    places = now
  }
  t.ok([...moves.values()].every(count => count === 1))
  t.ok(moves.size > 40, `${moves.size} of 500 have moved to the newcomer`)
})

t.test('an endpoint that has just failed is not picked again while there is another', async t => {
  const { pool, pick } = setUp({}, 'round-robin', [1, 2])
  const first = pick()
  for (let round = 0; round < 10; round++) t.not(pool.pick(0, [first]), first)
  t.ok(Array.from({ length: 4 }, () => pick()).includes(first), 'only for that pick')
})

for (const balancing of ['least-request', 'round-robin', 'rendezvous'] as const) {
  t.test(`${balancing}: an endpoint that starts slowly gets every request when its peers have gone`, async t => {
    const { pool, clock } = setUp({ slowStart: { window: '30s', minShare: 0.1 } }, balancing)
    pool.update([...PORTS, 6].map(endpoint))
    pool.update([endpoint(6)])
    clock.advance(100)
    pool.tick(clock.nowMs())
    const picked = Array.from({ length: 1_000 }, (_, key) => pool.pick(Math.imul(key + 1, 0x9e3779b1), NONE)?.port)
    t.equal(picked.filter(port => port !== 6).length, 0, 'none is refused')
  })
}

const placed = (port: number, near: boolean) => ({ ...endpoint(port), near })

function portsOf (picks: number, pick: () => { readonly port: number } | undefined): readonly number[] {
  return [...new Set(Array.from({ length: picks }, () => pick()?.port ?? 0))].sort()
}

for (const balancing of ['least-request', 'round-robin', 'rendezvous'] as const) {
  t.test(`near endpoints get the requests, and others those that a near one has just failed: ${balancing}`, async t => {
    const { pool, pick } = setUp({}, balancing, [])
    pool.update([placed(1, false), placed(2, true), placed(3, false), placed(4, true)])
    let key = 0
    const next = () => pick(Math.imul(++key, 0x9e3779b1))
    t.same(portsOf(200, next), [2, 4])
    const near = [pick(), pick(), pick(), pick()].concat(Array.from({ length: 50 }, next))
    const both = [2, 4].flatMap(port => near.find(each => each.port === port) ?? [])
    t.same(portsOf(200, () => pool.pick(Math.imul(++key, 0x9e3779b1), both.slice(0, 1))), [4], 'the other near one first')
    t.same(portsOf(200, () => pool.pick(Math.imul(++key, 0x9e3779b1), both)), [1, 3])
  })
}

t.test('endpoints that are near no more, or come near, change places without a change of members', async t => {
  const { pool, pick } = setUp({}, 'least-request', [])
  pool.update([placed(1, false), placed(2, true)])
  t.same(portsOf(50, pick), [2])
  pool.change({ set: [placed(1, true), placed(2, false)], gone: [] })
  t.same(portsOf(50, pick), [1])
  pool.change({ set: [placed(1, false)], gone: [] })
  t.same(portsOf(50, pick), [1, 2])
  pool.change({ set: [placed(3, true)], gone: ['127.0.0.1:1'] })
  t.same(portsOf(50, pick), [3])
  pool.change({ set: [{ ...placed(3, true), ready: false }], gone: [] })
  t.same(portsOf(50, pick), [2])
  t.equal(pool.ready, true)
})

t.test('a near endpoint that starts slowly leaves requests to the others', async t => {
  const { pool, pick, clock } = setUp({ slowStart: { window: '10s', minShare: 0.1 } }, 'least-request', [])
  pool.update([placed(1, false), placed(2, false)])
  clock.advance(60_000)
  pool.tick(clock.nowMs())
  pool.change({ set: [placed(3, true)], gone: [] })
  const count = () => Array.from({ length: 1_000 }, () => pick().port).filter(port => port === 3).length
  const cold = count()
  t.ok(cold > 0 && cold < 400, `${cold} of 1,000 at its start`)
  clock.advance(11_000)
  pool.tick(clock.nowMs())
  t.equal(count(), 1_000, 'all when it is warm')
})

t.test('what a near endpoint has no room for goes elsewhere', async t => {
  const { pool, pick } = setUp({ circuitBreaker: { ...ROUTE_DEFAULTS.circuitBreaker, perEndpoint: { connections: 0, pending: 0, requests: 1 } } }, 'least-request', [])
  pool.update([placed(1, false), placed(2, true)])
  const near = pick()
  t.equal(near.port, 2)
  near.inFlight++
  t.equal(pool.foretell(0).open, true)
  t.equal(pick().port, 1)
  near.inFlight--
})
