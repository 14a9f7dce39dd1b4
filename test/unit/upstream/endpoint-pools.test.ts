import t from 'tap'
import { createBalancer } from '../../../src/balancing/balancer.ts'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import type { Transport } from '../../../src/upstream/transport.ts'
import { VersionPool, type VersionPoolOptions } from '../../../src/upstream/version-pool.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'

const endpoint = (port: number, conditions: Partial<Endpoint> = {}): Endpoint => ({ address: '127.0.0.1', port, ready: true, serving: true, terminating: false, ...conditions })

function poolOptions (transport: Transport): VersionPoolOptions {
  const { health, circuitBreaker } = testPolicy()
  return { transport, health, circuitBreaker, random: () => 0, nowMs: () => 0, onHealthEvent: () => {} }
}

async function endOfTurn (): Promise<void> {
  await new Promise(resolve => { setImmediate(resolve) })
}

function setUp () {
  const { pools, routes } = new ProxyBench({}, new FakeClock())
  const transport = routes.transports.of(undefined)
  return { pools, transport, version: () => new VersionPool(pools, createBalancer('round-robin', 'version', () => 0), poolOptions(transport)) }
}

t.test('one endpoint has one pool, whoever names it', async t => {
  const { pools, transport, version } = setUp()
  const [first, second] = [version(), version()]
  first.update([endpoint(1)])
  second.update([endpoint(1), endpoint(2)])
  const shared = first.pick(0, [])
  t.ok([second.pick(0, []), second.pick(0, [])].includes(shared))
  const again = pools.acquire(endpoint(1), transport)
  t.equal(again, shared)
})

t.test('a pool lives until its last user has gone', async t => {
  const { pools, transport, version } = setUp()
  const [first, second] = [version(), version()]
  first.update([endpoint(1)])
  second.update([endpoint(1)])
  const pool = first.pick(0, [])
  first.update([])
  t.equal(second.pick(0, []), pool)
  second.close()
  await endOfTurn()
  t.not(pools.acquire(endpoint(1), transport), pool, 'it was forgotten')
})

t.test('endpoints that change places between versions in one turn, as a reload has them do, keep their pools', async t => {
  const { version } = setUp()
  const [first, second] = [version(), version()]
  first.update([endpoint(1)])
  second.update([endpoint(2)])
  const [one, two] = [first.pick(0, []), second.pick(0, [])]
  first.update([endpoint(2)])
  second.update([endpoint(1)])
  t.same([first.pick(0, []) === two, second.pick(0, []) === one], [true, true])
  await endOfTurn()
  first.update([])
  second.update([])
  await endOfTurn()
  first.update([endpoint(1)])
  t.not(first.pick(0, []), one, 'what has gone for good is another one when it comes back')
})

t.test('an update with the same endpoints keeps their pools', async t => {
  const { version } = setUp()
  const first = version()
  first.update([endpoint(1), endpoint(2)])
  const before = [first.pick(0, []), first.pick(0, [])]
  first.update([endpoint(2), endpoint(1)])
  const after = [first.pick(0, []), first.pick(0, [])]
  t.ok(before.every(pool => pool !== undefined && after.includes(pool)))
})

t.test('a change touches the pools of what it names, and no others', async t => {
  const { pools, version } = setUp()
  const first = version()
  const others = Array.from({ length: 50 }, (_, index) => endpoint(100 + index))
  first.update([endpoint(1), ...others])
  const asked: number[] = []
  const acquire = pools.acquire.bind(pools)
  pools.acquire = (target, transport) => {
    asked.push(target.port)
    return acquire(target, transport)
  }
  first.change({ set: [endpoint(1, { ready: false }), endpoint(2)], gone: ['127.0.0.1:100'] })
  t.same(asked, [2])
  const picked = new Set(Array.from({ length: 100 }, () => first.pick(0, [])?.port))
  t.same([picked.size, picked.has(1), picked.has(100), picked.has(2)], [50, false, false, true])
})

t.test('endpoints that are not ready get nothing, unless all that is left is terminating and serves', async t => {
  const { version } = setUp()
  const first = version()
  t.equal(first.empty, true)
  t.equal(first.pick(0, []), undefined)
  first.update([endpoint(1, { ready: false, terminating: true }), endpoint(2)])
  t.same([first.pick(0, [])?.port, first.pick(0, [])?.port], [2, 2])
  first.update([endpoint(1, { ready: false, terminating: true }), endpoint(2, { ready: false })])
  t.same([first.pick(0, [])?.port, first.pick(0, [])?.port], [1, 1])
  first.update([endpoint(1, { ready: false, serving: false, terminating: true })])
  t.equal(first.empty, true)
})

t.test('IPv6 endpoints are known by their bracketed name', async t => {
  const { version } = setUp()
  const first = version()
  first.update([endpoint(80, { address: 'fd00::1' })])
  t.equal(first.pick(0, [])?.key, '[fd00::1]:80')
})

t.test('an endpoint that is reached in another way has a pool of its own, under the same name', async t => {
  const { pools, transport } = setUp()
  const other: Transport = { identity: 'other', callsTo: endpoint => transport.callsTo(endpoint) }
  const [plain, secure] = [pools.acquire(endpoint(1), transport), pools.acquire(endpoint(1), other)]
  t.not(plain, secure)
  t.same([plain.key, secure.key, plain.hash], ['127.0.0.1:1', '127.0.0.1:1', secure.hash])
  t.equal(pools.acquire(endpoint(1), { ...other }), secure)
  pools.release(plain)
  await endOfTurn()
  t.not(pools.acquire(endpoint(1), transport), plain, 'it was forgotten')
  t.equal(pools.acquire(endpoint(1), other), secure, 'the other one was not')
})
