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
