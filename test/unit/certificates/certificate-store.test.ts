import t from 'tap'
import type { ListenerConfig } from '../../../src/config/schema.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import type { TlsMaterial } from '../../../src/contract/listener-spec.ts'
import { CertificateStore } from '../../../src/certificates/certificate-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { tlsFile, tlsPem } from '../../helpers/listener-certificates.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

const DAY_MS = 86_400_000
const pair = (name: string, key = 'listener-key'): { readonly cert: string, readonly key: string } => ({ cert: tlsFile(`listener-${name}`), key: tlsFile(key) })

function listener (name: string, tls: ListenerConfig['tls']): ListenerConfig {
  return { name, address: '127.0.0.1', port: 443, ...tls === undefined ? {} : { tls } }
}

function createStore (listeners: readonly ListenerConfig[], wallMs?: number) {
  const clock = new FakeClock(wallMs)
  const log = new RecordingLogger()
  const materials: Array<readonly [listener: string, material: TlsMaterial]> = []
  const ticketKeys: Uint8Array[] = []
  const expiries: Array<readonly [listener: string, certificate: string, atMs: number]> = []
  const store = new CertificateStore({
    listeners,
    clock,
    log,
    metrics: {
      certificateExpires: (name, certificate, atMs) => { expiries.push([name, certificate, atMs]) },
      certificateReloaded: () => { t.fail('nothing has changed') }
    },
    onMaterial: (name, material) => { materials.push([name, material]) },
    onTicketKeys: keys => { ticketKeys.push(keys) }
  })
  return { store, clock, log, materials, ticketKeys, expiries }
}

t.test('the certificates of each listener with TLS, in the order of the configuration', async t => {
  const { store, materials, expiries } = createStore([
    listener('plain', undefined),
    listener('web', { minVersion: '1.3', certificates: [pair('default'), pair('rsa', 'listener-rsa-key')] }),
    listener('partners', { minVersion: '1.2', certificates: [pair('exact')], clientCertificates: { ca: tlsFile('client-ca'), required: false } })
  ])
  t.same(await store.load('weir.yaml'), [])
  t.match(materials, [
    ['web', { minVersion: '1.3', clientCertificates: undefined, certificates: [{ names: ['default.test'], cert: tlsPem('listener-default') }, { names: ['rsa.test'], key: tlsPem('listener-rsa-key') }] }],
    ['partners', { minVersion: '1.2', clientCertificates: { ca: tlsPem('client-ca'), required: false }, certificates: [{ names: ['api.example.test', 'example.test'] }] }]
  ])
  t.same(expiries, [
    ['web', tlsFile('listener-default'), Date.UTC(2126, 0, 1)],
    ['web', tlsFile('listener-rsa'), Date.UTC(2126, 0, 1)],
    ['partners', tlsFile('listener-exact'), Date.UTC(2126, 0, 1)]
  ])
  store.stop()
})

t.test('ticket keys are new every day, and nobody could guess them', async t => {
  const { store, clock, ticketKeys } = createStore([listener('web', { minVersion: '1.2', certificates: [pair('default')] })])
  await store.load('weir.yaml')
  t.equal(ticketKeys.length, 1)
  clock.advance(DAY_MS - 1)
  t.equal(ticketKeys.length, 1)
  clock.advance(1)
  clock.advance(DAY_MS)
  t.equal(ticketKeys.length, 3)
  for (const keys of ticketKeys) t.equal(keys.length, 48)
  t.equal(new Set(ticketKeys.map(keys => Buffer.from(keys).toString('hex'))).size, 3)
  store.stop()
  clock.advance(2 * DAY_MS)
  t.equal(ticketKeys.length, 3)
  t.equal(clock.pending, 0, 'nothing waits any more')
})

t.test('that a certificate expires soon is said every day', async t => {
  const expires = Date.UTC(2126, 0, 1)
  const { store, clock, log } = createStore([listener('web', { minVersion: '1.2', certificates: [pair('default')] })], expires - 16 * DAY_MS)
  await store.load('weir.yaml')
  const warnings = (): number => log.lines.filter(({ message }) => message === 'a certificate expires soon, or has expired').length
  clock.advance(DAY_MS)
  t.equal(warnings(), 0)
  for (let day = 0; day < 4; day++) clock.advance(DAY_MS)
  t.equal(warnings(), 3)
  t.match(log.lines.at(-1), { level: 'warn', fields: { listener: 'web', file: tlsFile('listener-default'), expires: '2126-01-01T00:00:00.000Z' } })
  store.stop()
})

t.test('faults name every option, and nothing is told', async t => {
  const { store, materials, ticketKeys } = createStore([
    listener('web', { minVersion: '1.2', certificates: [pair('default', 'listener-rsa-key'), pair('missing')], clientCertificates: { ca: tlsFile('missing-ca'), required: true } })
  ])
  await t.rejects(store.load('weir.yaml'), ConfigError)
  const error: unknown = await store.load('weir.yaml').catch((reason: unknown) => reason)
  t.same(error instanceof ConfigError ? error.faults.map(({ path, source }) => [path, source]) : [], [
    ['listeners[0].tls.certificates[0].key', 'weir.yaml'],
    ['listeners[0].tls.certificates[1].cert', 'weir.yaml'],
    ['listeners[0].tls.clientCertificates.ca', 'weir.yaml']
  ])
  t.same([materials, ticketKeys], [[], []])
  store.stop()
})

t.test('a certificate that has expired, or is for later, is used with a warning', async t => {
  const { store, materials } = createStore([listener('web', { minVersion: '1.2', certificates: [pair('expired')] })])
  t.match(await store.load('weir.yaml'), [{ path: 'listeners[0].tls.certificates[0].cert', message: /expired on 2021-01-01/ }])
  t.equal(materials.length, 1)
  store.stop()
  const early = createStore([listener('web', { minVersion: '1.2', certificates: [pair('default')] })], Date.UTC(2019, 0, 1))
  t.match(await early.store.load('weir.yaml'), [{ message: /is not valid before 2020-01-01/ }])
  early.store.stop()
})
