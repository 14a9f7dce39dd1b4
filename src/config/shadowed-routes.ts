import { oneHostSpelling } from '../core/host-spelling.ts'
import type { ConfigPath } from './config-path.ts'
import { warning, type Finding } from './finding.ts'
import type { MatchConfig, RouteConfig } from './schema.ts'

/** A route and its place in the file. */
export interface PlacedRoute {
  readonly route: RouteConfig
  readonly path: ConfigPath
}

/** A warning for each route that, for some host, matches exactly what a route before it matches: it gets nothing there. */
export function findShadowedRoutes (routes: readonly PlacedRoute[]): readonly Finding[] {
  const first = new Map<string, string>()
  const findings: Finding[] = []
  for (const { route, path } of routes) {
    const match = route.match ?? {}
    const conditions = describeConditions(match)
    const losses = new Map<string, string[]>()
    for (const host of new Set(hostsOf(match))) {
      const key = `${host}\n${conditions}`
      const winner = first.get(key)
      if (winner === undefined) first.set(key, route.name)
      else losses.set(winner, [...losses.get(winner) ?? [], host])
    }
    for (const [winner, hosts] of losses) {
      const where = hosts.includes('*') ? '' : ` for ${hosts.slice(0, 5).join(', ')}${hosts.length > 5 ? ` and ${hosts.length - 5} more` : ''}`
      findings.push(warning([...path, 'match'], `of \`${route.name}\` is the same as that of \`${winner}\`${where}; \`${winner}\` wins, because it comes first`))
    }
  }
  return findings
}

function hostsOf (match: MatchConfig): readonly string[] {
  return match.hosts === undefined ? ['*'] : match.hosts.map(host => oneHostSpelling(host.toLowerCase()))
}

/** Everything but the host, in one spelling. */
function describeConditions (match: MatchConfig): string {
  const methods = [...new Set(match.methods)].sort()
  const headers = (match.headers ?? []).map(({ name, value }) => JSON.stringify([name.toLowerCase(), value ?? null])).sort()
  const query = (match.query ?? []).map(({ name, value }) => JSON.stringify([name, value ?? null])).sort()
  const path = match.exact === undefined ? ['prefix', match.path ?? '/'] : ['exact', match.exact]
  return JSON.stringify([path, methods, [...new Set(headers)], [...new Set(query)]])
}
