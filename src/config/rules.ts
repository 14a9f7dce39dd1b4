import { checkAdmin, checkAdminApart, checkCidrs, checkListeners } from './address-rules.ts'
import { isMapping, type ConfigPath } from './config-path.ts'
import { checkDuration } from './duration-rules.ts'
import { findDuplicates, type Finding } from './finding.ts'
import { findOwnEndpoints, ownPortsOf } from './own-endpoint-rules.ts'
import { findShadowedRoutes } from './shadowed-routes.ts'
import { checkRoute } from './route-rules.ts'
import type { Config } from './schema.ts'

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
  for (const group of ['timeouts', 'drain'] as const) {
    when([[group]], () => Object.entries(config[group])
      .flatMap(([name, text]) => checkDuration(text, [group, name], { mayBeZero: group === 'drain' })))
  }
  if (Array.isArray(config.routes)) {
    const placed = config.routes.map((route, index) => ({ route, path: ['routes', index] }))
    findings.push(...placed.filter(({ route }) => isMapping(route)).flatMap(({ route, path }) => checkRoute(route, path, isBroken)))
    findings.push(...findShadowedRoutes(placed.filter(({ path }) => !isBroken(path))))
    when([['admin'], ['listeners']], () => findOwnEndpoints(config.routes, ownPortsOf(config), isBroken))
    const names = config.routes.map((route, index) => isBroken(['routes', index]) ? undefined : route.name)
    findings.push(...findDuplicates(names, index => ['routes', index, 'name'], first => `is the same as ${first}; names must differ`))
  }
  return findings
}
