/**
 * One bad endpoint among others, over real sockets: it is taken out after so many failures and comes back when it is well.
 */
import t, { type Test } from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { testPolicy, ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { proxyTest, timedProxyTest, type Advance, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginConnection, type RawOrigin } from '../../helpers/raw-origin.ts'

const NEVER_AGAIN: RouteConfig['retries'] = { ...ROUTE_DEFAULTS.retries, attempts: 1 }
const { passive } = ROUTE_DEFAULTS.health
const THRESHOLD = passive.consecutiveFailures

/** An endpoint that can be told how to behave. */
interface Fickle {
  readonly origin: RawOrigin
  readonly key: string
  /** Undefined when it is well. */
  act: ((connection: OriginConnection) => void) | undefined
}

async function fickle (bench: ProxyBench): Promise<Fickle> {
  const origin = await bench.extraOrigin((_, connection) => {
    if (made.act === undefined) connection.send(ok())
    else made.act(connection)
  })
  const made: Fickle = { origin, key: endpointKey({ address: '127.0.0.1', port: origin.port }), act: undefined }
  return made
}

/** A route whose version `v1` has so many endpoints, asked in turn. */
async function endpoints (bench: ProxyBench, count: number, policy: Partial<RouteConfig> = {}): Promise<readonly [Fickle, ...Fickle[]]> {
  const first = await fickle(bench)
  const others: Fickle[] = []
  while (others.length < count - 1) others.push(await fickle(bench))
  bench.route([{ balancing: 'round-robin', weights: { v1: 1 }, policy: { retries: NEVER_AGAIN, ...policy } }])
  bench.endpoints('v1', [first, ...others].map(({ origin }) => origin.port))
  return [first, ...others]
}

/** The statuses of so many requests, one after the other, on a connection of their own. */
async function ask (bench: ProxyBench, count: number, request = get()): Promise<readonly number[]> {
  const client = await bench.client()
  const statuses: number[] = []
  while (statuses.length < count) statuses.push(statusOf(await client.ask(request)))
  client.destroy()
  return statuses
}

const failuresIn = (statuses: readonly number[]): number => statuses.filter(status => status >= 500).length
const poolOf = (bench: ProxyBench, version = 0) => {
  const pool = bench.plane.routes.get('test')?.versions[version]?.pool
  if (pool === undefined) throw new Error('there is no such version')
  return pool
}
const reasonsOf = (bench: ProxyBench, { key }: Fickle, version = 0) =>
  poolOf(bench, version).status().members.find(({ endpoint }) => endpoint === key)?.reasons.map(({ kind }) => kind)

const FAULTS: ReadonlyArray<readonly [what: string, act: (connection: OriginConnection) => void]> = [
  ['answers 503', connection => { connection.send('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n') }],
  ['sends garbage', connection => { connection.send('SSH-2.0-OpenSSH_9.2\r\n') }],
  ['resets its connections', connection => { connection.reset() }],
  ['closes in mid-answer', connection => {
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    connection.end()
  }]
]

/** One of five goes bad, is ejected by exactly as many failures as it takes, and returns when it is well. */
async function goesAndReturns (t: Test, bench: ProxyBench, advance: Advance, bad: Fickle, failing: () => Promise<void>): Promise<void> {
  await failing()
  t.same(reasonsOf(bench, bad), ['ejected'])
  t.equal(bench.version().ejections, 1)
  const before = bad.origin.requests.length
  t.equal(failuresIn(await ask(bench, 50)), 0, 'nobody meets it any more')
  t.equal(bad.origin.requests.length, before)
  await advance(10_000)
  t.same(reasonsOf(bench, bad), ['trial'])
  bad.act = undefined
  t.equal(failuresIn(await ask(bench, 50)), 0)
  t.same(reasonsOf(bench, bad), [])
  t.ok(bad.origin.requests.length >= before + 9, 'it has its share again')
}

for (const [what, act] of FAULTS) {
  timedProxyTest(`an endpoint of five that ${what} is taken out and comes back`, async (t, bench, advance) => {
    const [bad] = await endpoints(bench, 5)
    await ask(bench, 10)
    await goesAndReturns(t, bench, advance, bad, async () => {
      bad.act = act
      let failed = 0
      for (let round = 0; round < THRESHOLD * 5 && reasonsOf(bench, bad)?.length === 0; round++) {
        const client = await bench.client()
        client.expect('GET')
        client.send(get())
        await client.until('an answer', () => client.reader.heads > 0)
        await bench.until('its end', () => bench.plane.inFlight === 0)
        if (/ 503 | 502 /.test(client.reader.messages[0]?.startLine ?? '')) failed++
        client.destroy()
      }
      t.ok(failed <= THRESHOLD, `${failed} clients have seen it`)
    })
  })
}

timedProxyTest('an endpoint that hangs is taken out by the timeouts of its requests', async (t, bench, advance) => {
  const [bad] = await endpoints(bench, 5)
  await goesAndReturns(t, bench, advance, bad, async () => {
    bad.act = () => {}
    const clients = await Promise.all(Array.from({ length: THRESHOLD * 5 }, async () => await bench.client()))
    for (const client of clients) {
      client.expect('GET')
      client.send(get())
    }
    await bench.until('all to be under way', () => bad.origin.requests.length === THRESHOLD && bench.plane.inFlight === THRESHOLD)
    await advance(2_000)
    await bench.until('the timeouts', () => bench.plane.inFlight === 0)
    t.equal(bench.errors('upstream_timeout'), THRESHOLD)
  })
}, { timeoutsMs: { upstreamResponse: 2_000 } })

timedProxyTest('an endpoint that refuses connections is taken out, and with another attempt no client sees it', async (t, bench, advance) => {
  const [bad] = await endpoints(bench, 5, { retries: ROUTE_DEFAULTS.retries })
  const { port } = bad.origin
  await bad.origin.close()
  t.equal(failuresIn([...await ask(bench, 25), ...await ask(bench, 25, post('/', 'x'))]), 0)
  t.same(reasonsOf(bench, bad), ['ejected'])
  t.equal(bench.version().retries[0], THRESHOLD, 'by connect')
  await advance(10_000)
  await bad.origin.listen(port)
  t.equal(failuresIn(await ask(bench, 20)), 0)
  t.same(reasonsOf(bench, bad), [])
})

timedProxyTest('one that is still bad when it returns costs one request, and stays away for longer', async (t, bench, advance) => {
  const [bad] = await endpoints(bench, 3)
  bad.act = FAULTS[0]?.[1]
  await ask(bench, THRESHOLD * 3)
  await advance(10_000)
  t.equal(failuresIn(await ask(bench, 30)), 1)
  t.same(reasonsOf(bench, bad), ['ejected'])
  await advance(10_000)
  t.same(reasonsOf(bench, bad), ['ejected'], 'twice as long')
  await advance(10_000)
  t.same(reasonsOf(bench, bad), ['trial'])
})

timedProxyTest('on trial it gets one request at a time; a tunnel that opens passes the trial', async (t, bench, advance) => {
  const [bad] = await endpoints(bench, 2)
  bad.act = FAULTS[0]?.[1]
  await ask(bench, THRESHOLD * 2)
  await advance(10_000)
  const before = bad.origin.requests.length
  bad.act = () => {}
  const waiting = await bench.client()
  waiting.expect('GET')
  // In turn: one of two requests meets it.
  for (let tries = 0; tries < 2 && bad.origin.requests.length === before; tries++) {
    waiting.send(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
    await bench.until('its arrival', () => bad.origin.requests.length > before || waiting.reader.messages.length > tries)
  }
  t.equal(failuresIn(await ask(bench, 20)), 0)
  t.equal(bad.origin.requests.length, before + 1, 'all others went elsewhere')
  bad.origin.connections.at(-1)?.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await bench.until('the end of the trial', () => reasonsOf(bench, bad)?.length === 0)
  waiting.destroy()
})

timedProxyTest('a tunnel that was there before does not keep an endpoint on trial', async (t, bench, advance) => {
  const [bad] = await endpoints(bench, 2)
  const tunnel = await bench.client()
  tunnel.expect('GET')
  bad.act = connection => { connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n') }
  for (let tries = 0; tries < 2 && bad.origin.requests.length === 0; tries++) {
    tunnel.send(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
    await bench.until('an answer', () => tunnel.reader.heads > tries)
  }
  bad.act = FAULTS[0]?.[1]
  await ask(bench, THRESHOLD * 2)
  t.same(reasonsOf(bench, bad), ['ejected'])
  await advance(10_000)
  t.same(reasonsOf(bench, bad), ['trial'])
  bad.act = undefined
  const before = bad.origin.requests.length
  t.equal(failuresIn(await ask(bench, 10)), 0)
  t.ok(bad.origin.requests.length > before, 'it was asked')
  t.same(reasonsOf(bench, bad), [])
  tunnel.destroy()
})

proxyTest('the only endpoint is never taken out, and of two the last one stays', async (t, bench) => {
  const [first, second] = await endpoints(bench, 2)
  bench.endpoints('v1', [first.origin.port])
  first.act = FAULTS[0]?.[1]
  t.same(new Set(await ask(bench, THRESHOLD * 3)), new Set([503]), 'its own answers, not ours')
  t.equal(bench.errors('no_endpoint'), 0)
  bench.endpoints('v1', [first, second].flatMap(each => each?.origin.port ?? []))
  if (second !== undefined) second.act = first.act
  t.same(new Set(await ask(bench, THRESHOLD * 6)), new Set([503]))
  t.equal(bench.version().ejections, 1)
  t.equal(bench.errors('no_endpoint'), 0)
})

timedProxyTest('what is known of an endpoint survives updates of the endpoints and reloads, not its absence', async (t, bench, advance) => {
  const all = await endpoints(bench, 3)
  const [bad] = all
  const ports = all.map(({ origin }) => origin.port)
  bad.act = FAULTS[0]?.[1]
  await ask(bench, THRESHOLD * 3)
  t.same(reasonsOf(bench, bad), ['ejected'])
  const extra = await fickle(bench)
  bench.endpoints('v1', [...ports, extra.origin.port])
  t.same(reasonsOf(bench, bad), ['ejected'])
  bench.route([{ balancing: 'round-robin', weights: { v1: 1, v2: 0 }, policy: { retries: NEVER_AGAIN } }])
  t.same(reasonsOf(bench, bad), ['ejected'])
  bench.endpoints('v2', ports)
  t.same(reasonsOf(bench, bad, 1), ['ejected'], 'what one version has found out holds for another')
  t.equal(failuresIn(await ask(bench, 20)), 0)
  await advance(10_000)
  t.same(reasonsOf(bench, bad), ['trial'], 'and it ends in time')
  for (const version of ['v1', 'v2']) bench.endpoints(version, ports.slice(1))
  await bench.settle()
  for (const version of ['v1', 'v2']) bench.endpoints(version, ports)
  t.same(reasonsOf(bench, bad), [])
})

proxyTest('when too few are available all are used', async (t, bench) => {
  const [bad, other] = await endpoints(bench, 2, { health: { ...ROUTE_DEFAULTS.health, panicThreshold: 0.6 } })
  bad.act = FAULTS[0]?.[1]
  await ask(bench, THRESHOLD * 2)
  t.match(poolOf(bench).status(), { panic: true, members: [{ available: false }, { available: true }] })
  const before = bad.origin.requests.length
  await ask(bench, 10)
  t.equal(bad.origin.requests.length, before + 5)
  t.ok((other?.origin.requests.length ?? 0) > 0)
})

proxyTest('what clients do wrong is not held against the endpoint', async (t, bench) => {
  const [endpoint] = await endpoints(bench, 2, { retries: NEVER_AGAIN })
  endpoint.act = () => {}
  for (let round = 0; round < THRESHOLD * 4; round++) {
    const client = await bench.client()
    const count = endpoint.origin.requests.length
    client.expect('POST')
    // Half of them leave while they wait, the others break their body.
    client.send(round % 4 < 2 ? post('/', 'x') : 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nnonsense')
    await bench.until('it to be seen', () => endpoint.origin.requests.length > count || client.reader.messages.length > 0)
    client.reset()
    await bench.until('its end', () => bench.plane.inFlight === 0)
  }
  t.same(reasonsOf(bench, endpoint), [])
  t.equal(bench.version().ejections, 0)
})

proxyTest('a kept-alive connection that the endpoint has closed is no sign of ill health', async (t, bench) => {
  const once = { ...passive, consecutiveFailures: 1 }
  const [endpoint] = await endpoints(bench, 2, { retries: ROUTE_DEFAULTS.retries, health: { ...ROUTE_DEFAULTS.health, passive: once } })
  for (let round = 0; round < 5; round++) {
    // The connections are there, and the next request on one of them is lost.
    t.equal(failuresIn(await ask(bench, 4)), 0)
    endpoint.act = connection => {
      endpoint.act = undefined
      connection.reset()
    }
    t.equal(failuresIn(await ask(bench, 2)), 0)
  }
  t.equal(bench.version().retries[1], 5, 'by reset')
  t.equal(bench.version().ejections, 0)
})

timedProxyTest('an endpoint that joins others gets a growing share', async (t, bench, advance) => {
  const [first, second] = await endpoints(bench, 2, { slowStart: { window: '10s', minShare: 0.1 } })
  if (second === undefined) throw new Error('there is no second endpoint')
  bench.endpoints('v1', [first.origin.port])
  await ask(bench, 1)
  bench.endpoints('v1', [first.origin.port, second.origin.port])
  t.same(reasonsOf(bench, second), ['slow-start'])
  const shareOf = async (): Promise<number> => {
    const before = second.origin.requests.length
    await ask(bench, 300)
    return (second.origin.requests.length - before) / 300
  }
  const early = await shareOf()
  await advance(5_000)
  const middle = await shareOf()
  await advance(5_000)
  t.ok(early > 0 && early < 0.15, `${early} at first`)
  t.ok(middle > 0.17 && middle < 0.4, `${middle} in the middle`)
  t.same(reasonsOf(bench, second), [])
  t.equal(await shareOf(), 0.5)
})

t.test('the policy is that of the configuration', async t => {
  t.match(testPolicy().health, {
    panicThreshold: 0.5,
    ejection: {
      consecutiveFailures: THRESHOLD,
      baseMs: 10_000,
      maxMs: 300_000,
      maxShare: 0.5,
      successRate: { minEndpoints: 3, minRequests: 100 }
    }
  })
  t.match(testPolicy({ health: { ...ROUTE_DEFAULTS.health, passive: { ...passive, enabled: false } } }).health, {
    ejection: { consecutiveFailures: 0, successRate: null }
  })
})
