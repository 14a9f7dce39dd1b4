import type { Test } from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { planeOptions, proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post, type RawClient } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'
import { ok, RawOrigin } from '../../helpers/raw-origin.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { accessLines, named, NO_EJECTION, retriesOf } from '../../helpers/two-endpoints.ts'

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const

function holdPolicy (hold: Partial<RouteConfig['hold']> = {}): Partial<RouteConfig> {
  return { ...NO_EJECTION, hold: { ...ROUTE_DEFAULTS.hold, ...hold } }
}

/** A route that lets requests wait; without endpoints. */
function holdRoute (bench: ProxyBench, hold: Partial<RouteConfig['hold']> = {}, weights: Readonly<Record<string, number>> = { v1: 1 }): void {
  bench.route([{ weights, whenEmpty: 'hold', policy: holdPolicy(hold) }])
}

/** Sends a request that has to wait. */
async function waiting (bench: ProxyBench, request = get(), version = 'v1'): Promise<RawClient> {
  const held = bench.version(version).held
  const client = await bench.client()
  client.expect(request.slice(0, request.indexOf(' ')))
  client.send(request)
  await bench.until('the request to wait', () => bench.version(version).held === held + 1)
  return client
}

function refused (t: Test, answer: RawMessage, code: string): void {
  t.same([statusOf(answer), valuesOf(answer, 'retry-after')], [503, ['1']])
  t.match(JSON.parse(answer.body.toString()), { code })
}

proxyTest('requests to a version without endpoints wait, and go on in their order', async (t, bench) => {
  holdRoute(bench)
  const clients: RawClient[] = []
  for (let index = 0; index < 10; index++) clients.push(await waiting(bench, get(`/${index}`)))
  t.same([bench.version().held, bench.version().inFlight], [10, 10])
  const origin = await bench.extraOrigin((request, connection) => { connection.send(ok(request.startLine)) })
  bench.endpoints('v1', [origin.port])
  for (const [index, client] of clients.entries()) t.equal((await client.answer()).body.toString(), `GET /${index} HTTP/1.1`)
  t.same([bench.version().held, bench.version().requestsByClass], [0, [0, 10, 0, 0, 0]])
  t.same(retriesOf(bench), {})
  const order = origin.connections.map(({ reader }) => reader.messages[0]?.startLine)
  t.same(order, Array.from({ length: 10 }, (_, index) => `GET /${index} HTTP/1.1`), 'their connections were opened in their order')
  await bench.until('the log', () => bench.logLines.length === 10)
  t.match(accessLines(bench)[0], { status: 200, attempts: 1, retried: null })
}, LOGGED)

proxyTest('another split releases them', async (t, bench) => {
  holdRoute(bench, {}, { blue: 1, green: 0 })
  const green = await bench.extraOrigin(named('green'))
  bench.endpoints('green', [green.port])
  const client = await waiting(bench, get(), 'blue')
  bench.split({ blue: 0, green: 1 })
  t.equal((await client.answer()).body.toString(), 'green')
  t.same([bench.version('blue').held, bench.version('blue').inFlight, bench.version('green').inFlight], [0, 0, 0])
  t.same([bench.version('blue').requestsByClass, bench.version('green').requestsByClass], [[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]])
})

proxyTest('they survive a reload, and one that lets them fall back releases them', async (t, bench) => {
  holdRoute(bench, {}, { blue: 1, green: 0 })
  const client = await waiting(bench, get(), 'blue')
  holdRoute(bench, {}, { blue: 1, green: 0 })
  t.equal(bench.version('blue').held, 1)
  bench.endpoints('green', [(await bench.extraOrigin(named('green'))).port])
  t.equal(bench.version('blue').held, 1)
  bench.route([{ weights: { blue: 1, green: 1 }, whenEmpty: 'fallback', policy: holdPolicy() }])
  t.equal((await client.answer()).body.toString(), 'green')
})

