import { isIP } from 'node:net'
import { parseDurationMs } from '../core/duration.ts'
import { fault, findDuplicates, findUnreadable, isMapping, warning, type ConfigPath, type Finding } from './finding.ts'
import { checkRollout } from './rollout-rules.ts'
import type { AffinityConfig, Config, RouteConfig, VersionConfig } from './schema.ts'
import { endpointKey } from '../core/endpoint.ts'
import { parseTarget, type Target } from '../core/socket-address.ts'
import { MAX_WEIGHT, MIN_WEIGHT } from '../contract/route-spec.ts'
import { checkMessageFilters, checkRouteFilters } from './filter-rules.ts'
import { checkPodLabels, findSamePods } from './label-rules.ts'
import { checkLists, checkListStore } from './list-rules.ts'
import { checkHost, checkMatch, findShadowedRoutes } from './match-rules.ts'
import { checkMirror } from './mirror-rules.ts'
import { checkIssuedCookie, checkOverrides, checkVersionMatch } from './placement-rules.ts'
import { checkCookieReach, checkReach } from './reach-rules.ts'
import { checkRecognition, findClaims } from './recognition-rules.ts'
import { checkReplicas } from './replica-rules.ts'
import { checkVersionName } from './version-names.ts'
import { checkWebhooks } from './webhook-rules.ts'
import { checkAdmin, checkAdminApart, checkCidrs, checkListeners, checkSlicePort, findOwnEndpoints, ownPortsOf } from './address-rules.ts'

/** Longer than anyone waits for a request, and well below what a timer can count: 2^31 ms. */
const MAX_DURATION_MS = 7 * 24 * 3_600_000

/**
 * The bounds of a duration.
 * @param rule `mayBeZero`: no time at all makes sense too
 */
function checkDuration (
  text: string, path: ConfigPath, { mayBeZero = false }: { readonly mayBeZero?: boolean } = {}
): readonly Finding[] {
  const milliseconds = parseDurationMs(text)
  if (milliseconds > MAX_DURATION_MS) return [fault(path, 'must be at most 168h')]
  return milliseconds === 0 && !mayBeZero ? [fault(path, 'must be longer than 0; every wait needs an end, and some time')] : []
}

/**
 * The rules of how a route treats its requests and its endpoints.
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
function checkPolicy (route: RouteConfig, path: ConfigPath, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  const when = (below: ConfigPath, rule: (path: ConfigPath) => readonly Finding[]): readonly Finding[] =>
    isBroken([...path, ...below]) ? [] : rule([...path, ...below])
  const zero = { mayBeZero: true }
  return [
    ...when(['hold', 'maxAge'], at => checkDuration(route.hold.maxAge, at)),
    ...when(['retries', 'perTryTimeout'], at => checkDuration(route.retries.perTryTimeout, at, zero)),
    ...when(['slowStart', 'window'], at => checkDuration(route.slowStart.window, at, zero)),
    ...when(['timeouts'], at => Object.entries(route.timeouts ?? {}).flatMap(([name, text]) => checkDuration(text, [...at, name]))),
    ...when(['health', 'passive'], at => checkPassive(route.health.passive, at)),
    ...when(['health', 'active'], at => checkActive(route.health.active, at)),
    ...(isBroken([...path, 'versions']) ? [] : when(['failover'], at => checkFailover(route, at))),
    ...(isBroken([...path, 'versions']) ? [] : when(['mirror'], at => checkMirror(route, at))),
    ...when(['mirror', 'timeout'], at => route.mirror === undefined ? [] : checkDuration(route.mirror.timeout, at))
  ]
}

function checkPassive ({ interval, baseEjection, maxEjection }: RouteConfig['health']['passive'], path: ConfigPath): readonly Finding[] {
  const findings = [
    ...checkDuration(interval, [...path, 'interval']),
    ...checkDuration(baseEjection, [...path, 'baseEjection']),
    ...checkDuration(maxEjection, [...path, 'maxEjection'])
  ]
  if (findings.length > 0 || parseDurationMs(maxEjection) >= parseDurationMs(baseEjection)) return findings
  return [fault([...path, 'maxEjection'], `is shorter than \`baseEjection\`, which is ${baseEjection}: the first ejection would be too long already`)]
}

function checkActive (active: RouteConfig['health']['active'], path: ConfigPath): readonly Finding[] {
  if (active === undefined) return []
  const unsendable = /[^!-"$-~]/.test(active.path)
  return [
    ...(unsendable ? [fault([...path, 'path'], `can't be sent: a path has no space, \`#\` or character past ASCII; write ${encodeURI(active.path.toWellFormed()).replaceAll('#', '%23')}`)] : []),
    ...checkDuration(active.interval, [...path, 'interval']),
    ...checkDuration(active.timeout, [...path, 'timeout'])
  ]
}

function checkFailover ({ failover, versions }: RouteConfig, path: ConfigPath): readonly Finding[] {
  if (failover === undefined) return []
  const to = [...path, 'to']
  const unknown = checkVersionName(failover.to, versions, to)
  if (unknown.length > 0) return unknown
  return versions.length > 1 ? [] : [warning(to, 'is the only version of the route: there is no other one that it could help')]
}

/**
 * The rules inside one route.
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
function checkRoute (route: RouteConfig, path: ConfigPath, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  const when = (below: ConfigPath, rule: (path: ConfigPath) => readonly Finding[]): readonly Finding[] =>
    isBroken([...path, ...below]) ? [] : rule([...path, ...below])
  const versions = Array.isArray(route.versions) ? route.versions : []
  return [
    ...when(['match'], at => checkMatch(route.match ?? {}, at)),
    ...when(['affinity'], at => [...checkAffinity(route.affinity, at), ...checkIssuedCookie(route.affinity, [...at, 'issue'])]),
    ...when(['affinity'], () => isBroken([...path, 'match']) ? [] : checkCookieReach(route, path)),
    ...when(['overrides'], at => route.overrides === undefined ? [] : checkOverrides(route.overrides, at)),
    ...when(['filters'], at => isBroken([...path, 'match']) ? [] : checkRouteFilters(route, at)),
    ...when(['filters'], at => checkRatePeriod(route.filters?.rateLimit?.per ?? '1s', [...at, 'rateLimit', 'per'])),
    ...when(['lists'], at => isBroken([...path, 'versions']) ? [] : checkLists(route.lists, versions, at)),
    ...when(['versions'], at => [...checkVersions(versions, at), ...findSamePods(versions, at)]),
    ...checkPolicy(route, path, isBroken),
    ...when(['versions'], () => checkRollout(route.rollout, versions, [...path, 'rollout'], isBroken)),
    ...versions.flatMap((version, index) => when(['versions', index, 'weight'], at => checkWeight(version.weight, at))),
    ...versions.flatMap((version, index) => when(['versions', index, 'endpoints'], at => checkEndpoints(version, at))),
    ...versions.flatMap((version, index) => when(['versions', index, 'match'], at => checkVersionMatch(version.match, at))),
    ...when(['match'], () => isBroken([...path, 'versions']) ? [] : checkReach(route, path, isBroken)),
    ...versions.flatMap((version, index) => when(['versions', index, 'tls'], at => checkTls(version.tls, at))),
    ...versions.flatMap((version, index) => when(['versions', index, 'filters'], at =>
      isBroken([...path, 'match']) || isBroken([...path, 'filters']) ? [] : checkMessageFilters(version.filters, route, at)))
  ]
}

/** Below it the clock is too coarse, and above it nobody waits. */
function checkRatePeriod (text: string, path: ConfigPath): readonly Finding[] {
  const milliseconds = parseDurationMs(text)
  return milliseconds >= 1_000 && milliseconds <= 24 * 3_600_000 ? [] : [fault(path, 'must be from 1s to 24h')]
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
  const isIdle = affinity.by === 'none' && affinity.level === 'endpoint'
  return [
    ...checkRecognition(affinity, path),
    ...(isIdle ? [warning([...path, 'level'], 'has no effect with `by: none`: nothing recognises a client')] : [])
  ]
}

