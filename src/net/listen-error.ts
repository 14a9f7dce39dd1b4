/**
 * What to tell a person when a port can't be opened.
 */
import { errorCode, errorText } from '../core/error-text.ts'
import net from 'node:net'
import { networkInterfaces } from 'node:os'

/** Where something was to listen, and the option that says so. */
export interface WantedPort {
  readonly address: string
  readonly port: number
  /** `admin.port`, or `port of listeners[0]`. */
  readonly option: string
}

/** Ports that are tried, from the one that is taken on, to name a free one. */
const SUGGESTION_TRIES = 20
const MAX_ADDRESSES = 8
const FIRST_PORT_FOR_ALL = 1024

/** A sentence or two: what the system said, what that means and what helps. */
export async function explainListenError (error: unknown, wanted: WantedPort): Promise<string> {
  const { address, port, option } = wanted
  const reason = errorText(error)
  switch (errorCode(error)) {
    case 'EADDRINUSE': {
      const free = await findFreePort(address, port)
      const suggestion = free === undefined ? `choose another ${option}` : `choose another ${option}, such as ${free}, which is free`
      return `${reason}. Is another process using the port? \`ss -ltnp\` or \`lsof -iTCP -sTCP:LISTEN\` shows which; stop it, or ${suggestion}`
    }
    case 'EACCES': {
      const privilege = port < FIRST_PORT_FOR_ALL ? `Ports below ${FIRST_PORT_FOR_ALL} need a privilege: give Weir CAP_NET_BIND_SERVICE, lower net.ipv4.ip_unprivileged_port_start, or` : 'The system does not permit it; look at its security policy, or'
      return `${reason}. ${privilege} choose another ${option}, such as ${port < FIRST_PORT_FOR_ALL ? port + 8_000 : port + 1}`
    }
    case 'EADDRNOTAVAIL': return `${reason}. This machine does not have the address ${address}; ${ownAddresses(address)}`
    case 'EAFNOSUPPORT': return `${reason}. This machine does not speak ${net.isIPv6(address) ? 'IPv6; use 0.0.0.0' : 'IPv4; use ::'} instead`
    default: return reason
  }
}

function ownAddresses (address: string): string {
  const family = net.isIPv6(address) ? 'IPv6' : 'IPv4'
  const own = Object.values(networkInterfaces()).flatMap(list => list ?? []).filter(entry => entry.family === family)
    .map(entry => entry.address)
  const wildcard = family === 'IPv6' ? '::' : '0.0.0.0'
  return own.length === 0 ? `it has none of ${family}` : `it has ${own.slice(0, MAX_ADDRESSES).join(', ')}; ${wildcard} stands for all`
}

/** The next port that can be opened on the address; undefined when none of a few can. */
export async function findFreePort (address: string, taken: number): Promise<number | undefined> {
  for (let port = taken + 1; port <= Math.min(taken + SUGGESTION_TRIES, 65_535); port++) {
    if (await tryPort({ address, port }) === undefined) return port
  }
  return undefined
}

/** Opens a port without sharing it, and closes it again. @returns what kept it from being opened */
export async function tryPort ({ address, port }: { readonly address: string, readonly port: number }): Promise<unknown> {
  const server = net.createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: address, port, exclusive: true }, resolve)
    })
  } catch (error) {
    return error ?? new Error('it can\'t be opened')
  }
  await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  return undefined
}
