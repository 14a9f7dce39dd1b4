import { isIP } from 'node:net'
import { endpointKey } from '../core/endpoint.ts'
import { parseTarget, type Target } from '../core/socket-address.ts'
import { MAX_WEIGHT, MIN_WEIGHT } from '../core/weight-bounds.ts'
import type { ConfigPath } from './config-path.ts'
import { checkHost } from './host-rules.ts'
import { checkMatch } from './match-rules.ts'
import { checkPolicy } from './policy-rules.ts'
import { fault, findDuplicates, findUnreadable, warning, type Finding } from './finding.ts'
import type { AffinityConfig, RouteConfig, VersionConfig } from './schema.ts'

/**
 * The rules inside one route.
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
export function checkRoute (route: RouteConfig, path: ConfigPath, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  const when = (below: ConfigPath, rule: (path: ConfigPath) => readonly Finding[]): readonly Finding[] =>
    isBroken([...path, ...below]) ? [] : rule([...path, ...below])
  const versions = Array.isArray(route.versions) ? route.versions : []
  return [
    ...when(['match'], at => checkMatch(route.match ?? {}, at)),
    ...when(['affinity'], at => checkAffinity(route.affinity, at)),
    ...when(['versions'], at => checkVersions(versions, at)),
    ...checkPolicy(route, path, isBroken),
    ...versions.flatMap((version, index) => when(['versions', index, 'weight'], at => checkWeight(version.weight, at))),
    ...versions.flatMap((version, index) => when(['versions', index, 'endpoints'], at => checkEndpoints(version, at))),
    ...versions.flatMap((version, index) => when(['versions', index, 'tls'], at => checkTls(version.tls, at)))
  ]
}

function checkVersions (versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  const findings = findDuplicates(versions.map(version => version.name), index => [...path, index, 'name'], first =>
    `is the same as ${first}; the versions of a route need different names`)
  if (versions.some(version => version.weight > 0)) return findings
  return [...findings, warning(path, 'have no weight above 0: the route answers 503 until one is set')]
}

/** The bounds that the admin API has for a weight. */
function checkWeight (weight: number, path: ConfigPath): readonly Finding[] {
  if (weight === 0 || weight >= MIN_WEIGHT) return []
  return [fault(path, `must be 0 or a number from ${MIN_WEIGHT.toFixed(6)} to ${MAX_WEIGHT}; only the proportions count, so multiply all of them`)]
}

function checkAffinity (affinity: AffinityConfig, path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = []
  for (const key of ['header', 'cookie'] as const) {
    const isGiven = affinity[key] !== undefined
    if (affinity.by === key && !isGiven) findings.push(fault([...path, key], `is missing: \`by: ${key}\` needs the name of the ${key}`))
    if (affinity.by !== key && isGiven) findings.push(fault([...path, key], `is not used: with it, write \`by: ${key}\``))
  }
  if (affinity.by === 'none' && affinity.level === 'endpoint') {
    findings.push(warning([...path, 'level'], 'has no effect with `by: none`: nothing recognises a client'))
  }
  return findings
}

function checkEndpoints ({ endpoints, weight }: VersionConfig, path: ConfigPath): readonly Finding[] {
  if ('static' in endpoints) return checkStatic(endpoints.static, weight, [...path, 'static'])
  if ('dns' in endpoints) return checkName(endpoints.dns, [...path, 'dns'])
  const isQuotedNumber = typeof endpoints.port === 'string' && /^[0-9]+$/.test(endpoints.port)
  return isQuotedNumber ? [fault([...path, 'port'], 'is text, and the name of a port has a letter; for the number remove the quotes')] : []
}

function checkTls (tls: VersionConfig['tls'], path: ConfigPath): readonly Finding[] {
  if (tls === undefined) return []
  return [
    ...(tls.serverName === undefined ? [] : checkServerName(tls.serverName, [...path, 'serverName'])),
    ...(tls.verify ? [] : [warning([...path, 'verify'], 'checks no certificate: anybody in between can read and change everything; name the authority with `ca` instead')])
  ]
}

/** RFC 6066 section 3: SNI carries a host name, never an address. */
function checkServerName (name: string, path: ConfigPath): readonly Finding[] {
  if (name.includes('*')) return [fault(path, 'is a pattern; write the one name that the certificates of the endpoints have')]
  if (isIP(name) !== 0 || name.startsWith('[')) return [fault(path, 'is an IP address; leave it out, and the certificate has to name the address of the endpoint')]
  return checkHost(name, path)
}

function keyOf ({ host, port }: Target): string {
  return endpointKey({ address: host, port })
}

function checkName (text: string, path: ConfigPath): readonly Finding[] {
  const unreadable = findUnreadable(path, () => parseTarget(text))
  if (unreadable.length > 0) return unreadable
  return parseTarget(text).isName ? [] : [fault(path, 'is an address, of which nothing has to be looked up: write it into `static`')]
}

function checkStatic (addresses: readonly string[], weight: number, path: ConfigPath): readonly Finding[] {
  if (addresses.length === 0 && weight > 0) return [warning(path, 'is empty, and the version has a weight: its clients go where `whenEmpty` says')]
  const unreadable = addresses.flatMap((address, index) => findUnreadable([...path, index], () => parseTarget(address)))
  if (unreadable.length > 0) return unreadable
  return findDuplicates(addresses.map(address => keyOf(parseTarget(address))), index => [...path, index], first =>
    `is the same endpoint as ${first}; name it once, weights belong to versions`)
}
