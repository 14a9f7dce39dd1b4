/**
 * The two ends of a TCP connection, and what the kernel's table calls it (proc_net_tcp(5)).
 */
import { isIPv4, type Socket } from 'node:net'
import { endianness } from 'node:os'
import { readFile } from 'node:fs/promises'

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

/**
 * What the system knows of TCP connections that a program which does not read them can't see: that the peer has sent a FIN.
 * Linux shows it in a table (proc_net_tcp(5)); elsewhere nothing is known.
 */

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
/** The peer has sent a FIN, which the program has not seen yet or has not answered. */
const CLOSE_WAIT = '08'
/** Of a line: its number, the local and the remote end, the state. */
const LINE = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) /
const MAPPED = '0000000000000000FFFF0000'

/** The keys of all connections whose peer has sent a FIN, as `socketKey` makes them (socket-ends.ts). */
export async function endedConnections (): Promise<ReadonlySet<string>> {
  const ended = new Set<string>()
  for (const table of TABLES) {
    for (const line of (await readFile(table, 'latin1').catch(() => '')).split('\n')) {
      const [, localPort, remote = '', remotePort, state] = LINE.exec(line) ?? []
      if (state === CLOSE_WAIT) ended.add(`${localPort} ${remote.startsWith(MAPPED) ? remote.slice(MAPPED.length) : remote} ${remotePort}`)
    }
  }
  return ended
}
