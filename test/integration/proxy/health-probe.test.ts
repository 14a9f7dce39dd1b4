/**
 * Probes of endpoints over real sockets: what passes, what does not, and that nothing stays behind.
 */
import { Buffer } from 'node:buffer'
import t, { type Test } from 'tap'
import { HttpProbe, type ProbeTarget } from '../../../src/control/http-probe.ts'
import { fullBacklog } from '../../helpers/full-backlog.ts'
import { freePort } from '../../helpers/free-port.ts'
import { ok, RawOrigin, type OriginHandler } from '../../helpers/raw-origin.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ADDRESSED, NAMED, originTls } from '../../helpers/upstream-certificates.ts'
import { turns } from '../../helpers/turns.ts'

const { signal: patient } = new AbortController()
const probe = new HttpProbe()

function targetAt (port: number, different: Partial<ProbeTarget> = {}): ProbeTarget {
  return { address: '127.0.0.1', port, path: '/healthz?deep=1', host: 'hello.test', ...different }
}

async function originThat (t: Test, handler?: OriginHandler): Promise<RawOrigin> {
  const origin = await RawOrigin.start(handler)
  t.teardown(async () => { await origin.close() })
  return origin
}

/** What the probe of an origin that answers so finds. */
async function probed (t: Test, answer: string, end = false) {
  const origin = await originThat(t, (_, connection) => {
    connection.send(answer)
    if (end) connection.end()
  })
  return await probe.run(targetAt(origin.port), patient)
}

t.test('a probe is a GET with the Host it was told, on a connection that ends with it', async t => {
  const origin = await originThat(t, (_, connection) => { connection.send(ok('fine')) })
  t.same(await probe.run(targetAt(origin.port), patient), { passed: true, detail: 'status 200' })
  const [request] = origin.requests
  t.equal(request?.startLine, 'GET /healthz?deep=1 HTTP/1.1')
  t.same(request === undefined ? [] : valuesOf(request, 'host'), ['hello.test'])
  await (await origin.connection()).untilClosed()
  t.same(origin.faults, [])
})

t.test('a status from 200 to 399 passes, and no redirect is followed', async t => {
  t.match(await probed(t, 'HTTP/1.1 204 No Content\r\n\r\n'), { passed: true, detail: 'status 204' })
  t.match(await probed(t, 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'), { passed: true, detail: 'status 302' })
  t.match(await probed(t, 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'), { passed: false, detail: 'status 400' })
  t.match(await probed(t, 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy'), { passed: false, detail: 'status 503' })
})

t.test('what is no whole answer fails, and says why', async t => {
  t.match(await probe.run(targetAt(await freePort()), patient), { passed: false, detail: /ECONNREFUSED/ })
  t.match(await probed(t, 'SSH-2.0-OpenSSH_9.2\r\n'), { passed: false, detail: /^HTTPParserError: / })
  t.match(await probed(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', true), { passed: false, detail: /./ })
  t.match(await probed(t, 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), { passed: false })
  t.match(await probed(t, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`), { passed: false, detail: /./ })
})

t.test('a body without end is not waited for', async t => {
  const origin = await originThat(t, (_, connection) => {
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
    connection.send(Buffer.alloc(200_000, 'x').toString('latin1'))
  })
  t.match(await probe.run(targetAt(origin.port), patient), { passed: true })
  await (await origin.connection()).untilClosed()
})

t.test('a probe that is aborted ends at once, wherever it is', async t => {
  const origin = await originThat(t, (request, connection) => { if (request.startLine.includes('/body')) connection.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx') })
  for (const path of ['/silent', '/body']) {
    const controller = new AbortController()
    const count = origin.connections.length
    const result = probe.run(targetAt(origin.port, { path }), controller.signal)
    const connection = await origin.connection(count)
    await connection.until('a request', () => connection.reader.messages.length > 0)
    controller.abort()
    t.match(await result, { passed: false })
    await connection.untilClosed()
  }
  const controller = new AbortController()
  controller.abort()
  t.match(await probe.run(targetAt(origin.port), controller.signal), { passed: false })
})

t.test('a probe that is aborted while it connects leaves nothing behind', async t => {
  const { port, close } = await fullBacklog()
  t.teardown(close)
  const controller = new AbortController()
  const result = probe.run(targetAt(port), controller.signal)
  await turns()
  controller.abort()
  t.match(await result, { passed: false })
})

t.test('over TLS a certificate is verified as the version says', async t => {
  const origin = await RawOrigin.startSecure(originTls('named'), (_, connection) => { connection.send(ok('fine')) })
  t.teardown(async () => { await origin.close() })
  t.match(await probe.run(targetAt(origin.port, { tls: NAMED }), patient), { passed: true })
  t.match(await probe.run(targetAt(origin.port, { tls: ADDRESSED }), patient), { passed: false, detail: /ERR_TLS_CERT_ALTNAME_INVALID/ })
  t.match(await probe.run(targetAt(origin.port, { tls: { verify: true } }), patient), { passed: false, detail: /./ })
  t.match(await probe.run(targetAt(origin.port, { tls: { verify: false } }), patient), { passed: true })
  const plain = await originThat(t)
  const result = probe.run(targetAt(plain.port, { tls: NAMED }), patient)
  const connection = await plain.connection()
  connection.end()
  t.match(await result, { passed: false, detail: /ECONNRESET/ })
})
