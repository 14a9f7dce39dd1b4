import net from 'node:net'
import { type TLSSocket, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, RawOrigin } from '../../helpers/raw-origin.ts'
import { secureOrigin, secureRoute } from '../../helpers/secure-origin.ts'
import { ADDRESSED, authorities, NAMED, originTls } from '../../helpers/upstream-certificates.ts'
import type { UpstreamTls } from '../../../src/contract/route-spec.ts'

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const

const UNVERIFIED: UpstreamTls = { verify: false }
const OLD: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }

for (const [what, origin, tls] of [
  ['for its name', originTls('named'), NAMED],
  ['for its address, without a name', originTls('addressed'), ADDRESSED],
  ['below an intermediate, which alone is trusted', originTls('below'), { ...NAMED, ca: authorities('intermediate') }],
  ['of one of two authorities', originTls('named'), { ...NAMED, ca: authorities('other-ca', 'ca') }],
  ['for its name, in capitals', originTls('named'), { ...NAMED, serverName: 'Origin.TEST' }],
  ['for another name, unverified', originTls('named'), { serverName: 'wrong.test', verify: false }],
  ['for no address, unverified', originTls('named'), UNVERIFIED],
  ['of an unknown authority, unverified', originTls('other'), UNVERIFIED],
  ['that has expired, unverified', originTls('expired'), UNVERIFIED],
  ['over TLS 1.2', { ...originTls('named'), maxVersion: 'TLSv1.2' }, NAMED]
] as const) {
  proxyTest(`a certificate ${what}: the origin answers`, async (t, bench) => {
    await secureOrigin(t, bench, { origin, tls, handler: (_, connection) => { connection.send(ok('hello')) } })
    const client = await bench.client()
    const answer = await client.ask(get('/path'))
    t.same([statusOf(answer), answer.body.toString()], [200, 'hello'])
  })
}

for (const [what, origin, tls, fault] of [
  ['for another name', originTls('named'), { ...NAMED, serverName: 'other.test' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['for a name, not for its address', originTls('named'), ADDRESSED, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['for an address, not for its name', originTls('addressed'), NAMED, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an unknown authority', originTls('other'), NAMED, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ['that no authority of Node\'s has signed', originTls('named'), { serverName: 'origin.test', verify: true }, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ['that has expired', originTls('expired'), NAMED, 'CERT_HAS_EXPIRED'],
  ['below an intermediate that is not sent', originTls('below'), NAMED, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ['over TLS 1.1', { ...originTls('named'), ...OLD }, UNVERIFIED, /^ERR_SSL_/],
  ['behind HTTP/2 alone', { ...originTls('named'), ALPNProtocols: ['h2'] }, NAMED, /^ERR_SSL_.*ALERT_NO_APPLICATION_PROTOCOL$/]
] as const) {
  proxyTest(`a certificate ${what}: a 502, and nothing is sent`, async (t, bench) => {
    const { connections } = await secureOrigin(t, bench, { origin, tls })
    await refused(t, bench, fault)
    t.same(connections.flatMap(({ reader }) => reader.messages), [])
  }, LOGGED)
}

/** Sees a request fail at the handshake, with this fault in the access log. */
async function refused (t: Test, bench: ProxyBench, fault: string | RegExp): Promise<void> {
  const client = await bench.client()
  const answer = await client.ask(get())
  t.equal(statusOf(answer), 502)
  t.match(JSON.parse(answer.body.toString()), { code: 'upstream_tls_failed' })
  t.notMatch(answer.body.toString(), fault, 'the client is not told of the inside')
  await bench.until('the access log', () => bench.logLines.length > 0)
  t.match(JSON.parse(bench.logLines[0] ?? ''), { error: 'upstream_tls_failed', fault, attempts: 1, endpoint: /^127\.0\.0\.1:\d+$/ })
  t.equal(bench.errors('upstream_tls_failed'), 1)
}

proxyTest('the name goes out by SNI, and http/1.1 by ALPN', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: { ...originTls('named'), ALPNProtocols: ['h2', 'http/1.1'] }, tls: NAMED, handler: (_, connection) => { connection.send(ok()) } })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  const { socket } = await origin.connection()
  t.match(socket, { servername: 'origin.test', alpnProtocol: 'http/1.1' })
})

proxyTest('an address is not sent by SNI', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('addressed'), tls: ADDRESSED, handler: (_, connection) => { connection.send(ok()) } })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  const { socket } = await origin.connection()
  t.equal((socket as TLSSocket).servername, false)
})

proxyTest('TLS changes nothing of what the origin is told about the client', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler: (_, connection) => { connection.send(ok()) } })
  const client = await bench.client()
  await client.ask(get('/', 'X-Forwarded-Proto: https\r\n'))
  const [request] = origin.requests
  t.ok(request)
  if (request === undefined) return
  t.same(['host', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-for'].map(name => valuesOf(request, name)), [['example.test'], ['http'], ['example.test'], ['127.0.0.1']])
})

for (const [what, bytes] of [['HTTP', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'], ['nothing, and closes', ''], ['half a record', '\x16\x03\x03\x40\x00\x02']] as const) {
  proxyTest(`TLS to an origin that says ${what} is a 502 at once`, async (t, bench) => {
    const server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => { socket.end(Buffer.from(bytes, 'latin1')) })
    })
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
    t.teardown(() => { server.close() })
    const address = server.address()
    await secureRoute(bench, NAMED, typeof address === 'object' && address !== null ? address.port : 0)
    await refused(t, bench, /^(ERR_SSL_.+|ENDED_IN_HANDSHAKE)$/)
  }, LOGGED)
}

proxyTest('plain HTTP to an origin that speaks TLS is a 502 at once', async (t, bench) => {
  const origin = await RawOrigin.startSecure(originTls('named'))
  t.teardown(async () => { await origin.close() })
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  const answer = await client.ask(get())
  t.equal(statusOf(answer), 502)
  t.match(JSON.parse(answer.body.toString()), { code: /^upstream_(malformed|reset)$/ })
})

proxyTest('an origin that refuses TCP is said to do that', async (t, bench) => {
  const origin = await RawOrigin.startSecure(originTls('named'))
  await origin.close()
  await bench.routes.transports.load()
  bench.route([{ weights: { v1: 1 }, tls: { v1: NAMED } }])
  bench.endpoints('v1', [await closedPort()])
  const client = await bench.client()
  t.match(JSON.parse((await client.ask(get())).body.toString()), { code: 'upstream_connect_failed' })
})

t.test('the fixtures are not about to expire', async t => {
  t.ok(Date.now() < Date.UTC(2125, 0, 1))
})
