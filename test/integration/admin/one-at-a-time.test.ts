/**
 * What one connection of the admin API can make Weir do, with real sockets.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ADMIN_LIMITS } from '../../../src/admin/admin-server.ts'
import { AdminClient, listenAdmin } from '../../helpers/listen-admin.ts'

const TOKEN = 'operator-token-0123456789'
const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
const METRICS = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** Turns are for the tests that are about them. */
const limits = { ...ADMIN_LIMITS, unprovenPerWindow: 1_000_000 }

/** An API whose scrapes are answered when the test says so. */
async function withSlowScrapes (t: Test) {
  const waiting: Array<() => void> = []
  const admin = await listenAdmin(t, {
    limits,
    metrics: async () => {
      await new Promise<void>(resolve => { waiting.push(resolve) })
      return { contentType: 'text/plain', body: 'weir_up 1\n' }
    }
  })
  return { ...admin, waiting }
}

/** Answers of others in between are events that show that a client had its chance. */
async function askInBetween (t: Test, port: number, times = 20): Promise<void> {
  const other = new AdminClient(t, port)
  for (let count = 1; count <= times; count++) await other.write(HEALTH).answers(count)
  other.socket.destroy()
}

async function withToken (t: Test) {
  const file = join(t.testdir({ token: TOKEN }), 'token')
  return await listenAdmin(t, { limits, tokens: [{ name: 'ops', role: 'operator', file }] })
}

t.test('of the requests on one connection, one is begun before the last is answered', async t => {
  const { port, app, waiting } = await withSlowScrapes(t)
  const client = new AdminClient(t, port).write(METRICS.repeat(3) + HEALTH)
  for (let round = 1; round <= 3; round++) {
    await askInBetween(t, port)
    t.equal(waiting.length, round)
    waiting[round - 1]?.()
    await client.answers(round)
  }
  t.same(await client.answers(4), [200, 200, 200, 200])
  t.ok(client.received.endsWith('{"status":"ok"}'), 'in order')
  t.equal(app.server.listening, true)
})

t.test('what is sent meanwhile is not read', async t => {
  const { port, app, waiting } = await withSlowScrapes(t)
  const accepted = once(app.server, 'connection')
  const client = new AdminClient(t, port).write(METRICS.repeat(Math.ceil(12_000_000 / METRICS.length)))
  const [socket]: Socket[] = await accepted
  await askInBetween(t, port, 100)
  t.equal(waiting.length, 1)
  t.ok((socket?.bytesRead ?? Infinity) < 200_000, `${socket?.bytesRead} bytes`)
  client.socket.destroy()
})

t.test('a body ends where its length or its last chunk says, and the next request is served', async t => {
  const { port } = await listenAdmin(t, { limits })
  const head = 'PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const body = '{"weights":{"stable":1,\r\n\r\n"canary":1}}'
  const hex = body.length.toString(16)
  const client = new AdminClient(t, port)
  client.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}${HEALTH}${head}Transfer-Encoding: chunked\r\n\r\n${hex}\r\n${body}\r\n0\r\n\r\n${HEALTH}`)
  t.same(await client.answers(4), [200, 200, 200, 200])
})

t.test('the body of a request that is refused is not read, and its connection is closed', async t => {
  const { port, app } = await withToken(t)
  for (const framing of ['Content-Length: 1000000000', 'Transfer-Encoding: chunked']) {
    const accepted = once(app.server, 'connection')
    const client = new AdminClient(t, port).write(`PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`)
    t.same(await client.answers(1), [401], framing)
    t.match(await client.end(), /connection: close/i)
    const [socket]: Socket[] = await accepted
    t.ok((socket?.bytesRead ?? Infinity) < 1_000)
  }
})

t.test('who sends a body that is not read still gets the answer', async t => {
  const { port } = await withToken(t)
  const body = 'x'.repeat(200_000)
  const client = new AdminClient(t, port).write(`PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  t.match(await client.end(), /^HTTP\/1\.1 401 /)
})

t.test('a body on a request that has none is not read either', async t => {
  const { port } = await listenAdmin(t, { limits })
  const client = new AdminClient(t, port).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nabc')
  t.match(await client.end(), /^HTTP\/1\.1 200 .*connection: close/is)
})

t.test('who is refused is not asked to go on with the body', async t => {
  const { port } = await withToken(t)
  const put = (token: string) => `PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n`
  t.same(await new AdminClient(t, port).write(put('another-token-0123456789')).answers(1), [401])
  const client = new AdminClient(t, port).write(put(TOKEN))
  t.same(await client.answers(1), [100])
  client.write('{"weights":{"stable":1,"canary":1}}  ')
  t.same(await client.answers(2), [100, 200])
})

t.test('Expect is a list: without a member it asks for nothing, and an unknown one is refused', async t => {
  const { port } = await withToken(t)
  const body = '{"weights":{"stable":1,"canary":1}}  '
  const put = (expectation: string) => `PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: a\r\nExpect:${expectation}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n${body}`
  for (const expectation of ['', ' ,', ' , ,']) {
    t.same(await new AdminClient(t, port).write(put(expectation)).answers(1), [200], expectation)
  }
  for (const expectation of [' 100-continue, 100-continue', ' ,100-Continue']) {
    t.same(await new AdminClient(t, port).write(put(expectation)).answers(2), [100, 200], expectation)
  }
  t.same(await new AdminClient(t, port).write(put(' 200-ok')).answers(1), [417])
})

t.test('a client that leaves while it waits is noticed', async t => {
  const { port, app, waiting } = await withSlowScrapes(t)
  const accepted = once(app.server, 'connection')
  const client = new AdminClient(t, port).write(METRICS)
  await askInBetween(t, port)
  t.equal(waiting.length, 1)
  const [socket]: Socket[] = await accepted
  const gone = once(socket ?? client.socket, 'close')
  client.socket.end()
  await gone
  t.pass('its connection is closed')
})

t.test('line feeds without a request end the connection', async t => {
  const { port } = await listenAdmin(t, { limits })
  t.same(await new AdminClient(t, port).write(`\r\n${HEALTH}`).answers(1), [200], 'one empty line is left out')
  t.equal(await new AdminClient(t, port).write('\r\n'.repeat(50)).end(), '')
})