proxyTest('a reload that takes the route, or its patience, away answers them', async (t, bench) => {
  holdRoute(bench)
  const first = await waiting(bench)
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'fail', policy: holdPolicy() }])
  refused(t, await first.answer(), 'no_endpoint')
  holdRoute(bench)
  const second = await waiting(bench)
  second.expect('GET')
  second.send(get('/ahead'))
  bench.route([{ name: 'other', weights: { v2: 1 }, whenEmpty: 'hold', policy: holdPolicy() }])
  refused(t, await second.answer(), 'no_endpoint')
  await bench.until('what was sent ahead to wait on the other route', () => bench.version('v2', 'other').held === 1)
  bench.endpoints('v2', [(await bench.extraOrigin(named('v2'))).port], 'other')
  t.equal((await second.answer()).body.toString(), 'v2')
})

proxyTest('no more than hold.maxRequests wait', async (t, bench) => {
  holdRoute(bench, { maxRequests: 2 })
  const clients = [await waiting(bench), await waiting(bench)]
  const late = await bench.client()
  refused(t, await late.ask(get()), 'hold_full')
  t.equal(bench.errors('hold_full'), 1)
  bench.endpoints('v1', [(await bench.extraOrigin(named('v1'))).port])
  for (const client of [...clients]) t.equal(statusOf(await client.answer()), 200)
  t.equal(statusOf(await late.ask(get())), 200, 'its connection was kept')
})

proxyTest('no more than hold.maxBytes wait', async (t, bench) => {
  holdRoute(bench, { maxBytes: 4_000 })
  const first = await waiting(bench, post('/', 'x'.repeat(3_000)))
  const second = await bench.client()
  refused(t, await second.ask(post('/', 'x'.repeat(3_000))), 'hold_full')
  const small = await waiting(bench)
  bench.endpoints('v1', [(await bench.extraOrigin(named('v1'))).port])
  for (const client of [first, small]) t.equal(statusOf(await client.answer()), 200)
})

timedProxyTest('no longer than hold.maxAge', async (t, bench, advance) => {
  holdRoute(bench, { maxAge: '10s' })
  const client = await waiting(bench)
  await advance(9_900)
  t.equal(bench.version().held, 1)
  await advance(200)
  refused(t, await client.answer(), 'hold_timeout')
  t.equal(bench.errors('hold_timeout'), 1)
  t.equal(bench.version().held, 0)
  bench.endpoints('v1', [(await bench.extraOrigin(named('v1'))).port])
  t.equal(statusOf(await client.ask(get())), 200, 'its connection was kept')
})

proxyTest('a client that leaves makes room', async (t, bench) => {
  holdRoute(bench, { maxRequests: 1 })
  const first = await waiting(bench)
  first.reset()
  await bench.until('its place', () => bench.version().held === 0)
  const second = await waiting(bench)
  bench.endpoints('v1', [(await bench.extraOrigin(named('v1'))).port])
  t.equal(statusOf(await second.answer()), 200)
  t.equal(bench.errors('client_gone'), 1)
})

proxyTest('the body of a request that waits is read when it goes on, byte for byte', async (t, bench) => {
  holdRoute(bench)
  const body = Buffer.alloc(1_000_000)
  for (let index = 0; index < body.length; index++) body[index] = index * 31 + (index >> 8)
  const client = await waiting(bench, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  const origin = await bench.extraOrigin((request, connection) => { connection.send(ok(`${request.body.length}`)) })
  await bench.settle()
  t.equal(bench.version().held, 1)
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await client.answer()), 200)
  t.ok(origin.requests[0]?.body.equals(body))
})

