/**
 * The two ends of a TCP connection, and what the kernel's table calls it (proc_net_tcp(5)).
 */
import { isIPv4, type Socket } from 'node:net'
import { endianness } from 'node:os'

/** The two ends of a connection as they are from here. */
export interface SocketEnds {
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
}

/** The ends of a socket; undefined when it is gone. */
export function endsOf ({ localPort, remoteAddress, remotePort }: Socket): SocketEnds | undefined {
  if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined
  return { localPort, remoteAddress, remotePort }
}

/** What a connection is called in endedConnections; undefined for an address that can't be read. */
export function socketKey ({ localPort, remoteAddress, remotePort }: SocketEnds): string | undefined {
  const address = addressWords(remoteAddress)
  return address === undefined ? undefined : `${hexPort(localPort)} ${address} ${hexPort(remotePort)}`
}

function hexPort (port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}

/** The address as the kernel prints it: words of four bytes, each as a number of the machine. */
function addressWords (address: string): string | undefined {
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? []
  const bytes = isIPv4(mapped ?? address) ? (mapped ?? address).split('.').map(Number) : ipv6Bytes(address)
  if (bytes === undefined) return undefined
  const memory = Buffer.from(bytes)
  if (endianness() === 'LE') memory.swap32()
  return memory.toString('hex').toUpperCase()
}

function ipv6Bytes (address: string): number[] | undefined {
  const [plain = ''] = address.split('%')
  const [front = '', back] = plain.split('::')
  const before = front === '' ? [] : front.split(':')
  const after = back === undefined || back === '' ? [] : back.split(':')
  const missing = 8 - before.length - after.length
  if (missing < 0 || (back === undefined && missing > 0)) return undefined
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after].map(group => Number.parseInt(group, 16))
  return groups.some(Number.isNaN) ? undefined : groups.flatMap(group => [group >> 8, group & 0xff])
}
