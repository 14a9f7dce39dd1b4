/** What requests over real sockets tell of two versions while a rollout runs: exact counts. */
import type { RouteConfig } from '../../../src/config/schema.ts'
import type { RouteWatch } from '../../../src/contract/rollout-watch.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { type ProxyBench, proxyTest, type TestRoute, timedProxyTest } from '../../helpers/data-plane.ts'
import { EvidenceSum, testWatch } from '../../helpers/evidence-sum.ts'
import { logIn, ntlmOrigin } from '../../helpers/ntlm-origin.ts'
import { acceptUpgrade, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { get, post, type RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler, type RawOrigin } from '../../helpers/raw-origin.ts'
import { named, NO_EJECTION, reset, retries, says, unavailable } from '../../helpers/two-endpoints.ts'

const ON_CANARY = { stable: 0, canary: 1 }
const BY_HEADER = { by: 'header', header: 'x-user', level: 'version' } as const
const FAILOVER: NonNullable<RouteConfig['failover']> = { to: 'stable', on: ['connect', 'reset', 502, 503, 504] }
const as = (user: string): string => `X-User: ${user}\r\n`

interface Rollout {
  readonly stable: RawOrigin
  readonly canary: RawOrigin
  readonly sum: EvidenceSum
  /** Adds what has come to the sum. */
  readonly told: () => EvidenceSum
}

interface RolloutOrigins {
  readonly stable?: OriginHandler
  readonly canary?: OriginHandler
  readonly watch?: Partial<RouteWatch>
  readonly route?: Partial<TestRoute>
}

/** A watched route from stable to canary, which answer with their names unless they do what the test wants. */
async function rollout (bench: ProxyBench, { stable = named('stable'), canary = named('canary'), watch = {}, route = {} }: RolloutOrigins = {}): Promise<Rollout> {
  const origins = { stable: await bench.extraOrigin(stable), canary: await bench.extraOrigin(canary) }
  bench.route([{ weights: ON_CANARY, affinity: BY_HEADER, policy: NO_EJECTION, ...route }])
  bench.endpoints('stable', [origins.stable.port])
  bench.endpoints('canary', [origins.canary.port])
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: testWatch(watch) })
  const sum = new EvidenceSum()
  return {
    ...origins,
    sum,
    told: () => {
      for (const { report } of bench.routes.evidence()) sum.add(report)
      return sum
    }
  }
}

async function ask (client: RawClient, count: number, fields = ''): Promise<void> {
  for (let asked = 0; asked < count; asked++) await client.ask(get('/', fields))
}

/** A split under which the request of a client that sends no key, or any, goes to one version for certain. */
const only = (version: 'stable' | 'canary'): Readonly<Record<string, number>> => ({ stable: version === 'stable' ? 1 : 0, canary: version === 'canary' ? 1 : 0 })

proxyTest('all goes well: requests of both versions, and not a sign', async (t, bench) => {
  const { told } = await rollout(bench)
  const client = await bench.client()
  await ask(client, 7, as('alice'))
  bench.split(only('stable'))
  await ask(client, 5, as('alice'))
  const sum = told()
  t.same([sum.of('to'), sum.of('from')], [{ requests: 7 }, { requests: 5 }])
  t.same([sum.signs, sum.heavy, sum.dropped], [[], [], 0])
  t.same(bench.routes.evidence(), [], 'nothing is said twice')
})

proxyTest('all fail: each request counts, each client speaks once, and the heaviest is named', async (t, bench) => {
  const { told, canary } = await rollout(bench, { canary: says(unavailable(500)) })
  const client = await bench.client()
  for (const [user, count] of [['alice', 6], ['bob', 3], ['carol', 1]] as const) await ask(client, count, as(user))
  const sum = told()
  t.same(sum.of('to'), { requests: 10, failures: 10 })
  t.equal(sum.signs.length, 3)
  t.match(sum.signs, Array.from({ length: 3 }, () => ({ kind: 'failure', side: 'to', endpoint: `127.0.0.1:${canary.port}` })))
  t.same(sum.heavy.map(({ failures }) => failures), [6, 3, 1])
})