proxyTest('a body that began with its head goes on behind it', async (t, bench) => {
  holdRoute(bench)
  const client = await waiting(bench, 'PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  client.send('6\r\n world\r\n')
  const origin = await bench.extraOrigin(named('v1'))
  bench.endpoints('v1', [origin.port])
  client.send('0\r\n\r\n')
  t.equal(statusOf(await client.answer()), 200)
  t.equal(origin.requests[0]?.body.toString(), 'hello world')
})

for (const request of [get(), post('/', 'body')]) {
  proxyTest(`${request.slice(0, 4).trim()}: an endpoint that refuses while the list lags: the request waits for the next list`, async (t, bench) => {
    holdRoute(bench)
    bench.endpoints('v1', [await closedPort(), await closedPort()])
    const client = await waiting(bench, request)
    bench.endpoints('v1', [])
    t.equal(bench.version().held, 1)
    const origin = await bench.extraOrigin(named('new'))
    bench.endpoints('v1', [origin.port])
    t.equal((await client.answer()).body.toString(), 'new')
    t.equal(origin.requests.length, 1)
    t.same(bench.version().requestsByClass, [0, 1, 0, 0, 0])
  })
}

proxyTest('an endpoint that refuses, and then accepts without any news: the request goes on', async (t, bench) => {
  holdRoute(bench)
  const port = await closedPort()
  bench.endpoints('v1', [port])
  const clients = [await waiting(bench), await waiting(bench), await waiting(bench)]
  const origin = new RawOrigin(named('back'))
  await origin.listen(port)
  for (const client of clients) t.equal((await client.answer()).body.toString(), 'back')
  await origin.close()
})

proxyTest('the only endpoint dies under a GET: it waits for the next one; a POST that was sent does not', async (t, bench) => {
  holdRoute(bench)
  const dying = await bench.extraOrigin()
  bench.endpoints('v1', [dying.port])
  const getter = await bench.client()
  const poster = await bench.client()
  getter.expect('GET')
  getter.send(get())
  poster.expect('POST')
  poster.send(post('/', 'once'))
  await bench.until('both requests', () => dying.requests.length === 2)
  const resetAll = (): void => { for (const connection of dying.connections) connection.reset() }
  resetAll()
  t.equal(statusOf(await poster.answer()), 502)
  await bench.until('the GET to wait', () => {
    // Once a second it tries the endpoint again, which has to go on dying.
    resetAll()
    return bench.version().held === 1
  })
  const origin = await bench.extraOrigin(named('new'))
  bench.endpoints('v1', [origin.port])
  t.equal((await getter.answer()).body.toString(), 'new')
  t.equal(origin.requests.length, 1)
})

proxyTest('an answer of 503 by the only endpoint is passed on: it is there', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold', policy: { ...holdPolicy(), retries: { ...ROUTE_DEFAULTS.retries, on: [503] } } }])
  const origin = await bench.extraOrigin((_, connection) => { connection.send('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n') })
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await (await bench.client()).ask(get())), 503)
  t.equal(bench.version().held, 0)
})

timedProxyTest('when no more may wait, what is refused fails as ever', async (t, bench) => {
  // No time passes: what waits does not try now and then, and so keeps its place.
  holdRoute(bench, { maxRequests: 1 })
  bench.endpoints('v1', [await closedPort()])
  const first = await waiting(bench)
  const answer = await (await bench.client()).ask(get())
  t.match(JSON.parse(answer.body.toString()), { code: 'upstream_connect_failed' })
  bench.endpoints('v1', [(await bench.extraOrigin(named('v1'))).port])
  t.equal(statusOf(await first.answer()), 200)
})

proxyTest('while the worker drains, what waits still goes on', async (t, bench) => {
  holdRoute(bench)
  const client = await waiting(bench)
  bench.drain()
  const origin = await bench.extraOrigin(named('v1'))
  bench.endpoints('v1', [origin.port])
  const answer = await client.answer()
  t.same([statusOf(answer), valuesOf(answer, 'connection')], [200, ['close']])
})

proxyTest('HTTP/1.0 without a Host waits like others', async (t, bench) => {
  holdRoute(bench)
  const client = await waiting(bench, 'GET /old HTTP/1.0\r\n\r\n')
  const origin = await bench.extraOrigin(named('v1'))
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await client.answer()), 200)
  t.equal(origin.requests[0] === undefined ? -1 : valuesOf(origin.requests[0], 'host').length, 1)
  t.same(origin.faults, [])
})

