import t, { type Test } from 'tap'
import type { SecureContextOptions } from 'node:tls'
import { systemClock, type Clock } from '../../../src/core/clock.ts'
import { CLOSE_REASONS } from '../../../src/telemetry/counter-layout.ts'
import { CERTIFICATE_SUBJECT_FIELD } from '../../../src/downstream/forwarding.ts'
import { proxyTest, ProxyBench } from '../../helpers/data-plane.ts'
import { clientCertificate, listenerCertificate, tlsMaterial, tlsPem } from '../../helpers/listener-certificates.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { dialSecure, secureClient, shaken, type SecureClient, type SecureClientOptions } from '../../helpers/secure-client.ts'

const SUBJECT = CERTIFICATE_SUBJECT_FIELD.toLowerCase()
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const required = tlsMaterial({ clientCertificates: { ca: tlsPem('client-ca'), required: true } })
const optional = tlsMaterial({ clientCertificates: { ca: tlsPem('client-ca'), required: false } })
const echo = async (bench: ProxyBench): Promise<void> => {
  await bench.origin((request, connection) => { connection.send(ok(JSON.stringify(valuesOf(request, SUBJECT)))) })
}

/** The subjects that the origin gets to see. */
async function subjects (client: SecureClient, fields = ''): Promise<unknown> {
  return JSON.parse((await client.ask(get('/', fields))).body.toString())
}

/** In TLS 1.3 a client has its handshake behind it before the server looks at its certificate. */
async function refused (t: Test, bench: ProxyBench, options: SecureClientOptions): Promise<void> {
  const before = bench.counters
  const client = dialSecure(bench.port, options)
  bench.keep(client)
  await shaken(client).catch(() => {})
  if (!client.closed) client.send(get())
  await client.until('the end', () => client.ended || client.closed)
  t.equal(client.bytesReceived, 0)
  client.destroy()
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
  t.equal(bench.counters.tlsHandshakes, before.tlsHandshakes)
  const index = CLOSE_REASONS.indexOf('tls_handshake')
  t.equal(bench.counters.connectionsClosed[index], (before.connectionsClosed[index] ?? 0) + 1)
}

/** The session of a connection. In TLS 1.3 its ticket comes behind the handshake, before the first answer. */
async function sessionOf (client: SecureClient): Promise<Buffer> {
  await client.ask(get())
  const session = client.socket.getSession()
  if (session === undefined) throw new Error('no session')
  return session
}

