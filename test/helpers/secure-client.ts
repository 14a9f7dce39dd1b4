import net from 'node:net'
import tls from 'node:tls'
import type { ProxyBench } from './data-plane.ts'
import { RawClient } from './raw-client.ts'
import { tlsPem } from './listener-certificates.ts'

/** A client that speaks TLS. Its `socket` is the TLSSocket. */
export interface SecureClient extends RawClient {
  readonly socket: tls.TLSSocket
  /** The connection below. */
  readonly transport: net.Socket
}

/** What a client wants different: it trusts the authority of the fixtures and asks for `default.test`. */
export type SecureClientOptions = tls.ConnectionOptions

/** Opens a connection, or uses one, without waiting for the handshake. */
export function dialSecure (to: number | net.Socket, options: SecureClientOptions = {}): SecureClient {
  const transport = typeof to === 'number' ? net.connect({ host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true }) : to
  const socket = tls.connect({ ca: tlsPem('listener-ca'), servername: 'default.test', ...options, socket: transport })
  const client = new RawClient(socket)
  return Object.assign(client, { socket, transport })
}

/**
 * Opens a connection to a bench and waits for the handshake.
 * @throws Error when there is none
 */
export async function secureClient (bench: ProxyBench, options: SecureClientOptions = {}): Promise<SecureClient> {
  const client = dialSecure(bench.port, options)
  bench.keep(client)
  await shaken(client)
  return client
}

/** Waits for the handshake of a connection that has just been dialled. @throws Error when there is none */
export async function shaken (client: SecureClient): Promise<void> {
  const { socket } = client
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('close', () => { reject(new Error(`no handshake: ${client.error ?? 'closed'}`)) })
    if (client.closed) reject(new Error(`no handshake: ${client.error ?? 'closed'}`))
  })
}
