/** TLS with the whole Weir: certificates from files, reloads, tickets over several workers, metrics. */
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { KeepAliveClient } from '../../helpers/keep-alive-client.ts'
import { tlsFile, tlsPem } from '../../helpers/listener-certificates.ts'
import { startOrigins, type Origin } from '../../helpers/origins.ts'
import { SecretMount } from '../../helpers/secret-mount.ts'
import { eventually, runWeir, startWeir, sumOf, temporaryDirectory, type PlainConfig, type WeirPorts, type WeirProcess } from '../../helpers/weir-process.ts'

const READ_AGAIN = 'a certificate was read again; new connections use it'
const KEPT = 'a certificate can\'t be read again; the last good one stays in force'

interface ListenerTls {
  readonly certificates: ReadonlyArray<{ readonly cert: string, readonly key: string }>
  readonly [option: string]: unknown
}

function config (origin: Pick<Origin, 'endpoint'>, listenerTls: ListenerTls, more: PlainConfig = {}): (ports: WeirPorts) => PlainConfig {
  return ({ web }) => ({
    listeners: [{ name: 'web', address: '127.0.0.1', port: web, tls: listenerTls }],
    routes: [{ name: 'all', versions: [{ name: 'v1', weight: 1, endpoints: { static: [origin.endpoint] } }] }],
    ...more
  })
}

async function dial (weir: WeirProcess, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port: weir.ports.web, servername: 'default.test', ca: tlsPem('listener-ca'), ...options })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

