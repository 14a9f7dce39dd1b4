import { parseDurationMs } from '../core/duration.ts'
import { checkAdmin, checkAdminApart, checkCidrs, checkListeners } from './address-rules.ts'
import { isMapping, type ConfigPath } from './config-path.ts'
import { fault, findDuplicates, type Finding } from './finding.ts'
import { findShadowedRoutes } from './shadowed-routes.ts'
import { checkRoute } from './route-rules.ts'
import type { Config } from './schema.ts'

/** Longer than anyone waits for a request, and well below what a timer can count: 2^31 ms. */
const MAX_DURATION_MS = 7 * 24 * 3_600_000

/** Timeouts for which no time at all makes sense. */
const MAY_BE_ZERO: ReadonlySet<string> = new Set(['drain'])

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
  when([['kubernetes']], () => checkCidrs(config.kubernetes.allowAddresses, ['kubernetes', 'allowAddresses']))
  when([['timeouts']], () => checkTimeouts(config.timeouts))
  if (Array.isArray(config.routes)) {
    const placed = config.routes.map((route, index) => ({ route, path: ['routes', index] }))
    findings.push(...placed.filter(({ route }) => isMapping(route)).flatMap(({ route, path }) => checkRoute(route, path, isBroken)))
    findings.push(...findShadowedRoutes(placed.filter(({ path }) => !isBroken(path))))
    const names = config.routes.map((route, index) => isBroken(['routes', index]) ? undefined : route.name)
    findings.push(...findDuplicates(names, (index) => ['routes', index, 'name'], (first) => `is the same as ${first}; names must differ`))
  }
  return findings
}

function checkTimeouts (timeouts: Config['timeouts']): readonly Finding[] {
  return Object.entries(timeouts).flatMap(([name, text]) => {
    const milliseconds = parseDurationMs(text)
    if (milliseconds > MAX_DURATION_MS) return [fault(['timeouts', name], 'must be at most 168h')]
    return milliseconds === 0 && !MAY_BE_ZERO.has(name) ? [fault(['timeouts', name], 'must be longer than 0; every wait needs an end, and some time')] : []
  })
}