for (const version of VERSIONS) {
  const speak = { minVersion: version, maxVersion: version }
  const withCertificate = (name: Parameters<typeof clientCertificate>[0]): SecureContextOptions => ({ ...speak, ...clientCertificate(name) })

  proxyTest(`${version}: a required certificate is passed on by its subject, and nobody can forge it`, async (t, bench) => {
    await echo(bench)
    const client = await secureClient(bench, withCertificate('ops'))
    const expected = ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE']
    t.same(await subjects(client), expected)
    for (const forged of ['X-Client-Cert-Subject: CN=admin', 'x-client-cert-subject: CN=admin', 'X-Client-Cert-Subject: CN=a\r\nX-CLIENT-CERT-SUBJECT: CN=b', 'X_Client_Cert_Subject: CN=admin']) {
      t.same(await subjects(client, `${forged}\r\n`), expected, forged)
    }
  }, { tls: required })

  proxyTest(`${version}: no certificate, one of a stranger and an expired one are refused`, async (t, bench) => {
    await echo(bench)
    await refused(t, bench, speak)
    await refused(t, bench, withCertificate('stranger'))
    await refused(t, bench, withCertificate('expired'))
  }, { tls: required })

  proxyTest(`${version}: an optional certificate may be missing, but not wrong`, async (t, bench) => {
    await echo(bench)
    const anonymous = await secureClient(bench, speak)
    t.same(await subjects(anonymous), [])
    t.same(await subjects(anonymous, 'X-Client-Cert-Subject: CN=ops\r\n'), [])
    const known = await secureClient(bench, withCertificate('ops'))
    t.same(await subjects(known), ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE'])
    for (const client of [anonymous, known]) client.destroy()
    await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
    await refused(t, bench, withCertificate('stranger'))
    await refused(t, bench, withCertificate('expired'))
  }, { tls: optional })

  proxyTest(`${version}: a listener that asks for none passes none on`, async (t, bench) => {
    await echo(bench)
    const client = await secureClient(bench, withCertificate('ops'))
    t.same(await subjects(client, 'X-Client-Cert-Subject: CN=ops\r\n'), [])
  }, { tls: tlsMaterial() })

  proxyTest(`${version}: an odd subject can not break the header`, async (t, bench) => {
    await echo(bench)
    const client = await secureClient(bench, withCertificate('odd'))
    t.same(await subjects(client), ['CN=\\#Zo\\C3\\AB \\"x\\"\\;\\<y\\>\\0D\\0AEvil: 1,O=R\\+D \\20'])
  }, { tls: required })

  proxyTest(`${version}: a resumed session still has its certificate`, async (t, bench) => {
    await echo(bench)
    const first = await secureClient(bench, withCertificate('ops'))
    const session = await sessionOf(first)
    const second = await secureClient(bench, { ...speak, session })
    t.equal(second.socket.isSessionReused(), true)
    t.same(await subjects(second), ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE'])
    t.equal(bench.counters.tlsResumed, 1)
  }, { tls: required })

  t.test(`${version}: a session does not outlive the certificate that it was made with`, async t => {
    let laterMs = 0
    const clock: Clock = {
      nowMs: () => systemClock.nowMs(),
      wallMs: () => systemClock.wallMs() + laterMs,
      after: (delayMs, callback) => systemClock.after(delayMs, callback)
    }
    const bench = await ProxyBench.start({ tls: required }, clock)
    try {
      await echo(bench)
      const session = await sessionOf(await secureClient(bench, withCertificate('ops')))
      const second = await secureClient(bench, { ...speak, session })
      t.equal(second.socket.isSessionReused(), true)
      t.same(await subjects(second), ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE'])
      second.destroy()
      await bench.until('the end', () => bench.counters.connectionsOpen <= 1)
      laterMs = 200 * 365 * 86_400_000
      const third = dialSecure(bench.port, { ...speak, session })
      bench.keep(third)
      await shaken(third).catch(() => {})
      if (!third.closed) third.send(get())
      await third.until('the end', () => third.ended || third.closed)
      t.equal(third.bytesReceived, 0)
    } finally {
      await bench.close(t)
    }
  })

  proxyTest(`${version}: a session without a certificate does not get one by being resumed`, async (t, bench) => {
    await echo(bench)
    const session = await sessionOf(await secureClient(bench, speak))
    const second = await secureClient(bench, { ...speak, session })
    t.equal(second.socket.isSessionReused(), true)
    t.same(await subjects(second), [])
  }, { tls: optional })

  proxyTest(`${version}: the certificate that SNI chose changes nothing of that`, async (t, bench) => {
    await echo(bench)
    const servername = 'api.example.test'
    const client = await secureClient(bench, { ...withCertificate('ops'), servername })
    t.equal(client.socket.getPeerCertificate().subject.CN, 'exact')
    const expected = ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE']
    t.same(await subjects(client), expected)
    const resumed = await secureClient(bench, { ...speak, servername, session: await sessionOf(client) })
    t.equal(resumed.socket.isSessionReused(), true)
    t.same(await subjects(resumed), expected)
    for (const each of [client, resumed]) each.destroy()
    await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
    await refused(t, bench, { ...withCertificate('stranger'), servername })
    await refused(t, bench, { ...speak, servername })
  }, { tls: { ...required, certificates: [...required.certificates, listenerCertificate('exact', 'api.example.test')] } })

  proxyTest(`${version}: other authorities are for new connections, and sessions of before do not get by them`, async (t, bench) => {
    await echo(bench)
    const first = await secureClient(bench, withCertificate('ops'))
    const session = await sessionOf(first)
    bench.terminator?.use(tlsMaterial({ clientCertificates: { ca: tlsPem('client-other-ca'), required: true } }))
    t.same(await subjects(first), ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE'], 'a connection that is there stays')
    const stranger = await secureClient(bench, withCertificate('stranger'))
    t.same(await subjects(stranger), ['CN=ops,OU=Edge,O=Acme\\, Inc.,C=DE'])
    for (const client of [first, stranger]) client.destroy()
    await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
    await refused(t, bench, { ...withCertificate('ops'), session })
    await refused(t, bench, { ...speak, session })
  }, { tls: required })

  proxyTest(`${version}: other ticket keys make old tickets worthless, not the client`, async (t, bench) => {
    await echo(bench)
    const session = await sessionOf(await secureClient(bench, speak))
    bench.terminator?.useTicketKeys(Buffer.alloc(48, 1))
    const second = await secureClient(bench, { ...speak, session })
    t.equal(second.socket.isSessionReused(), false)
    t.same(await subjects(second), [])
    t.equal(bench.counters.tlsResumed, 0)
  }, { tls: tlsMaterial() })
}