async function nameOf (weir: WeirProcess): Promise<string> {
  const socket = await dial(weir)
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

async function mounted (t: Test): Promise<SecretMount> {
  const mount = new SecretMount(await temporaryDirectory(t))
  await mount.put({ 'tls.crt': tlsFile('listener-default'), 'tls.key': tlsFile('listener-key') })
  return mount
}

const filesOf = (mount: SecretMount): ListenerTls => ({ certificates: [{ cert: mount.file('tls.crt'), key: mount.file('tls.key') }] })

t.test('a Secret that is swapped under load: no request fails, and new connections get the new certificate', async t => {
  const [origin] = await startOrigins(t, ['v1'])
  const mount = await mounted(t)
  const weir = await startWeir(t, { config: config(origin, filesOf(mount), { workers: 2 }) })
  const progress = { going: true, answered: 0 }
  const load = Array.from({ length: 4 }, async () => {
    // Every other request on a connection of its own.
    const kept = new KeepAliveClient(await dial(weir))
    while (progress.going) {
      const fresh = new KeepAliveClient(await dial(weir))
      for (const client of [kept, fresh]) {
        const { status, body } = await client.get()
        if (status !== 200 || body !== 'v1') throw new Error(`${status} ${body}`)
        progress.answered++
      }
      fresh.close()
    }
    kept.close()
  })
  t.equal(await nameOf(weir), 'default')
  for (const name of ['renewed', 'default', 'renewed'] as const) {
    const from = weir.log.length
    await mount.put({ 'tls.crt': tlsFile(`listener-${name}`), 'tls.key': tlsFile(name === 'default' ? 'listener-key' : 'listener-renewed-key') })
    await weir.untilLogged(READ_AGAIN, from)
    await eventually(async () => await nameOf(weir) === name ? true : undefined)
  }
  progress.going = false
  await Promise.all(load)
  t.ok(progress.answered > 20, `${progress.answered} requests`)
  t.equal(await weir.untilMetric('weir_certificate_reloads_total', 3, { result: 'success' }), 3)
  t.equal(await weir.metric('weir_certificate_reloads_total', { result: 'failure' }), 0)
  t.equal(await weir.metric('weir_connections_closed_total', { reason: 'tls_handshake' }), 0)
  t.equal(await weir.stop(), 0)
})

t.test('files that are wrong change nothing, until they are right', async t => {
  const [origin] = await startOrigins(t, ['v1'])
  const directory = await temporaryDirectory(t)
  const cert = path.join(directory, 'cert.pem')
  const key = path.join(directory, 'key.pem')
  await copyFile(tlsFile('listener-default'), cert)
  await copyFile(tlsFile('listener-key'), key)
  const weir = await startWeir(t, { config: config(origin, { certificates: [{ cert, key }] }, { workers: 1 }) })
  await copyFile(tlsFile('listener-renewed'), cert)
  const line = await weir.untilLogged(KEPT)
  t.match(line, { level: 'error', listener: 'web', file: key, fault: /does not belong to the certificate/ })
  t.equal(await nameOf(weir), 'default')
  t.equal(await weir.untilMetric('weir_certificate_reloads_total', 1, { result: 'failure' }), 1)
  await copyFile(tlsFile('listener-renewed-key'), key)
  await weir.untilLogged(READ_AGAIN)
  await eventually(async () => await nameOf(weir) === 'renewed' ? true : undefined)
  t.equal(await weir.metric('weir_certificate_expiry_timestamp_seconds', { listener: 'web', certificate: cert }), Date.UTC(2126, 0, 1) / 1000)
  t.equal(await weir.stop(), 0)
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: any worker resumes the sessions of any other`, async t => {
    const [origin] = await startOrigins(t, ['v1'])
    const mount = await mounted(t)
    const weir = await startWeir(t, { config: config(origin, filesOf(mount), { workers: 2 }) })
    const first = await dial(weir, { minVersion: version, maxVersion: version })
    const client = new KeepAliveClient(first)
    t.equal((await client.get()).body, 'v1')
    const session = first.getSession()
    const count = 24
    for (let index = 0; index < count; index++) {
      const socket = await dial(weir, { minVersion: version, maxVersion: version, ...session === undefined ? {} : { session } })
      if (!socket.isSessionReused()) t.fail(`connection ${index} was not resumed`)
      const resumed = new KeepAliveClient(socket)
      t.equal((await resumed.get()).body, 'v1')
      resumed.close()
    }
    client.close()
    t.equal(await weir.untilMetric('weir_tls_resumptions_total', count), count)
    t.equal(await weir.untilMetric('weir_tls_handshakes_total', count + 1), count + 1)
    const families = await weir.metrics()
    for (const worker of ['0', '1']) t.ok(sumOf(families, 'weir_tls_resumptions_total', { worker }) > 0, `worker ${worker}`)
    t.equal(await weir.stop(), 0)
  })
}

t.test('what is wrong with files is told by validate and at the start, with the option and the remedy', async t => {
  const directory = await temporaryDirectory(t)
  const empty = path.join(directory, 'empty.pem')
  await writeFile(empty, '')
  const pair = (cert: string, key: string): { readonly cert: string, readonly key: string } => ({ cert, key })
  const listenerTls = {
    certificates: [
      pair(tlsFile('listener-default'), tlsFile('listener-renewed-key')),
      pair(tlsFile('listener-default'), tlsFile('listener-encrypted-key')),
      pair(empty, tlsFile('listener-key')),
      pair(path.join(directory, 'missing.pem'), tlsFile('listener-key')),
      pair(tlsFile('listener-nameless'), tlsFile('listener-key'))
    ],
    clientCertificates: { ca: tlsFile('client-key') }
  }
  const file = path.join(directory, 'weir.yaml')
  await writeFile(file, JSON.stringify(config({ endpoint: '127.0.0.1:1' }, listenerTls, { admin: { port: 12_001 } })({ web: 12_000, admin: 12_001, more: [] })))
  const { code, stderr } = await runWeir(['validate', '--config', file])
  t.equal(code, 1)
  const expected = [
    /listeners\[0\]\.tls\.certificates\[0\]\.key: names a file that does not belong to the certificate/,
    /listeners\[0\]\.tls\.certificates\[1\]\.key: names a file that is encrypted.*openssl pkey/,
    /listeners\[0\]\.tls\.certificates\[2\]\.cert: names a file that is empty/,
    /listeners\[0\]\.tls\.certificates\[3\]\.cert: names a file that does not exist/,
    /listeners\[0\]\.tls\.certificates\[4\]\.cert: names a file that names no host/,
    /listeners\[0\]\.tls\.clientCertificates\.ca: names a file that has no certificate/
  ]
  for (const line of expected) t.match(stderr, line)
  const started = await runWeir(['run', '--config', file])
  t.equal(started.code, 1)
  t.match(started.stderr, /tls\.certificates\[0\]\.key: names a file that does not belong/)
})

t.test('what is only odd is a warning', async t => {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'weir.yaml')
  const listenerTls = {
    certificates: [
      { cert: tlsFile('listener-nameless'), key: tlsFile('listener-key') },
      { cert: tlsFile('listener-expired'), key: tlsFile('listener-key') },
      { cert: tlsFile('listener-default'), key: tlsFile('listener-key') },
      { cert: tlsFile('listener-renewed'), key: tlsFile('listener-renewed-key') }
    ]
  }
  await writeFile(file, JSON.stringify(config({ endpoint: '127.0.0.1:1' }, listenerTls)({ web: 12_000, admin: 12_001, more: [] })))
  const { code, stderr } = await runWeir(['validate', '--config', file])
  t.equal(code, 0)
  t.match(stderr, /certificates\[0\]\.cert: names a file that names no host/)
  t.match(stderr, /certificates\[1\]\.cert: names a file that expired on 2021-01-01T00:00:00\.000Z/)
  t.match(stderr, /certificates\[3\]\.cert: names a file that names default\.test, for which .*listener-default\.pem is used/)
})
