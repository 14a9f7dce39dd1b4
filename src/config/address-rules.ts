/**
 * The rule that no endpoint leads back to Weir itself: requests to it would go round until something runs out.
 */
import { isIP } from 'node:net'
import { parseCidr } from '../core/cidr-set.ts'
import { isLocalName, isLoopback, isWildcardFor, parseIp, parseTarget, type Target } from '../core/socket-address.ts'
import { fault, findDuplicates, findUnreadable, type ConfigPath, type Finding } from './finding.ts'
import type { Config, ListenerConfig } from './schema.ts'
import { OwnPorts } from '../core/own-ports.ts'

type AdminConfig = Config['admin']
type Bound = Pick<Config['listeners'][number], 'address' | 'port'>

/** The rules of one list of listeners: names, addresses, no two on one address and port, and what each does. */
export function checkListeners (listeners: Config['listeners']): readonly Finding[] {
  const findings = [
    ...listeners.flatMap((listener, index) => checkAddress(['listeners', index, 'address'], listener.address)),
    ...findDuplicates(listeners.map(listener => listener.name), index => ['listeners', index, 'name'], first =>
      `is the same as ${first}; names must differ`),
    ...listeners.flatMap((listener, index) => checkUse(listener, ['listeners', index]))
  ]
  for (const [index, listener] of listeners.entries()) {
    const other = listeners.findIndex((before, position) => position < index && overlaps(before, listener))
    if (other !== -1) findings.push(fault(['listeners', index, 'port'], `listens where listeners[${other}] does already; use another port or address`))
  }
  return findings
}

/** Whom a listener believes, and whether what it does goes together. */
function checkUse ({ proxyProtocol, redirectToHttps, tls }: ListenerConfig, path: ConfigPath): readonly Finding[] {
  const findings = checkCidrs(proxyProtocol?.from ?? [], [...path, 'proxyProtocol', 'from'])
  if (redirectToHttps === undefined || tls === undefined) return findings
  return [...findings, fault([...path, 'redirectToHttps'], 'stands beside `tls`, whose clients are on https already; use one of them')]
}

/** Each entry has to be an address or a CIDR. */
export function checkCidrs (entries: readonly string[], path: ConfigPath): readonly Finding[] {
  return entries.flatMap((entry, index) => findUnreadable([...path, index], () => parseCidr(entry)))
}

/** A port of EndpointSlices, by its name or number. The name has a letter (RFC 6335), so a text of digits is meant as a number. */
export function checkSlicePort (port: string | number, path: ConfigPath): readonly Finding[] {
  if (typeof port !== 'string' || !/^[0-9]+$/.test(port)) return []
  return [fault(path, 'is text, and the name of a port has a letter; for the number remove the quotes')]
}

/** The rules of the admin API: where it listens and who may use it. */
export function checkAdmin (admin: AdminConfig): readonly Finding[] {
  const findings = [
    ...checkAddress(['admin', 'address'], admin.address),
    ...findDuplicates(admin.tokens.map(token => token.name), index => ['admin', 'tokens', index, 'name'], first =>
      `is the same as ${first}; names must differ, for the history to say who it was`),
    ...findDuplicates(admin.tokens.map(token => token.file), index => ['admin', 'tokens', index, 'file'], first =>
      `is the same as ${first}; each token needs its own`)
  ]
  if (admin.probes !== undefined) {
    findings.push(...checkAddress(['admin', 'probes', 'address'], admin.probes.address))
    if (overlaps(admin, admin.probes)) findings.push(fault(['admin', 'probes', 'port'], 'is the port of the admin API, which answers probes too; use another one, or leave admin.probes out'))
  }
  if (isIP(admin.address) !== 0 && !isLoopback(admin.address) && admin.tokens.length === 0) {
    findings.push(fault(['admin', 'address'], 'lets everyone who can reach it change traffic: add admin.tokens, or listen on a loopback address such as 127.0.0.1'))
  }
  return findings
}

/** The admin API, its port for probes and a listener can't share an address and port. */
export function checkAdminApart (admin: AdminConfig, listeners: Config['listeners']): readonly Finding[] {
  return [
    ...checkApart(admin, ['admin'], listeners),
    ...(admin.probes === undefined ? [] : checkApart(admin.probes, ['admin', 'probes'], listeners))
  ]
}

function checkApart (bound: Bound, path: ConfigPath, listeners: Config['listeners']): readonly Finding[] {
  const index = listeners.findIndex(listener => overlaps(listener, bound))
  return index === -1 ? [] : [fault([...path, 'port'], `is the port of listeners[${index}]; use another one`)]
}

function checkAddress (path: ConfigPath, address: string): readonly Finding[] {
  return isIP(address) !== 0 ? [] : [fault(path, 'must be an IP address, such as 127.0.0.1, 0.0.0.0 or ::1; names are not looked up')]
}

/** Would the second find the port taken? */
function overlaps (left: Bound, right: Bound): boolean {
  if (left.port !== right.port) return false
  const [leftIp, rightIp] = [parseIp(left.address), parseIp(right.address)]
  if (leftIp === undefined || rightIp === undefined) return false
  return leftIp.address === rightIp.address || isWildcardFor(leftIp, rightIp) || isWildcardFor(rightIp, leftIp)
}

/**
 * Where a Weir with this configuration listens.
 * @param readMachine the addresses of the machine that it is for
 */
export function ownPortsOf ({ listeners, admin }: Pick<Config, 'listeners' | 'admin'>, readMachine?: () => readonly string[]): OwnPorts {
  return new OwnPorts([
    ...listeners.map(({ address, port }, index) => ({ name: `listeners[${index}]`, address, port })),
    { name: 'the admin API', address: admin.address, port: admin.port },
    ...(admin.probes === undefined ? [] : [{ name: 'admin.probes', address: admin.probes.address, port: admin.probes.port }])
  ], readMachine)
}

/**
 * A fault for each static endpoint at which Weir itself would answer.
 * @param isBroken tells the paths with a fault, which are left alone
 */
export function findOwnEndpoints (
  routes: Config['routes'], ownPorts: OwnPorts, isBroken: (path: ConfigPath) => boolean
): readonly Finding[] {
  const findings: Finding[] = []
  for (const [routeIndex, route] of routes.entries()) {
    if (isBroken(['routes', routeIndex])) continue
    for (const [index, { endpoints }] of route.versions.entries()) {
      const texts = 'static' in endpoints ? endpoints.static : 'dns' in endpoints ? [endpoints.dns] : []
      const path = ['routes', routeIndex, 'versions', index, 'endpoints']
      for (const [place, text] of texts.entries()) {
        const own = ownerOf(text, ownPorts)
        if (own === undefined) continue
        findings.push(fault('static' in endpoints ? [...path, 'static', place] : [...path, 'dns'],
          `is where Weir itself listens (${own}): requests would go round; name the address and port of the application, or let Weir listen on another port`))
      }
    }
  }
  return findings
}

function ownerOf (text: string, ownPorts: OwnPorts): string | undefined {
  const target = readable(text)
  if (target === undefined) return undefined
  // What other names mean is known when they have been looked up.
  return ownPorts.at(target.isName ? (isLocalName(target.host) ? '127.0.0.1' : '') : target.host, target.port)
}

/** Undefined for what another rule refuses. */
function readable (text: string): Target | undefined {
  try {
    return parseTarget(text)
  } catch {
    return undefined
  }
}
