/**
 * The rules of a route's `mirror`.
 */
import { isDeepStrictEqual } from 'node:util'
import { fault, findDuplicates, warning, type ConfigPath, type Finding } from './finding.ts'
import type { RouteConfig, VersionConfig } from './schema.ts'
import { checkVersionName } from './version-names.ts'

/** What a copy is made with: its framing, and what tells endpoints whose copy it is. */
const NEEDED: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'via', 'x-weir-shadow'])

/** Are all endpoints of a version those of the other? As far as the configuration tells. */
function leadsWhere ({ endpoints: own }: VersionConfig, { endpoints: others }: VersionConfig): boolean {
  if (!('static' in own) || !('static' in others)) return isDeepStrictEqual(own, others)
  return own.static.length > 0 && own.static.every(endpoint => others.static.includes(endpoint))
}

export function checkMirror ({ mirror, versions }: RouteConfig, path: ConfigPath): readonly Finding[] {
  if (mirror === undefined) return []
  const { to, removeHeaders, compare, methods } = mirror
  const at = [...path, 'to']
  const version = versions.find(({ name }) => name === to)
  if (version === undefined) return checkVersionName(to, versions, at)
  const others = versions.filter(({ name }) => name !== to)
  if (others.length === 0) return [fault(at, 'is the only version of the route, which would get copies of its own requests; add the version whose requests are to be copied')]
  const findings: Finding[] = []
  if (version.weight > 0 && others.every(({ weight }) => weight === 0)) {
    findings.push(fault(at, 'serves all clients itself and would get copies of its own requests; give another version a weight'))
  }
  const twin = others.find(other => leadsWhere(version, other))
  if (twin !== undefined) findings.push(fault(at, `has no endpoint that "${twin.name}" does not have, so its requests would be copied to where they are served; give the version endpoints of its own`))
  for (const [index, name] of removeHeaders.entries()) {
    if (NEEDED.has(name.toLowerCase())) findings.push(fault([...path, 'removeHeaders', index], 'can\'t be removed: a copy without it is no request, or can go round unnoticed'))
  }
  const below = [...path, 'compare', 'ignoreJsonPaths']
  findings.push(...findDuplicates(compare.ignoreJsonPaths, index => [...below, index], first => `is the same as ${first}; name it once`))
  if (methods === 'all') findings.push(warning([...path, 'methods'], 'copies what changes things too: an order is placed twice unless this version writes to a place of its own'))
  return findings
}
