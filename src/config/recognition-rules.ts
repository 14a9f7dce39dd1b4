/**
 * The rules of what a client is recognised by: the field or cookie is named where one is used, and is none of those that speak to Weir.
 */
import { isOverrideName, OVERRIDE_HINT } from '../core/override-names.ts'
import { isOriginClaim, isReservedField, RESERVED_HINT } from '../core/protected-fields.ts'
import { fault, warning, type ConfigPath, type Finding } from './finding.ts'
import type { RouteConfig } from './schema.ts'

/** An option with `by`. */
interface Recognition {
  readonly by: string
  readonly header?: string
  readonly cookie?: string
}

const KINDS = ['header', 'cookie'] as const

export function checkRecognition (recognition: Recognition, path: ConfigPath): readonly Finding[] {
  return KINDS.flatMap(key => {
    const name = recognition[key]
    if (recognition.by !== key) return name === undefined ? [] : [fault([...path, key], `is not used: with it, write \`by: ${key}\``)]
    if (name === undefined) return [fault([...path, key], `is missing: \`by: ${key}\` needs the name of the ${key}`)]
    return checkRecognisable(key, name, [...path, key])
  })
}

/** Anybody can send what an override says, or what Weir alone writes: nothing else may go by it. */
export function checkRecognisable (by: 'header' | 'cookie', name: string, path: ConfigPath): readonly Finding[] {
  if (isOverrideName(by, name)) return [fault(path, OVERRIDE_HINT)]
  return by === 'header' && isReservedField(name) ? [fault(path, RESERVED_HINT)] : []
}

const CLAIM_HINT = 'says where a request came from, and every client can write it: `clientIp.trustedProxies` is empty, so nobody is trusted with it'

/** Warnings for what goes by a field that only trusted proxies may write, where there are none. */
export function findClaims (route: RouteConfig, path: ConfigPath): readonly Finding[] {
  const { affinity, lists, filters, match, versions } = route
  const named: ReadonlyArray<readonly [string | undefined, ConfigPath]> = [
    [affinity.header, ['affinity', 'header']],
    ...lists.map(({ header }, index) => [header, ['lists', index, 'header']] as const),
    [filters?.rateLimit?.header, ['filters', 'rateLimit', 'header']],
    ...(match?.headers ?? []).map(({ name }, index) => [name, ['match', 'headers', index, 'name']] as const),
    ...versions.flatMap(({ match: own = [] }, version) => [own].flat().flatMap(({ headers = [] }, index) => headers.map(({ name }, at) =>
      [name, ['versions', version, 'match', ...(Array.isArray(own) ? [index] : []), 'headers', at, 'name']] as const)))
  ]
  return named.flatMap(([name, below]) => name !== undefined && isOriginClaim(name) ? [warning([...path, ...below], CLAIM_HINT)] : [])
}
