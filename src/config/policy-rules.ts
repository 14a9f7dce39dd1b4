import { parseDurationMs } from '../core/duration.ts'
import type { ConfigPath } from './config-path.ts'
import { checkDuration } from './duration-rules.ts'
import { fault, warning, type Finding } from './finding.ts'
import type { RouteConfig } from './schema.ts'

/**
 * The rules of how a route treats its requests and its endpoints.
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
export function checkPolicy (route: RouteConfig, path: ConfigPath, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
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
    ...(isBroken([...path, 'versions']) ? [] : when(['failover'], at => checkFailover(route, at)))
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
  if (!versions.some(({ name }) => name === failover.to)) {
    return [fault(to, `is no version of the route; it has ${versions.map(({ name }) => `"${name}"`).join(', ')}`)]
  }
  return versions.length > 1 ? [] : [warning(to, 'is the only version of the route: there is no other one that it could help')]
}
