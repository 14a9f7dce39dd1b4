import { randomBytes } from 'node:crypto'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import type { RawClient } from '../../helpers/raw-client.ts'
import type { OriginConnection } from '../../helpers/raw-origin.ts'
import { secureOrigin } from '../../helpers/secure-origin.ts'
import { TcpRelay } from '../../helpers/tcp-relay.ts'
import { NAMED, originTls } from '../../helpers/upstream-certificates.ts'
import type { Test } from 'tap'

const UPGRADE = 'GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

interface Tunnel {
  readonly client: RawClient
  readonly far: OriginConnection
  readonly relay: TcpRelay
  /** Bytes that either end has had before the tunnel began. */
  readonly clientBefore: number
  readonly farBefore: number
}

async function openTunnel (t: Test, bench: ProxyBench): Promise<Tunnel> {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED })
  const relay = await TcpRelay.start(origin.port)
  t.teardown(async () => { await relay.close() })
  bench.endpoints('v1', [relay.port])
  const client = await bench.client()
  client.expect('GET')
  client.send(UPGRADE)
  const far = await origin.connection()
  await far.next()
  far.send(SWITCHED)
  await client.head()
  return { client, far, relay, clientBefore: client.bytesReceived, farBefore: far.bytesReceived }
}

proxyTest('a tunnel to a secure endpoint carries bytes both ways, and its end', async (t, bench) => {
  const { client, far, clientBefore, farBefore } = await openTunnel(t, bench)
  const bytes = randomBytes(3_000_000)
  client.send(bytes)
  far.send(bytes)
  await far.until('the bytes of the client', () => far.bytesReceived - farBefore === bytes.length)
  await client.until('the bytes of the origin', () => client.bytesReceived - clientBefore === bytes.length)
  t.equal(client.tail.slice(-1_000), bytes.toString('latin1').slice(-1_000))
  t.equal(far.tail.slice(-1_000), bytes.toString('latin1').slice(-1_000))
  far.end()
  await client.untilEnded()
  t.equal(client.error, undefined)
  client.end()
  await client.untilClosed()
})

proxyTest('a tunnel that somebody in between ends is reset, not ended', async (t, bench) => {
  const { client, far, relay, clientBefore } = await openTunnel(t, bench)
  far.send('hello')
  await client.until('the greeting', () => client.bytesReceived - clientBefore === 5)
  relay.finish()
  await client.untilClosed()
  t.equal(client.error, 'ECONNRESET')
})
