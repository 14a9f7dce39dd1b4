/** A PROXY header before TLS: the load balancer speaks first, in plain bytes, and the client's handshake follows. */
import net from 'node:net'
import type { Test } from 'tap'
import { CLOSE_REASONS } from '../../../src/telemetry/counter-layout.ts'
import { clientCount } from '../../helpers/client-count.ts'
import { proxyTest, type BenchOptions, type ProxyBench } from '../../helpers/data-plane.ts'
import { tlsMaterial } from '../../helpers/listener-certificates.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { dialSecure, secureClient, shaken, type SecureClient } from '../../helpers/secure-client.ts'

const LINE = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.200 50000 443\r\n')
const TLS_BEHIND: BenchOptions = { tls: tlsMaterial(), listener: { proxyProtocol: { from: ['127.0.0.1'] } } }
const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }

/** How a load balancer passes the first bytes of its client on. */
type FirstBytes = (bytes: Buffer) => readonly Buffer[]

/** A client behind a load balancer. */
async function behind (t: Test, bench: ProxyBench, first: FirstBytes): Promise<SecureClient> {
  const balancer = net.createServer({ noDelay: true }, near => {
    const far = net.connect({ host: '127.0.0.1', port: bench.port, noDelay: true })
    near.once('data', async (bytes: Buffer) => {
      near.pause()
      for (const piece of first(bytes)) await new Promise<void>(resolve => { far.write(piece, () => { setImmediate(resolve) }) })
      near.pipe(far)
    })
    far.pipe(near)
    near.on('error', () => { far.destroy() }).on('close', () => { far.destroy() })
    far.on('error', () => { near.destroy() })
  })
  await new Promise<void>(resolve => { balancer.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { balancer.close() })
  const address = balancer.address()
  const client = dialSecure(typeof address === 'object' && address !== null ? address.port : 0)
  bench.keep(client)
  await shaken(client)
  return client
}

for (const [what, first] of [
  ['in a packet of its own', bytes => [LINE, bytes]],
  ['together with the handshake', bytes => [Buffer.concat([LINE, bytes])]],
  ['with a part of the handshake', bytes => [Buffer.concat([LINE, bytes.subarray(0, 3)]), bytes.subarray(3)]],
  ['byte by byte', bytes => Array.from(Buffer.concat([LINE, bytes]), byte => Buffer.of(byte))]
] as ReadonlyArray<readonly [string, FirstBytes]>) {
  proxyTest(`a header ${what}: the handshake follows, and the client is the one in the header`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const client = await behind(t, bench, first)
    for (let round = 0; round < 2; round++) t.equal(statusOf(await client.ask(get())), 200)
    t.same(origin.requests.map(request => [valuesOf(request, 'x-forwarded-for'), valuesOf(request, 'x-forwarded-proto')]), [[['203.0.113.7'], ['https']], [['203.0.113.7'], ['https']]])
    client.destroy()
    await bench.until('its end', () => bench.counters.connectionsOpen === 0)
  }, TLS_BEHIND)
}

proxyTest('a handshake without a header is not begun', async (t, bench) => {
  await bench.origin(answerOk)
  await t.rejects(secureClient(bench))
  t.equal(bench.counters.connectionsClosed[CLOSE_REASONS.indexOf('proxy_header')], 1)
  t.equal(bench.counters.tlsHandshakes, 0)
}, TLS_BEHIND)

proxyTest('a header inside of TLS is a malformed request', async (t, bench) => {
  await bench.origin(answerOk)
  const client = await secureClient(bench)
  t.equal(statusOf(await client.ask(Buffer.concat([LINE, Buffer.from(get())]), 'GET')), 400)
}, { tls: tlsMaterial(), listener: { proxyProtocol: { from: ['192.0.2.1'] } } })

proxyTest('a connection that fails in its handshake gives its places back', async (t, bench) => {
  for (let round = 0; round < 3; round++) {
    const client = await bench.client()
    client.send(Buffer.concat([LINE, Buffer.from('this is not TLS\r\n\r\n')]))
    await client.untilEnded()
    await bench.until('its end', () => bench.counters.connectionsOpen === 0)
  }
  t.equal(bench.counters.connectionsRefused.reduce((sum, count) => sum + count, 0), 0)
  t.equal(clientCount(bench.ledger, '203.0.113.7'), 0)
}, { ...TLS_BEHIND, limits: { maxConnectionsPerListener: 1, maxConnectionsPerClient: 1 } })