for (const [how, handler] of [['answers 503', says(unavailable(503))], ['resets', reset], ['answers garbage', says('garbage\r\n\r\n')]] as const) {
  proxyTest(`a canary that ${how} and is helped out by stable fails all the same: rescued`, async (t, bench) => {
    const { told, canary } = await rollout(bench, { canary: handler, route: { policy: { ...NO_EJECTION, failover: FAILOVER } } })
    const client = await bench.client()
    for (let count = 0; count < 4; count++) t.equal((await client.ask(get('/', as('alice')))).body.toString(), 'stable')
    const sum = told()
    t.same([sum.of('to'), sum.of('from')], [{ requests: 4, failures: 4, rescued: 4 }, {}], 'and stable has no request of its own')
    t.match(sum.signs, [{ side: 'to', endpoint: `127.0.0.1:${canary.port}` }])
  })
}

proxyTest('both versions fail: that is told beside the failure', async (t, bench) => {
  const { told } = await rollout(bench, {
    canary: says(unavailable(503)), stable: says(unavailable(500)), route: { policy: { ...NO_EJECTION, failover: FAILOVER } }
  })
  await ask(await bench.client(), 3, as('alice'))
  t.same([told().of('to'), told().of('from')], [{ requests: 3, failures: 3, bothFailed: 3 }, {}])
})

proxyTest('a client that leaves while it is helped out: the first attempt has failed, and of the other nothing is known', async (t, bench) => {
  const { told, stable } = await rollout(bench, { canary: reset, stable: () => {}, route: { policy: { ...NO_EJECTION, failover: FAILOVER } } })
  const client = await bench.client()
  client.send(get('/', as('alice')))
  await bench.until('the request at stable', () => stable.requests.length === 1)
  client.reset()
  await bench.until('its end', () => bench.plane.inFlight === 0)
  t.same(told().of('to'), { requests: 1, failures: 1 })
})

proxyTest('failures within a version that another attempt there makes good are failures of the endpoint that was asked first', async (t, bench) => {
  const { told, canary } = await rollout(bench, {
    canary: (request, connection) => {
      bench.endpoints('canary', [canary.port, good.port])
      reset(request, connection)
    },
    route: { policy: retries() }
  })
  const good = await bench.extraOrigin(named('good'))
  bench.endpoints('canary', [canary.port])
  const client = await bench.client()
  t.equal((await client.ask(get('/', as('alice')))).body.toString(), 'good')
  t.same(told().of('to'), { requests: 1, failures: 1 })
  t.match(told().signs, [{ endpoint: `127.0.0.1:${canary.port}` }])
})

proxyTest('a kept connection that has ended and is repeated is no failure; a POST that is lost with it is', async (t, bench) => {
  const { told } = await rollout(bench, {
    canary: (_, connection) => {
      if (connection.reader.messages.length === 1) connection.send(ok('canary'))
      else connection.end()
    }
  })
  const client = await bench.client()
  await ask(client, 5, as('alice'))
  t.same(bench.version('canary').retries.reduce((sum, count) => sum + count, 0), 4, 'four of them were repeated')
  t.same(told().of('to'), { requests: 5 })
  t.equal(statusOf(await client.ask(post('/', 'once', as('alice')))), 502)
  t.same(told().of('to'), { requests: 6, failures: 1 })
})

timedProxyTest('a request that hangs counts when its time is over, and under the epoch in which it began', async (t, bench, advance) => {
  const { told, canary } = await rollout(bench, { canary: () => {}, route: { policy: NO_EJECTION } })
  const epoch = bench.plane.routes.get('test')?.epoch ?? 0
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', as('alice')))
  await bench.until('the request', () => canary.requests.length === 1)
  bench.split({ stable: 1, canary: 1 })
  await advance(1_900)
  t.same(told().of('to'), {}, 'not yet')
  await advance(200)
  t.equal(statusOf(await client.answer()), 504)
  t.same(told().of('to', epoch), { requests: 1, failures: 1 })
  t.match(told().signs, [{ epoch, side: 'to' }])
}, { timeoutsMs: { upstreamResponse: 2_000 } })

