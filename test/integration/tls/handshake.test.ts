import net from 'node:net'
import type { Test } from 'tap'
import { CLOSE_REASONS, type CloseReason } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { listenerCertificate, tlsMaterial, tlsPem } from '../../helpers/listener-certificates.ts'
import { passTime } from '../../helpers/pass-time.ts'
import { get } from '../../helpers/raw-client.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { dialSecure, secureClient, shaken, type SecureClientOptions } from '../../helpers/secure-client.ts'

const tls = tlsMaterial()
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

function closedFor (bench: ProxyBench, reason: CloseReason): number {
  return bench.counters.connectionsClosed[CLOSE_REASONS.indexOf(reason)] ?? 0
}

/** Asks for a handshake that is to fail. */
async function refused (t: Test, bench: ProxyBench, options: SecureClientOptions, error: RegExp): Promise<void> {
  const client = dialSecure(bench.port, options)
  bench.keep(client)
  await t.rejects(shaken(client), { message: error })
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
}

for (const version of VERSIONS) {
  proxyTest(`${version}: requests on one connection`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => connection.send(ok('hello')))
    const client = await secureClient(bench, { minVersion: version, maxVersion: version })
    t.equal(client.socket.getProtocol(), version)
    t.equal((await client.ask(get())).body.toString(), 'hello')
    t.equal((await client.ask(get('/', 'X-Forwarded-Proto: http\r\n'))).body.toString(), 'hello')
    t.same(origin.requests.map(request => valuesOf(request, 'x-forwarded-proto')), [['https'], ['https']])
    t.equal(bench.counters.tlsHandshakes, 1)
    t.equal(bench.counters.tlsResumed, 0)
    t.equal(bench.counters.connectionsAccepted, 1)
  }, { tls })

  proxyTest(`${version}: bytes that come one by one`, async (t, bench) => {
    await bench.origin((_, connection) => connection.send(ok('slow but whole')))
    const relay = net.createServer({ noDelay: true }, near => {
      const far = net.connect({ host: '127.0.0.1', port: bench.port, noDelay: true })
      near.on('data', async (bytes: Buffer) => {
        near.pause()
        for (const byte of bytes) await new Promise<void>(resolve => { far.write(Buffer.of(byte), () => { setImmediate(resolve) }) })
        near.resume()
      })
      far.pipe(near)
      near.on('error', () => { far.destroy() }).on('close', () => { far.destroy() })
      far.on('error', () => { near.destroy() })
    })
    await new Promise<void>(resolve => { relay.listen(0, '127.0.0.1', resolve) })
    const address = relay.address()
    const client = dialSecure(typeof address === 'object' && address !== null ? address.port : 0, { minVersion: version, maxVersion: version })
    await shaken(client)
    t.equal((await client.ask(get())).body.toString(), 'slow but whole')
    client.destroy()
    await new Promise<void>(resolve => { relay.close(() => { resolve() }) })
  }, { tls })

  proxyTest(`${version}: the certificate is chosen by the name that the client asks for`, async (t, bench) => {
    const nameFor = async (servername: string): Promise<string> => {
      const client = await secureClient(bench, { servername, minVersion: version, maxVersion: version, checkServerIdentity: () => undefined })
      const { CN } = client.socket.getPeerCertificate().subject
      client.destroy()
      return String(CN)
    }
    t.equal(await nameFor('api.example.test'), 'exact')
    t.equal(await nameFor('API.Example.TEST'), 'exact', 'in any case')
    t.equal(await nameFor('example.test'), 'exact')
    t.equal(await nameFor('www.example.test'), 'wildcard')
    t.equal(await nameFor('a.b.example.test'), 'default', 'a wildcard stands for one label')
    t.equal(await nameFor('other.test'), 'default')
    t.equal(await nameFor('default.test'), 'default')
    t.equal(await nameFor(''), 'default', 'without a name')
    t.equal(await nameFor('rsa.test'), 'rsa')
    t.equal(await nameFor('chained.test'), 'chained', 'with its chain, or it would not verify')
  }, {
    tls: tlsMaterial({
      certificates: [
        listenerCertificate('default', 'default.test'), listenerCertificate('wildcard', '*.example.test'),
        listenerCertificate('exact', 'api.example.test', 'example.test'), listenerCertificate('rsa', 'rsa.test'),
        listenerCertificate('chained', 'chained.test')
      ]
    })
  })
}

