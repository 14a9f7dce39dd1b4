/** What the control plane does when the process has no descriptor left: in a process of its own, which may have few. */
import { channel } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Server } from 'node:http'
import { performance } from 'node:perf_hooks'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createConfigWatcher } from '../../../src/config/watch.ts'
import { digestOf } from '../../../src/config/resolve.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { AdminPorts } from '../../../src/admin/admin-ports.ts'
import { CertificateStore } from '../../../src/certificates/certificate-store.ts'
import { FileStore } from '../../../src/store/file-store.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { TakenDescriptors, withFewDescriptors } from '../../helpers/few-descriptors.ts'
import { freePorts } from '../../helpers/free-port.ts'
import { AdminClient } from '../../helpers/listen-admin.ts'
import { tlsPem } from '../../helpers/listener-certificates.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const FEW = 100
const REFUSED = 20
/** A few turns of the event loop are what a connection takes. */
const TURNS = 100 * REFUSED

async function openPorts (t: Test) {
  const fixture = await adminFixture()
  const ports = await freePorts(2)
  const [port = 0, probesPort = 0] = ports
  const address = '127.0.0.1'
  const settings = { address, port, probes: { address, port: probesPort }, tokens: [] }
  const admin = await AdminPorts.open(settings, { ...fixture.deps, clock: systemClock })
  t.teardown(async () => { await admin.close(Promise.resolve()) })
  const statuses = async () => {
    const clients = ports.map(at => new AdminClient(t, at).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'))
    for (const client of clients) await client.end()
    return clients.flatMap(client => client.statuses)
  }
  return { ...fixture, ports, statuses }
}

/** Moves the time on, and lets what reads files come to its end at each step. */
async function pass (clock: FakeClock, ms: number): Promise<void> {
  for (let gone = 0; gone < ms; gone += 100) {
    clock.advance(100)
    for (let turn = 0; turn < 3; turn++) await stat('.').catch(() => undefined)
  }
}

withFewDescriptors(import.meta.filename, FEW, () => {
  t.test('connections that no descriptor is free for are closed at once, without a spin, and probes are answered again', async t => {
    const { ports, statuses } = await openPorts(t)
    t.same(await statuses(), [200, 200])
    for (const port of ports) {
      const taken = await TakenDescriptors.whenAllIsClosed()
      t.teardown(() => { taken.free() })
      // Of the client, which is in this process too.
      taken.free(1)
      const before = performance.nodeTiming.uvMetricsInfo.loopCount
      for (let count = 0; count < REFUSED; count++) t.equal(await new AdminClient(t, port).end(), '')
      t.ok(performance.nodeTiming.uvMetricsInfo.loopCount - before < TURNS, 'the event loop waits in between')
      taken.free()
      t.same(await statuses(), [200, 200])
    }
  })

  t.test('a change is stored and answered with 200, or not and answered with 503, however few descriptors there are', async t => {
    const file = path.join(await temporaryDirectory(t), 'state.json')
    const store = await FileStore.open({ path: file, codec: createTrafficCodec(), clock: new FakeClock(), log: new RecordingLogger() })
    const { app, log, traffic } = await adminFixture({ store })
    t.teardown(async () => { await store.close() })
    const put = async (canary: number) => await app.inject({
      method: 'PUT',
      url: '/v1/routes/hello/weights',
      headers: { host: 'localhost:9901' },
      payload: { weights: { stable: 100 - canary, canary } }
    })
    t.equal((await put(20)).statusCode, 200)
    let refused = 0
    for (let free = 0; free <= 3; free++) {
      const taken = new TakenDescriptors()
      taken.free(free)
      const answer = await put(30 + free)
      taken.free()
      const stored = readFileSync(file, 'utf8').includes(`"canary":${30 + free}`)
      t.equal(stored, answer.statusCode === 200, `${free} are free`)
      t.equal(traffic.route('hello')?.weights['canary'] === 30 + free, stored)
      if (answer.statusCode === 200) continue
      refused++
      t.match(answer.json(), { status: 503, code: 'store_failed', detail: /nothing was changed/ })
      t.match(JSON.stringify(log.at('error').at(-1)), /no file descriptor is free \(EMFILE\); raise RLIMIT_NOFILE/)
    }
    t.ok(refused > 0)
    t.equal((await put(50)).statusCode, 200)
    t.match(readFileSync(file, 'utf8'), '"canary":50')
  })

  t.test('the last good certificate stays, nothing is said against its file, and the new one is taken when it can be read', async t => {
    const directory = await temporaryDirectory(t)
    const [cert, key] = ['tls.crt', 'tls.key'].map(name => path.join(directory, name))
    if (cert === undefined || key === undefined) throw new Error('two files')
    const write = (name: string, keyName: string): void => {
      writeFileSync(cert, tlsPem(name))
      writeFileSync(key, tlsPem(keyName))
    }
    write('listener-default', 'listener-key')
    const clock = new FakeClock()
    const log = new RecordingLogger()
    const told: string[] = []
    const store = new CertificateStore({
      listeners: [{ name: 'web', address: '127.0.0.1', port: 443, tls: { minVersion: '1.2', certificates: [{ cert, key }] } }],
      clock,
      log,
      metrics: { certificateExpires: () => {}, certificateReloaded: result => { told.push(result) } },
      onMaterial: (_, { certificates }) => { told.push(certificates[0]?.cert === tlsPem('listener-default') ? 'default' : 'another') },
      onTicketKeys: () => {}
    })
    t.teardown(() => { store.stop() })
    await store.load('weir.yaml')
    const taken = new TakenDescriptors()
    taken.free(1)
    write('listener-renewed', 'listener-renewed-key')
    const rest = new TakenDescriptors()
    await pass(clock, 60_000)
    t.same([told, log.lines], [['default'], []])
    rest.free()
    taken.free()
    await pass(clock, 60_000)
    t.same(told, ['default', 'success', 'another'])
    t.same(log.lines.map(({ message }) => message), ['a certificate was read again; new connections use it'])
  })

  t.test('a configuration that no descriptor is free for is told of with what is missing, and is no change', async t => {
    const file = path.join(await temporaryDirectory(t), 'weir.yaml')
    const text = 'routes: []\n'
    writeFileSync(file, text)
    const clock = new FakeClock()
    const told: string[] = []
    const watcher = createConfigWatcher({ file, env: {}, args: [] }, clock, {
      digest: digestOf(Buffer.from(text)),
      onChange: () => { told.push('a change') },
      onError: error => { told.push(error.message) }
    })
    watcher.start()
    t.teardown(() => { watcher.stop() })
    const taken = new TakenDescriptors()
    await pass(clock, 20_000)
    t.match(told, [/weir\.yaml: cannot be read now: no file descriptor is free \(EMFILE\); raise RLIMIT_NOFILE$/])
    taken.free()
    await pass(clock, 20_000)
    t.equal(told.length, 1)
  })
})

t.test('an error of accepting is one line in the log and not the end', async t => {
  const { log, ports, statuses } = await openPorts(t)
  const servers = new Set<Server>()
  const note = (message: unknown): void => {
    const server: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'server') : undefined
    if (server instanceof Server) servers.add(server)
  }
  channel('http.server.request.start').subscribe(note)
  t.teardown(() => { channel('http.server.request.start').unsubscribe(note) })
  t.same(await statuses(), [200, 200])
  t.equal(servers.size, ports.length)
  for (const server of servers) server.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE', syscall: 'accept' }))
  t.same(await statuses(), [200, 200])
  t.match(log.at('warn'), [
    { fields: { option: 'admin.port', error: 'ENFILE' } },
    { fields: { option: 'admin.probes.port', error: 'ENFILE' } }
  ])
})