proxyTest('clients that leave count for nothing, before an answer and in the middle of one', async (t, bench) => {
  const { told, canary } = await rollout(bench, {
    canary: (request, connection) => { if (request.startLine.includes('half')) connection.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf') }
  })
  for (const path of ['/none', '/half']) {
    const client = await bench.client()
    client.expect('GET')
    client.send(get(path, as('alice')))
    await bench.until('the request', () => canary.requests.some(({ startLine }) => startLine.includes(path)))
    if (path === '/half') await client.until('a part', () => client.bytesReceived > 0)
    client.reset()
    await bench.until('its end', () => bench.plane.inFlight === 0)
  }
  t.same([told().of('to'), told().signs], [{}, []])
})

proxyTest('an answer that is cut by its endpoint is a failure', async (t, bench) => {
  const { told } = await rollout(bench, {
    canary: (_, connection) => {
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
      connection.end()
    }
  })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', as('alice')))
  await client.untilEnded()
  t.same(told().of('to'), { requests: 1, failures: 1 })
})

proxyTest('who is served in another version\'s place counts for neither; a version that refuses has failed, whoever takes over', async (t, bench) => {
  const { told } = await rollout(bench)
  bench.split({ stable: 0.000_001, canary: 1_000_000 })
  bench.endpoints('canary', [])
  const client = await bench.client()
  t.equal((await client.ask(get('/', as('alice')))).body.toString(), 'stable')
  t.same([told().of('to'), told().of('from')], [{}, {}])
  bench.endpoints('canary', [await closedPort()])
  t.equal((await client.ask(get('/', as('alice')))).body.toString(), 'stable')
  t.same([told().of('to'), told().of('from')], [{ requests: 1, failures: 1 }, {}])
})

proxyTest('without affinity each failure is a sign, and nobody is heavy', async (t, bench) => {
  const { told } = await rollout(bench, { canary: says(unavailable(500)), watch: { unit: 'request' }, route: { affinity: { by: 'none', level: 'version' } } })
  await ask(await bench.client(), 9)
  const { signs, heavy } = told()
  t.same(told().of('to'), { requests: 9, failures: 9 })
  t.equal(signs.length, 9)
  t.ok(new Set(signs.map(({ bucket }) => bucket)).size > 7, 'each is drawn anew')
  t.same(heavy, [])
})

timedProxyTest('slow is who lets a client wait for the first byte; a body may last', async (t, bench, advance) => {
  const { told, canary } = await rollout(bench, { canary: () => {}, watch: { slowerThanMs: 250 } })
  const epoch = bench.plane.routes.get('test')?.epoch
  const client = await bench.client()
  for (const [waitMs, bodyMs] of [[251, 0], [250, 10_000], [100, 0]] as const) {
    const before = canary.requests.length
    const received = client.bytesReceived
    client.expect('GET')
    client.send(get('/', as('alice')))
    await bench.until('the request', () => canary.requests.length > before)
    await advance(waitMs)
    const [connection] = canary.connections
    connection?.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
    await client.until('the head', () => client.bytesReceived > received)
    await bench.settle()
    await advance(bodyMs)
    connection?.send('k')
    await client.answer()
  }
  t.same(told().of('to'), { requests: 3, slow: 1 })
  t.match(told().signs, [{ kind: 'slow', side: 'to', epoch, endpoint: `127.0.0.1:${canary.port}` }])
})

proxyTest('a request that waits for an endpoint counts for the version and the epoch by which it is let go', async (t, bench) => {
  const { told } = await rollout(bench, { route: { whenEmpty: 'hold' } })
  bench.endpoints('canary', [])
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', as('alice')))
  await bench.until('the request to wait', () => bench.version('canary').held === 1)
  bench.split(only('stable'))
  const epoch = bench.plane.routes.get('test')?.epoch
  t.equal((await client.answer()).body.toString(), 'stable')
  t.same([told().of('to'), told().of('from', epoch)], [{}, { requests: 1 }])
})

proxyTest('a client that has logged in stays where it is, and says nothing of the split', async (t, bench) => {
  const { told } = await rollout(bench, { canary: ntlmOrigin('canary') })
  const client = await bench.client()
  await logIn(client, 'alice')
  const before = told().of('to').requests ?? 0
  await ask(client, 4)
  t.equal(bench.version('canary').requestsByClass[1], 5, 'four, and the last of the login')
  t.equal(told().of('to').requests ?? 0, before)
})

proxyTest('a tunnel counts at its answer, and its end adds nothing', async (t, bench) => {
  const { told, canary } = await rollout(bench, { canary: () => {} })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/tunnel', WEBSOCKET))
  const endpoint = await canary.connection()
  await bench.until('the request', () => canary.requests.length === 1)
  acceptUpgrade(endpoint)
  t.equal(statusOf(await client.next()), 101)
  t.same(told().of('to'), { requests: 1 })
  endpoint.reset()
  await bench.until('the end', () => bench.version('canary').tunnels === 0)
  t.same(told().of('to'), { requests: 1 })
})

proxyTest('a reload keeps what has been seen; another rollout begins anew, and what is in flight then says nothing', async (t, bench) => {
  const { told, sum, canary } = await rollout(bench, { canary: (request, connection) => { if (!request.startLine.includes('late')) connection.send(unavailable(500)) } })
  const client = await bench.client()
  await ask(client, 1, as('alice'))
  bench.route([{ weights: ON_CANARY, affinity: BY_HEADER, policy: NO_EJECTION }])
  await ask(client, 1, as('alice'))
  t.same(told().of('to'), { requests: 2, failures: 2 })
  t.equal(sum.signs.length, 1, 'a client does not speak twice because of a reload')

  const late = await bench.client()
  late.expect('GET')
  late.send(get('/late', as('bob')))
  await bench.until('the request', () => canary.requests.some(({ startLine }) => startLine.includes('late')))
  await ask(client, 3, as('alice'))
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: testWatch({ id: 'rollout-2' }) })
  const [last, ...more] = bench.routes.evidence()
  t.match(last, { route: 'test', id: 'rollout-1', report: { cohorts: [{ to: { requests: 3, failures: 3 } }] } }, 'its last words')
  t.same(more, [])
  canary.connections.find(({ reader }) => reader.messages.some(({ startLine }) => startLine.includes('late')))?.send(unavailable(500))
  await late.answer()
  t.same(bench.routes.evidence(), [], 'it began before the second rollout')
  await ask(client, 1, as('alice'))
  t.match(bench.routes.evidence(), [{ id: 'rollout-2', report: { cohorts: [{ to: { requests: 1, failures: 1 } }], signs: [{ side: 'to' }] } }], 'alice speaks again')

  await ask(client, 1, as('alice'))
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: null })
  t.match(bench.routes.evidence(), [{ id: 'rollout-2', report: { cohorts: [{ to: { requests: 1, failures: 1 } }] } }])
  await ask(client, 1, as('alice'))
  t.same(bench.routes.evidence(), [], 'nobody looks any more')
})

proxyTest('a route that a reload takes away says its last words; a watch that comes before its route waits for it', async (t, bench) => {
  const { told } = await rollout(bench)
  const client = await bench.client()
  await ask(client, 2, as('alice'))
  bench.route([{ name: 'other', weights: { v1: 1 } }])
  t.same(told().of('to'), { requests: 2 })
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: testWatch({ id: 'rollout-2' }) })
  const origin = await bench.extraOrigin(named('canary'))
  bench.endpoints('canary', [origin.port])
  bench.route([{ weights: ON_CANARY, affinity: BY_HEADER, policy: NO_EJECTION }])
  await ask(client, 1, as('alice'))
  t.match(bench.routes.evidence(), [{ id: 'rollout-2', report: { cohorts: [{ to: { requests: 1 } }] } }])
})