proxyTest('minVersion 1.3 refuses 1.2', async (t, bench) => {
  await refused(t, bench, { maxVersion: 'TLSv1.2' }, /PROTOCOL_VERSION/)
  t.equal(closedFor(bench, 'tls_handshake'), 1)
  t.equal(bench.counters.tlsHandshakes, 0)
  const client = await secureClient(bench)
  t.equal(client.socket.getProtocol(), 'TLSv1.3')
}, { tls: tlsMaterial({ minVersion: '1.3' }) })

proxyTest('1.1 is not spoken', async (t, bench) => {
  await refused(t, bench, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, /PROTOCOL_VERSION/)
}, { tls })

proxyTest('ciphers without forward secrecy or authenticated encryption are not spoken', async (t, bench) => {
  for (const ciphers of ['AES128-GCM-SHA256', 'AES256-SHA', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES256-SHA', 'DHE-RSA-AES128-SHA']) {
    await refused(t, bench, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0`, servername: 'rsa.test' }, /HANDSHAKE_FAILURE/)
  }
  const client = await secureClient(bench, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-CHACHA20-POLY1305', servername: 'rsa.test' })
  t.equal(client.socket.getCipher().name, 'ECDHE-RSA-CHACHA20-POLY1305')
}, { tls: tlsMaterial({ certificates: [listenerCertificate('rsa', 'rsa.test')] }) })

proxyTest('ALPN: http/1.1 is agreed on, anything else refused, nothing is fine', async (t, bench) => {
  const both = await secureClient(bench, { ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal(both.socket.alpnProtocol, 'http/1.1')
  const none = await secureClient(bench)
  t.equal(none.socket.alpnProtocol, false)
  for (const client of [both, none]) client.destroy()
  await refused(t, bench, { ALPNProtocols: ['h2'] }, /NO_APPLICATION_PROTOCOL/)
}, { tls })

proxyTest('a client of 1.2 may not renegotiate', async (t, bench) => {
  await bench.origin((_, connection) => connection.send(ok()))
  const client = await secureClient(bench, { maxVersion: 'TLSv1.2' })
  await client.ask(get())
  const outcome = await new Promise<Error | null | undefined>(resolve => {
    client.socket.once('error', resolve)
    client.socket.renegotiate({ rejectUnauthorized: false }, resolve)
  })
  t.match(outcome?.message, /no renegotiation/)
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
  t.equal(bench.counters.tlsHandshakes, 1)
}, { tls })

proxyTest('what is no TLS is closed and counted', async (t, bench) => {
  const garbage = [get(), 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n', '\0', Buffer.alloc(20_000, 0xff), Buffer.from('160301ffff', 'hex')]
  for (const [index, bytes] of garbage.entries()) {
    const client = await bench.client()
    client.send(bytes)
    client.end()
    await client.until('the end', () => client.ended || client.closed)
    client.destroy()
    await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
    t.notMatch(client.tail, /HTTP/, `${index}`)
  }
  t.ok(closedFor(bench, 'tls_handshake') >= 3)
  t.equal(bench.counters.tlsHandshakes, 0)
}, { tls })

/** The first bytes that a client sends, without anybody to answer them. */
async function clientHello (): Promise<Buffer> {
  const server = net.createServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const hello = new Promise<Buffer>(resolve => {
    server.on('connection', socket => { socket.once('data', (bytes: Buffer) => { resolve(bytes); socket.destroy() }) })
  })
  const client = dialSecure(typeof address === 'object' && address !== null ? address.port : 0)
  const bytes = await hello
  client.destroy()
  await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  return bytes
}

proxyTest('a client that says nothing is closed at timeouts.firstByte', async (t, bench) => {
  const client = await bench.client()
  await client.untilEnded()
  t.equal(closedFor(bench, 'first_byte_timeout'), 1)
  t.equal(closedFor(bench, 'tls_handshake'), 0)
}, { tls, timeoutsMs: { firstByte: 50, tlsHandshake: 20_000 } })

proxyTest('200 handshakes that stay half-open are dropped at timeouts.tlsHandshake, and nothing is left of them', async (t, bench) => {
  const hello = await clientHello()
  const clients = await Promise.all(Array.from({ length: 200 }, async () => await bench.client()))
  // Some stop in the first record, some after it.
  for (const [index, client] of clients.entries()) client.send(hello.subarray(0, 1 + (index * 7) % hello.length))
  await Promise.all(clients.map(async client => { await client.untilEnded() }))
  t.equal(bench.counters.connectionsAccepted, 200)
  // A test that is slow has not sent its first byte in time on all of them.
  t.equal(closedFor(bench, 'tls_handshake') + closedFor(bench, 'first_byte_timeout'), 200)
  t.ok(closedFor(bench, 'tls_handshake') > 0)
  t.equal(bench.counters.tlsHandshakes, 0)
}, { tls, timeoutsMs: { firstByte: 800, tlsHandshake: 1_000 } })

proxyTest('handshakes that are under way count as connections', async (t, bench) => {
  const hello = await clientHello()
  for (let index = 0; index < 3; index++) (await bench.client()).send(hello.subarray(0, 100))
  await bench.until('all to be open', () => bench.left()['connectionsOpen'] === 3)
  const client = dialSecure(bench.port)
  bench.keep(client)
  await t.rejects(shaken(client))
  t.equal(bench.counters.connectionsRefused[0], 1)
}, { tls, limits: { maxConnections: 3 } })

proxyTest('a client that leaves in mid-handshake leaves nothing, and is not counted as closed', async (t, bench) => {
  const hello = await clientHello()
  for (const leave of ['end', 'destroy', 'reset'] as const) {
    for (const length of [0, 50, hello.length]) {
      const client = await bench.client()
      client.send(hello.subarray(0, length))
      await bench.until('the connection', () => bench.left()['connectionsOpen'] === 1)
      client[leave]()
      await bench.until(`the end after ${leave}`, () => bench.left()['connectionsOpen'] === 0)
      client.destroy()
    }
  }
  t.same(bench.counters.connectionsClosed, CLOSE_REASONS.map(() => 0))
}, { tls })

timedProxyTest('a worker that drains cuts handshakes soon, and serves those that are completed', async (t, bench, advance) => {
  await bench.origin((_, connection) => connection.send(ok()))
  const idle = await bench.client()
  await bench.until('the first', () => bench.left()['connectionsOpen'] === 1)
  const client = dialSecure(bench.port)
  bench.keep(client)
  const handshake = shaken(client)
  await bench.until('both', () => bench.left()['connectionsOpen'] === 2)
  bench.drain()
  await handshake
  const response = await client.ask(get())
  t.equal(valuesOf(response, 'connection')[0], 'close')
  await passTime(advance, 3_000)
  await idle.untilEnded()
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
}, { tls })

proxyTest('a PROXY header comes before the handshake', async (t, bench) => {
  const origin = await bench.origin((_, connection) => connection.send(ok()))
  const transport = net.connect({ host: '127.0.0.1', port: bench.port })
  // In one packet with the first bytes of TLS.
  transport.cork()
  transport.write('PROXY TCP4 203.0.113.7 192.0.2.1 1000 443\r\n')
  const client = dialSecure(transport)
  bench.keep(client)
  setImmediate(() => { transport.uncork() })
  await shaken(client)
  await client.ask(get())
  t.same(origin.requests.flatMap(request => valuesOf(request, 'x-forwarded-for')), ['203.0.113.7'])
  t.same(origin.requests.flatMap(request => valuesOf(request, 'x-forwarded-proto')), ['https'])
}, { tls, listener: { proxyProtocol: { from: ['127.0.0.1'] } } })

proxyTest('new certificates are for new connections, and those that are there go on', async (t, bench) => {
  await bench.origin((_, connection) => connection.send(ok()))
  const before = await secureClient(bench)
  t.equal(before.socket.getPeerCertificate().subject.CN, 'default')
  bench.terminator?.use(tlsMaterial({ certificates: [listenerCertificate('renewed', 'default.test')] }))
  const after = await secureClient(bench)
  t.equal(after.socket.getPeerCertificate().subject.CN, 'renewed')
  for (const client of [before, after]) t.equal((await client.ask(get())).body.toString(), 'ok')
}, { tls })

proxyTest('certificates that can not be used change nothing', async (t, bench) => {
  const bad = { cert: tlsPem('listener-default'), key: tlsPem('listener-renewed-key'), names: [] }
  t.throws(() => bench.terminator?.use(tlsMaterial({ certificates: [bad] })), /mismatch/)
  const client = await secureClient(bench)
  t.equal(client.socket.getPeerCertificate().subject.CN, 'default')
}, { tls })
