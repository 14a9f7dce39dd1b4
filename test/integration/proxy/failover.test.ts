import type { RouteConfig } from '../../../src/config/schema.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import type { OriginHandler, RawOrigin } from '../../helpers/raw-origin.ts'
import { accessLines, named, NO_EJECTION, retries, retriesOf } from '../../helpers/two-endpoints.ts'

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const
const TO_STABLE: NonNullable<RouteConfig['failover']> = { to: 'stable', on: ['connect', 'reset', 502, 503, 504] }
const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'

interface Versions {
  readonly canary: RawOrigin
  readonly stable: RawOrigin
}

/** All clients belong to the canary, which does what the test wants; stable answers. */
async function brokenCanary (bench: ProxyBench, handler: OriginHandler, policy: Partial<RouteConfig> = {}): Promise<Versions> {
  const canary = await bench.extraOrigin(handler)
  const stable = await bench.extraOrigin(named('stable'))
  bench.route([{ weights: { stable: 0, canary: 1 }, policy: { ...NO_EJECTION, failover: TO_STABLE, ...policy } }])
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [canary.port])
  return { canary, stable }
}

for (const [what, bytes, status, code] of [
  ['answers 503', UNAVAILABLE, 503, undefined],
  ['resets', undefined, 502, 'upstream_reset'],
  ['answers garbage', 'garbage\r\n\r\n', 502, 'upstream_malformed']
] as const) {
  proxyTest(`a canary that ${what}: stable answers, and it is charged to the canary`, async (t, bench) => {
    const { canary, stable } = await brokenCanary(bench, (_, connection) => {
      if (bytes === undefined) connection.reset()
      else connection.send(bytes)
    })
    const client = await bench.client()
    for (let round = 0; round < 3; round++) {
      const answer = await client.ask(get())
      t.same([statusOf(answer), answer.body.toString()], [200, 'stable'])
      t.same([bench.version('canary').inFlight, bench.version('stable').inFlight], [0, 0], 'nothing is in flight')
    }
    t.same([canary.requests.length, stable.requests.length], [3, 3])
    t.same(bench.version('canary').requestsByClass, [0, 0, 0, 0, 3])
    t.same(bench.version('stable').requestsByClass, [0, 3, 0, 0, 0])
    t.equal(bench.version('canary').failovers, 3)
    t.equal(bench.version('stable').failovers, 0)
    if (code !== undefined) t.equal(bench.errors(code, 'canary'), 3)
    await bench.until('the log', () => bench.logLines.length === 3)
    t.match(accessLines(bench)[0], { status: 200, version: 'stable', failedOverFrom: 'canary', attempts: 2, error: null, endpoint: `127.0.0.1:${stable.port}` })
    t.equal(status >= 500, true)
  }, LOGGED)
}

proxyTest('a canary that refuses: stable answers any method, and the body is whole', async (t, bench) => {
  const { stable } = await brokenCanary(bench, () => {})
  bench.endpoints('canary', [await closedPort()])
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'stable')
  t.equal((await client.ask(post('/', 'body'))).body.toString(), 'stable')
  t.equal(stable.requests[1]?.body.toString(), 'body')
  t.equal(bench.errors('upstream_connect_failed', 'canary'), 2)
})

proxyTest('the other endpoints of the canary come first', async (t, bench) => {
  const { canary, stable } = await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) }, { ...retries({ on: [503], attempts: 3 }), failover: TO_STABLE })
  const second = await bench.extraOrigin((_, connection) => { connection.send(UNAVAILABLE) })
  bench.endpoints('canary', [canary.port, second.port])
  t.equal((await (await bench.client()).ask(get())).body.toString(), 'stable')
  t.same([canary.requests.length + second.requests.length, stable.requests.length], [3, 1])
  t.same(retriesOf(bench, 'canary'), { 503: 2 })
  t.same(bench.version('canary').requestsByClass, [0, 0, 0, 0, 1], 'charged once')
})

timedProxyTest('a canary that hangs: stable answers after perTryTimeout', async (t, bench, advance) => {
  const { canary, stable } = await brokenCanary(bench, () => {}, { ...retries({ perTryTimeout: '1s' }), failover: TO_STABLE })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await bench.until('the request', () => canary.requests.length === 1)
  await advance(900)
  t.equal(stable.requests.length, 0)
  await advance(200)
  t.equal((await client.answer()).body.toString(), 'stable')
  t.equal(bench.errors('upstream_timeout', 'canary'), 1)
})

