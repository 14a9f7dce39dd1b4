/** A listener that sends its clients to https. */
import { proxyTest, type BenchOptions } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'

const REDIRECT: BenchOptions = { listener: { redirectToHttps: { port: 443 } }, accessLog: { mode: 'on', sampleRate: 1 } }
const location = (answer: RawMessage): readonly string[] => valuesOf(answer, 'location')

proxyTest('every request is answered 308 with the same host and target, on one connection, and no origin sees any', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  for (const [request, expected] of [
    [get('/a/b?c=d'), 'https://example.test/a/b?c=d'],
    ['GET / HTTP/1.1\r\nHost: example.test:8080\r\n\r\n', 'https://example.test/'],
    ['HEAD /x HTTP/1.1\r\nHost: example.test\r\n\r\n', 'https://example.test/x'],
    [post('/form', 'a body that came whole'), 'https://example.test/form'],
    ['POST /form HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n', 'https://example.test/form'],
    ['GET http://other.test/y HTTP/1.1\r\nHost: example.test\r\n\r\n', 'https://other.test/y'],
    ['OPTIONS * HTTP/1.1\r\nHost: example.test\r\n\r\n', 'https://example.test'],
    ['GET /ws HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 'https://example.test/ws']
  ] as const) {
    const answer = await client.ask(request)
    t.equal(answer.startLine, 'HTTP/1.1 308 Permanent Redirect')
    t.same(location(answer), [expected])
    t.same(valuesOf(answer, 'connection'), [])
    t.equal(answer.body.length, 0)
  }
  t.equal(origin.connections.length, 0)
  t.match(bench.counters, { connectionsAccepted: 1, unroutedByClass: [0, 0, 8, 0, 0] })
  await bench.until('the log', () => bench.logLines.length === 8)
  t.match(JSON.parse(bench.logLines[0] ?? ''), { status: 308, method: 'GET', host: 'example.test', path: '/a/b', route: null, error: null })
}, REDIRECT)

proxyTest('requests sent ahead are answered in order', async (t, bench) => {
  const client = await bench.client()
  client.expect('GET', 'GET', 'GET')
  client.send(get('/1') + get('/2') + get('/3'))
  for (const path of ['1', '2', '3']) t.same(location(await client.answer()), [`https://example.test/${path}`])
}, REDIRECT)

proxyTest('without a route there is a redirect all the same', async (t, bench) => {
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 308)
}, REDIRECT)

proxyTest('another port is named', async (t, bench) => {
  const client = await bench.client()
  t.same(location(await client.ask(get('/x'))), ['https://example.test:8443/x'])
}, { listener: { redirectToHttps: { port: 8443 } } })

proxyTest('a body that is on its way is not waited for: the answer comes at once, and the connection ends', async (t, bench) => {
  for (const request of [
    'POST /up HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000\r\n\r\nonly a part',
    'POST /up HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n',
    'POST /up HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo'
  ]) {
    const client = await bench.client()
    const answer = await client.ask(request)
    t.same([statusOf(answer), location(answer), valuesOf(answer, 'connection')], [308, ['https://example.test/up'], ['close']])
    await client.untilEnded()
    client.end()
  }
}, REDIRECT)

proxyTest('HTTP/1.0: a connection is kept when the client asks for it, and a request without a host is a 400', async (t, bench) => {
  const keeping = await bench.client()
  for (let round = 0; round < 2; round++) {
    const answer = await keeping.ask('GET /x HTTP/1.0\r\nHost: example.test\r\nConnection: keep-alive\r\n\r\n')
    t.same([statusOf(answer), valuesOf(answer, 'connection')], [308, ['keep-alive']])
  }
  const closing = await bench.client()
  t.same(location(await closing.ask('GET /x HTTP/1.0\r\nHost: example.test\r\n\r\n')), ['https://example.test/x'])
  await closing.untilEnded()
  const hostless = await bench.client()
  t.equal(statusOf(await hostless.ask('GET /x HTTP/1.0\r\n\r\n')), 400)
  t.equal(bench.unroutedErrors('malformed_request'), 1)
}, REDIRECT)

proxyTest('what is no request is no redirect', async (t, bench) => {
  for (const [request, status] of [
    ['GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: user@a.test\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: a.test\rSet-Cookie: x\r\n\r\n', 400],
    ['GET /\rLocation: x HTTP/1.1\r\nHost: a.test\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n', 405]
  ] as const) {
    const client = await bench.client()
    const answer = await client.ask(request)
    t.equal(statusOf(answer), status)
    t.same(location(answer), [])
  }
}, REDIRECT)

proxyTest('the client in the log is the one that a trusted proxy names', async (t, bench) => {
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/', 'X-Forwarded-For: 192.0.2.99\r\n'))), 308)
  await bench.until('the log', () => bench.logLines.length === 1)
  t.equal(JSON.parse(bench.logLines[0] ?? '').clientIp, '192.0.2.99')
}, { ...REDIRECT, trustedProxies: ['127.0.0.1'] })

proxyTest('a draining worker ends the connection with the redirect', async (t, bench) => {
  const client = await bench.client()
  await bench.until('it', () => bench.counters.connectionsOpen === 1)
  bench.drain()
  t.same(valuesOf(await client.ask(get()), 'connection'), ['close'])
  await client.untilEnded()
}, REDIRECT)
