/**
 * What the system knows of TCP connections that a program which does not read them can't see: that the peer has sent a FIN.
 * Linux shows it in a table (proc_net_tcp(5)); elsewhere nothing is known.
 */
import { readFile } from 'node:fs/promises'

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