proxyTest('a POST that was sent is not repeated, what is not listed neither', async (t, bench) => {
  const { stable } = await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(post('/', 'body'))), 503)
  bench.route([{ weights: { stable: 0, canary: 1 }, policy: { ...NO_EJECTION, failover: { to: 'stable', on: ['connect', 502] } } }])
  t.equal(statusOf(await client.ask(get())), 503)
  t.equal(stable.requests.length, 0)
  t.equal(bench.version('canary').failovers, 0)
})

proxyTest('a request that stable fails too has failed: it does not go round', async (t, bench) => {
  const { canary, stable: first } = await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) }, { ...retries({ on: [503], attempts: 5 }), failover: TO_STABLE })
  const broken = await bench.extraOrigin((_, connection) => { connection.send('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nstable') })
  bench.endpoints('stable', [broken.port])
  const answer = await (await bench.client()).ask(get())
  t.same([statusOf(answer), answer.body.toString()], [502, 'stable'])
  t.same([canary.requests.length, broken.requests.length, first.requests.length], [1, 1, 0])
  t.same(bench.version('canary').requestsByClass, [0, 0, 0, 0, 1])
  t.same(bench.version('stable').requestsByClass, [0, 0, 0, 0, 1])
  t.equal(bench.version('canary').failovers, 1)
})

proxyTest('one endpoint of stable that refuses is no end: nothing was sent to it', async (t, bench) => {
  const { stable } = await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) })
  bench.endpoints('stable', [await closedPort(), await closedPort(), stable.port])
  const client = await bench.client()
  for (let round = 0; round < 4; round++) t.equal((await client.ask(get())).body.toString(), 'stable')
})

proxyTest('stable itself does not fail over to itself', async (t, bench) => {
  const { canary } = await brokenCanary(bench, () => {})
  bench.split({ stable: 1, canary: 0 })
  bench.endpoints('stable', [await closedPort()])
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
  t.equal(canary.requests.length, 0)
  t.equal(bench.version('stable').failovers, 0)
})

proxyTest('when the target has no endpoint, the canary\'s failure is the answer', async (t, bench) => {
  await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) })
  bench.endpoints('stable', [])
  const answer = await (await bench.client()).ask(get())
  t.same([statusOf(answer), answer.body.length], [503, 0], 'passed on as it came')
  t.equal(bench.version('canary').failovers, 0)
  t.same(bench.version('canary').requestsByClass, [0, 0, 0, 0, 1])
})

proxyTest('nothing fails over after an interim response, or a part of the answer', async (t, bench) => {
  const { stable } = await brokenCanary(bench, (request, connection) => {
    if (request.startLine.includes('/interim')) connection.send(`HTTP/1.1 103 Early Hints\r\n\r\n${UNAVAILABLE}`)
    else connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')
  })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/interim'))), 503)
  client.expect('GET')
  client.send(get())
  await client.untilEnded()
  t.equal(stable.requests.length, 0)
})

proxyTest('a streamed PUT fails over with all of its bytes', async (t, bench) => {
  const { canary, stable } = await brokenCanary(bench, (_, connection) => { connection.reset() })
  const client = await bench.client()
  client.expect('PUT')
  const chunk = `64\r\n${'x'.repeat(100)}\r\n`
  await client.sendPieces(['PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n', ...Array.from({ length: 50 }, () => chunk), '0\r\n\r\n'])
  t.equal((await client.answer()).body.toString(), 'stable')
  t.equal(stable.requests[0]?.body.toString(), 'x'.repeat(5_000))
  t.equal(canary.requests.length, 1)
})

proxyTest('a HEAD fails over, and the connection is good for another request', async (t, bench) => {
  await brokenCanary(bench, (_, connection) => { connection.send(UNAVAILABLE) })
  bench.endpoints('stable', [(await bench.extraOrigin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n') })).port])
  const client = await bench.client()
  for (let round = 0; round < 2; round++) t.equal(statusOf(await client.ask('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n')), 200)
})
