import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** What the kernel has of a TCP connection over IPv4. */
export interface KernelSocket {
  /** Bytes that have come and that nobody has read. */
  readonly unread: number
}

/**
 * Looks up one end of a connection in /proc, for what no event tells of: bytes that nobody reads, and a reset that nobody has met.
 * @returns undefined when the kernel does not know the connection any more: it was reset, or it is closed
 * @throws Error on other systems than Linux
 */
export function kernelSocket (ports: { readonly local: number, readonly remote: number }): KernelSocket | undefined {
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/ +/)
    if (portOf(local) === ports.local && portOf(remote) === ports.remote) return { unread: Number.parseInt(queues.split(':')[1] ?? '', 16) }
  }
  return undefined
}

/** `0100007F:1F90` is port 8080. */
function portOf (address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}

/** The ports of a socket that is connected. */
export function portsOf ({ localPort = 0, remotePort = 0 }: Socket): { readonly local: number, readonly remote: number } {
  return { local: localPort, remote: remotePort }
}
