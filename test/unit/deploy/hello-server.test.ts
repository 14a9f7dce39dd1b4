import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { HELLO_DEFAULTS, type HelloOptions, readHelloOptions, startHelloServer } from '../../../deploy/examples/hello/hello-server.ts'

async function start (t: { teardown: (close: () => Promise<void>) => void }, options: Partial<HelloOptions> = {}) {
  const server = await startHelloServer({ ...HELLO_DEFAULTS, port: 0, ...options })
  t.teardown(server.close)
  return { server, at: `127.0.0.1:${server.port}` }
}

async function get (at: string, path = '/', options: http.RequestOptions = {}) {
  const request = http.request(`http://${at}${path}`, { agent: false, ...options })
  request.end()
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk)
  return { status: response.statusCode, headers: response.headers, body }
}

t.test('it says its version and where it runs', async t => {
  const { at } = await start(t, { version: '2.0.0' })
  const { status, headers, body } = await get(at)
  t.equal(status, 200)
  t.equal(body, `hello 2.0.0 from ${at}\n`)
  t.equal(headers['content-length'], String(body.length))
})

t.test('it says so in JSON, with the request as it arrived, when asked', async t => {
  const { at } = await start(t)
  const { body } = await get(at, '/a?b', { headers: { accept: 'application/json', 'x-forwarded-for': '203.0.113.9' } })
  t.match(JSON.parse(body), { version: '1.0.0', from: at, method: 'GET', url: '/a?b', headers: { 'x-forwarded-for': '203.0.113.9' } })
})

t.test('it plays another service by its name, and says its version alone to who asks for that', async t => {
  const { at } = await start(t, { name: 'auth' })
  t.equal((await get(at, '/login')).body, `auth 1.0.0 from ${at}\n`)
  const { headers, body } = await get(at, '/version')
  t.same([headers['content-type'], headers['content-length'], body], ['application/json', String(body.length), '{"version":"1.0.0"}\n'])
  t.notMatch((await get(at, '/version/1')).body, /^\{/)
})

t.test('with an error rate it fails, its health check does not', async t => {
  const { at } = await start(t, { errorRate: 1 })
  t.match(await get(at), { status: 500, body: /failed on purpose/ })
  t.match(await get(at, '/healthz'), { status: 200, body: 'ok\n' })
})

t.test('one that is breakable fails from POST /break to POST /mend, any other does not', async t => {
  const { at } = await start(t, { breakable: true })
  t.match(await get(at, '/break'), { status: 200 }, 'a GET breaks nothing')
  t.match(await get(at), { status: 200 })
  t.match(await get(at, '/break', { method: 'POST' }), { status: 200 })
  t.match(await get(at), { status: 500, body: /failed on purpose/ })
  t.match(await get(at, '/healthz'), { status: 200 })
  t.match(await get(at, '/mend', { method: 'POST' }), { status: 200 })
  t.match(await get(at), { status: 200 })
  const { at: other } = await start(t)
  t.match(await get(other, '/break', { method: 'POST' }), { status: 200 })
  t.match(await get(other), { status: 200 })
})

t.test('closing lets an answer in flight finish and takes no new connection', async t => {
  const { server, at } = await start(t, { latencyMs: 100 })
  const request = http.request(`http://${at}/`, { agent: false, method: 'POST', headers: { expect: '100-continue' } })
  request.flushHeaders()
  // The server has the request when it asks for the body.
  await once(request, 'continue')
  request.end('a body')
  const closed = server.close()
  await t.rejects(get(at), { code: 'ECONNREFUSED' })
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  t.equal(response.statusCode, 200)
  response.resume()
  await closed
})

t.test('closing lets a request on a kept-alive connection have its answer, says that it was the last, and then ends', async t => {
  const { server, at } = await start(t, { latencyMs: 200 })
  const agent = new http.Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const request = http.request(`http://${at}/`, { agent, method: 'POST', headers: { expect: '100-continue' } })
  request.flushHeaders()
  await once(request, 'continue')
  request.end('a body')
  const closed = server.close()
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  t.equal(response.statusCode, 200)
  t.equal(response.headers.connection, 'close')
  response.resume()
  await closed
})

t.test('options come from flags, then from the environment', async t => {
  t.same(readHelloOptions([], {}), HELLO_DEFAULTS)
  t.same(readHelloOptions(['--port', '1'], { HELLO_NAME: 'auth', HELLO_PORT: '2', HELLO_LATENCY_MS: '3', HELLO_ERROR_RATE: '0.5' }), { ...HELLO_DEFAULTS, name: 'auth', port: 1, latencyMs: 3, errorRate: 0.5 })
  t.throws(() => readHelloOptions(['--error-rate', '2'], {}), /--error-rate has to be a number from 0 to 1, and "2" is not/)
  t.throws(() => readHelloOptions([], { HELLO_PORT: 'x' }), /--port/)
  t.throws(() => readHelloOptions(['--colour', 'red'], {}))
})