function checkEndpoints ({ endpoints, weight }: VersionConfig, path: ConfigPath): readonly Finding[] {
  if ('static' in endpoints) return checkStatic(endpoints.static, weight, [...path, 'static'])
  if ('dns' in endpoints) return checkName(endpoints.dns, [...path, 'dns'])
  return [
    ...checkSlicePort(endpoints.port, [...path, 'port']),
    ...checkPodLabels(endpoints.podLabels ?? {}, [...path, 'podLabels'])
  ]
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

/**
 * The rules that a schema can't say: what has to fit together across options.
 * @param config a configuration, of which the parts that are not broken are as the schema says
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
export function checkRules (config: Config, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  const findings: Finding[] = []
  const when = (paths: readonly ConfigPath[], rule: () => readonly Finding[]): void => {
    if (!paths.some(isBroken)) findings.push(...rule())
  }
  when([['listeners']], () => checkListeners(config.listeners))
  when([['admin']], () => checkAdmin(config.admin))
  when([['admin'], ['listeners']], () => checkAdminApart(config.admin, config.listeners))
  when([['clientIp']], () => checkCidrs(config.clientIp.trustedProxies, ['clientIp', 'trustedProxies']))
  when([['overrides']], () => checkOverrides(config.overrides, ['overrides']))
  when([['kubernetes']], () => checkCidrs(config.kubernetes.allowAddresses, ['kubernetes', 'allowAddresses']))
  when([['replicas'], ['state', 'store'], ['admin', 'address'], ['kubernetes', 'allowAddresses']], () => checkReplicas(config))
  when([['state', 'store'], ['state', 'name'], ['routes']], () => checkListStore(config))
  if (Array.isArray(config.webhooks)) findings.push(...checkWebhooks(config.webhooks, isBroken))
  for (const group of ['timeouts', 'drain'] as const) {
    when([[group]], () => Object.entries(config[group])
      .flatMap(([name, text]) => checkDuration(text, [group, name], { mayBeZero: group === 'drain' })))
  }
  when([['shadow']], () => checkDuration(config.shadow.maxLoopLag, ['shadow', 'maxLoopLag'], { mayBeZero: true }))
  if (Array.isArray(config.routes)) {
    const placed = config.routes.map((route, index) => ({ route, path: ['routes', index] }))
    findings.push(...placed.filter(({ route }) => isMapping(route)).flatMap(({ route, path }) => checkRoute(route, path, isBroken)))
    findings.push(...findShadowedRoutes(placed.filter(({ path }) => !isBroken(path))))
    if (!isBroken(['clientIp']) && config.clientIp.trustedProxies.length === 0) {
      findings.push(...placed.filter(({ path }) => !isBroken(path)).flatMap(({ route, path }) => findClaims(route, path)))
    }
    when([['admin'], ['listeners']], () => findOwnEndpoints(config.routes, ownPortsOf(config), isBroken))
    const names = config.routes.map((route, index) => isBroken(['routes', index]) ? undefined : route.name)
    findings.push(...findDuplicates(names, index => ['routes', index, 'name'], first => `is the same as ${first}; names must differ`))
  }
  return findings
}