proxyTest('a pipelined request waits behind one that waits', async (t, bench) => {
  holdRoute(bench)
  const client = await waiting(bench)
  client.expect('GET')
  client.send(get('/second'))
  const origin = await bench.extraOrigin((request, connection) => { connection.send(ok(request.startLine)) })
  bench.endpoints('v1', [origin.port])
  t.equal((await client.answer()).body.toString(), 'GET / HTTP/1.1')
  t.equal((await client.answer()).body.toString(), 'GET /second HTTP/1.1')
})

proxyTest('endpoints that terminate but still serve are used before anything waits', async (t, bench) => {
  holdRoute(bench)
  const origin = await bench.extraOrigin(named('terminating'))
  bench.routes.applyEndpoints({
    type: 'endpoints',
    route: 'test',
    version: 'v1',
    endpoints: [{ address: '127.0.0.1', port: origin.port, ready: false, serving: true, terminating: true }, { address: '127.0.0.1', port: 1, ready: false, serving: false, terminating: true }]
  })
  t.equal((await (await bench.client()).ask(get())).body.toString(), 'terminating')
})

proxyTest('fail: 503 at once', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'fail' }])
  refused(t, await (await bench.client()).ask(get()), 'no_endpoint')
})

proxyTest('hold: a split without any weight has nothing to wait for', async (t, bench) => {
  holdRoute(bench, {}, { v1: 0 })
  refused(t, await (await bench.client()).ask(get()), 'no_endpoint')
})

proxyTest('fallback works in both directions, and clients return', async (t, bench) => {
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))]
  bench.route([{ weights: { stable: 1, canary: 1 }, affinity: { by: 'header', header: 'x-user', level: 'version' }, whenEmpty: 'fallback' }])
  const put = (names: readonly string[]): void => {
    bench.endpoints('stable', names.includes('stable') ? [stable.port] : [])
    bench.endpoints('canary', names.includes('canary') ? [canary.port] : [])
  }
  const client = await bench.client()
  const users = Array.from({ length: 20 }, (_, index) => `X-User: ${index}\r\n`)
  const ask = async (): Promise<readonly string[]> => {
    const bodies: string[] = []
    for (const user of users) bodies.push((await client.ask(get('/', user))).body.toString())
    return bodies
  }
  put(['stable', 'canary'])
  const chosen = await ask()
  const ofCanary = chosen.filter(name => name === 'canary').length
  t.ok(ofCanary > 0 && ofCanary < users.length)
  put(['stable'])
  t.same(new Set(await ask()), new Set(['stable']))
  t.equal(bench.version('stable').fallbacks, ofCanary)
  put(['canary'])
  t.same(new Set(await ask()), new Set(['canary']))
  t.equal(bench.version('canary').fallbacks, users.length - ofCanary)
  put(['stable', 'canary'])
  t.same(await ask(), chosen)
  put([])
  refused(t, await client.ask(get('/', users[0])), 'no_endpoint')
})

proxyTest('fallback: the endpoints go while a request is on its way to one of them', async (t, bench) => {
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin()]
  bench.route([{ weights: { stable: 0, canary: 1 }, whenEmpty: 'fallback', policy: NO_EJECTION }], planeOptions())
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [canary.port])
  bench.split({ stable: 1, canary: 1_000_000 })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const connection = await canary.connection()
  await connection.next()
  bench.endpoints('canary', [])
  connection.reset()
  t.equal((await client.answer()).body.toString(), 'stable')
})

timedProxyTest('with a circuit breaker they go on as fast as requests end, in their order', async (t, bench) => {
  const { circuitBreaker } = ROUTE_DEFAULTS
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold', policy: { ...holdPolicy(), circuitBreaker: { ...circuitBreaker, requests: 2 } } }])
  const clients: RawClient[] = []
  for (let index = 0; index < 20; index++) clients.push(await waiting(bench, get(`/${index}`)))
  const origin = await bench.extraOrigin((request, connection) => { connection.send(ok(request.startLine)) })
  bench.endpoints('v1', [origin.port])
  // No time passes: nobody waits to be let go once a second.
  for (const [index, client] of clients.entries()) t.equal((await client.answer()).body.toString(), `GET /${index} HTTP/1.1`)
  t.equal(bench.version().held, 0)
})
