import t from 'tap'
import { EndpointPool } from '../../../src/upstream/endpoint-pools.ts'
import { Http1Calls } from '../../../src/upstream/http1-calls.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { TransportBook } from '../../../src/upstream/transport-book.ts'
import { authorities, NAMED } from '../../helpers/upstream-certificates.ts'
import type { UpstreamTls } from '../../../src/contract/route-spec.ts'

async function setUp (): Promise<TransportBook> {
  const transports = new TransportBook(new ProxyBench({}, new FakeClock()).plane)
  await transports.load()
  return transports
}

t.test('TLS has to be loaded, plain TCP does not', async t => {
  const transports = new TransportBook(new ProxyBench({}, new FakeClock()).plane)
  t.equal(transports.of(undefined).identity, '')
  t.equal(transports.loaded, false)
  t.throws(() => transports.of(NAMED), /not loaded/)
  await transports.load()
  t.equal(transports.loaded, true)
  t.not(transports.of(NAMED).identity, '')
})

t.test('versions with the same settings have one transport, all others their own', async t => {
  const transports = await setUp()
  const settings: readonly UpstreamTls[] = [
    NAMED,
    { ...NAMED, verify: false },
    { ...NAMED, serverName: 'other.test' },
    { ...NAMED, ca: authorities('other-ca') },
    { serverName: 'origin.test', verify: true },
    { ca: authorities('ca'), verify: true },
    { verify: true },
    { verify: false }
  ]
  const all = settings.map(tls => transports.of(tls))
  t.equal(new Set(all).size, settings.length)
  t.equal(new Set(all.map(({ identity }) => identity)).size, settings.length)
  t.notOk(all.some(({ identity }) => identity === ''))
  t.equal(transports.of({ ...NAMED, ca: authorities('ca') }), all[0], 'by content, not by object')
})

t.test('what is still asked for survives a renewal, and nothing else', async t => {
  const transports = await setUp()
  const [kept, gone] = [transports.of(NAMED), transports.of({ verify: false })]
  transports.renew()
  t.equal(transports.of(NAMED), kept)
  transports.renew()
  t.equal(transports.of(NAMED), kept)
  t.not(transports.of({ verify: false }), gone)
})

t.test('a connection that could not be opened for want of descriptors or ports is nobody else\'s fault', async t => {
  const transports = await setUp()
  for (const transport of [transports.of(undefined), transports.of(NAMED)]) {
    const { calls } = new EndpointPool({ address: '127.0.0.1', port: 1 }, transport)
    if (!(calls instanceof Http1Calls)) throw new Error('all are HTTP/1.1')
    const { dialer } = calls
    for (const reason of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']) {
      t.equal(dialer.failed(reason), 'connections_exhausted', reason)
    }
    t.equal(dialer.failed('ECONNREFUSED'), 'upstream_connect_failed')
  }
})
