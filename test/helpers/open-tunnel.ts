import type { ProxyBench } from './data-plane.ts'
import { get, type RawClient } from './raw-client.ts'
import { statusOf } from './raw-http.ts'
import type { OriginConnection, RawOrigin } from './raw-origin.ts'
import type { RawPeer } from './raw-peer.ts'

/** What a WebSocket client sends besides the usual fields. */
export const WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'

/** A 101 with these fields besides Connection. */
export function switching (fields = 'Upgrade: websocket\r\n'): string {
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${fields}\r\n`
}

/** Both ends of a tunnel. */
export interface OpenTunnel {
  readonly client: RawClient
  readonly endpoint: OriginConnection
}

/** Answers the upgrade that a connection of an origin has got last. */
export function acceptUpgrade (endpoint: OriginConnection, bytes = switching()): void {
  endpoint.reader.switchProtocol()
  endpoint.send(bytes)
}

/** Makes a tunnel to an origin that leaves answering to the test; on its next connection, which has to be a new one. */
export async function openTunnel (bench: ProxyBench, origin: RawOrigin, path = '/tunnel'): Promise<OpenTunnel> {
  const index = origin.connections.length
  const client = await bench.client()
  client.expect('GET')
  client.send(get(path, WEBSOCKET))
  const endpoint = await origin.connection(index)
  await endpoint.next()
  acceptUpgrade(endpoint)
  const answer = await client.next()
  if (statusOf(answer) !== 101) throw new Error(`no tunnel: ${answer.startLine}`)
  return { client, endpoint }
}

/** Waits until a bench has no tunnel any more. */
export async function untilTunnelsClosed (bench: ProxyBench): Promise<void> {
  await bench.until('the tunnels to close', () => bench.version().tunnels === 0)
}

/** Waits until so much has come through the tunnel, and nothing else. */
export async function untilTunnelled (peer: RawPeer, text: string): Promise<void> {
  await peer.until(`${JSON.stringify(text)} through the tunnel`, () => peer.reader.tunnelText === text)
}
