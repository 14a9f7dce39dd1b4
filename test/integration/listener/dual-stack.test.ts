/** A client has one address, however the kernel spells it: a socket that listens on `::` names IPv4 peers `::ffff:192.0.2.1`. */
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { Listener } from '../../../src/downstream/listener.ts'
import { listenerSettings } from '../../../src/downstream/downstream-context.ts'
import type { ListenerConfig } from '../../../src/config/schema.ts'
import { get, RawClient } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

interface Exits { readonly forwardedFor: readonly string[], readonly clientIp: unknown }

/** What the origin and the access log say of the client of a request that came by IPv4 to a listener on `::`. */
async function exits (bench: ProxyBench, request: string, listenerOptions: Partial<ListenerConfig> = {}): Promise<Exits> {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const listener = new Listener(bench.plane, bench.ledger, listenerSettings({ name: 'dual', ...listenerOptions }, 0))
  await listener.listen({ address: '::', port: 0, reusePort: false })
  try {
    const client = bench.keep(await RawClient.connect(listener.port))
    client.expect('GET')
    client.send(request)
    await client.answer()
    await bench.until('the line of the access log', () => bench.logLines.length > 0)
  } finally {
    await listener.close()
  }
  const entry: unknown = JSON.parse(bench.logLines[0] ?? '{}')
  return {
    forwardedFor: origin.requests.flatMap(request => valuesOf(request, 'x-forwarded-for')),
    clientIp: typeof entry === 'object' && entry !== null && 'clientIp' in entry ? entry.clientIp : undefined
  }
}

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const
const TRUSTED = { ...LOGGED, trustedProxies: ['127.0.0.1'] }

proxyTest('an IPv4 client of a dual-stack listener is the IPv4 client', async (t, bench) => {
  t.same(await exits(bench, get()), { forwardedFor: ['127.0.0.1'], clientIp: '127.0.0.1' })
}, LOGGED)

proxyTest('a trusted proxy\'s own address is appended as the IPv4 address that it is', async (t, bench) => {
  t.same(await exits(bench, get('/', 'X-Forwarded-For: 203.0.113.9\r\n')), {
    forwardedFor: ['203.0.113.9, 127.0.0.1'], clientIp: '203.0.113.9'
  })
}, TRUSTED)

proxyTest('a trusted proxy that names no client is the IPv4 client', async (t, bench) => {
  t.same(await exits(bench, get()), { forwardedFor: ['127.0.0.1'], clientIp: '127.0.0.1' })
}, TRUSTED)

proxyTest('a load balancer that speaks the PROXY protocol for itself is the IPv4 client', async (t, bench) => {
  t.same(await exits(bench, `PROXY UNKNOWN\r\n${get()}`, { proxyProtocol: { from: ['127.0.0.1'] } }), {
    forwardedFor: ['127.0.0.1'], clientIp: '127.0.0.1'
  })
}, LOGGED)

proxyTest('an IPv4 client that a PROXY header names as an IPv6 one is the IPv4 client', async (t, bench) => {
  t.same(await exits(bench, `PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n${get()}`, { proxyProtocol: { from: ['127.0.0.1'] } }), {
    forwardedFor: ['203.0.113.9'], clientIp: '203.0.113.9'
  })
}, LOGGED)
