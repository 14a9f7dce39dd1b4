import { noFieldValue, noParameterName, noParameterValue, noPath } from '../core/why-unsent.ts'
import { oneHostSpelling, parseHostPort } from '../core/socket-address.ts'
import { NO_CONNECT, standardMethod } from '../plans/read-match.ts'
import { fault, findUnreadable, warning, type ConfigPath, type Finding } from './finding.ts'
import { checkRecognisable } from './recognition-rules.ts'
import type { MatchConfig, RouteConfig } from './schema.ts'

/** RFC 1035 section 2.3.4: a label has 1 to 63 octets. */
export function checkHost (host: string, path: ConfigPath): readonly Finding[] {
  if (host === '*') return []
  if (host.startsWith('[')) {
    return findUnreadable(path, () => parseHostPort(`${host}:80`)).map(() => fault(path, 'has no IPv6 address in its brackets'))
  }
  const labels = host.split('.')
  const isValid = labels.every(label => label.length >= 1 && label.length <= 63)
  return isValid ? [] : [fault(path, 'is not a host name: between its dots are 1 to 63 characters')]
}

/** In a path, what other programs take for a pattern. */
export const PATTERN_SEGMENT = /\*|(?:^|\/)(?::[A-Za-z_][^/]*|\{[^/]*\})(?=\/|$)/

/** The rules of what a route takes: what no request can meet is refused, because it is always a mistake. */
export function checkMatch (match: MatchConfig, path: ConfigPath): readonly Finding[] {
  const { hosts = [], methods = [], headers = [], query = [] } = match
  return [
    ...(match.path !== undefined && match.exact !== undefined ? [fault([...path, 'exact'], 'stands beside `path`; use one: `path` for a prefix, `exact` for one path alone')] : []),
    ...(['path', 'exact'] as const).flatMap(key => checkPath(match[key] ?? '/', key, [...path, key])),
    ...hosts.flatMap((host, index) => checkHost(host, [...path, 'hosts', index])),
    ...methods.flatMap((method, index) => checkMethod(method, [...path, 'methods', index])),
    ...headers.flatMap(({ name, value = '' }, index) => [
      ...checkRecognisable('header', name, [...path, 'headers', index, 'name']),
      ...unmatchable(noFieldValue(value, true), [...path, 'headers', index, 'value'])
    ]),
    ...query.flatMap(({ name, value = '' }, index) => [
      ...unmatchable(noParameterName(name), [...path, 'query', index, 'name']),
      ...unmatchable(noParameterValue(value), [...path, 'query', index, 'value'])
    ]),
    ...checkContradictions(headers.map(({ name, value }) => ({ name: name.toLowerCase(), value })), [...path, 'headers']),
    ...checkContradictions(query, [...path, 'query'])
  ]
}

function checkMethod (method: string, path: ConfigPath): readonly Finding[] {
  if (method === 'CONNECT') return [fault(path, NO_CONNECT)]
  const meant = standardMethod(method)
  return meant !== undefined ? [warning(path, `is not ${meant}: methods are compared with their case, and clients send ${meant}`)] : []
}

function checkPath (text: string, key: 'path' | 'exact', path: ConfigPath): readonly Finding[] {
  const unmatched = unmatchable(noPath(text), path)
  if (unmatched.length > 0 || !PATTERN_SEGMENT.test(text)) return unmatched
  const remedy = key === 'path'
    ? '`path` is a prefix already and matches everything below it'
    : 'there are no patterns; `path` is a prefix that matches everything below it'
  return [warning(path, `is taken literally, \`*\`, \`:name\` and \`{name}\` too: ${remedy}`)]
}

/** @param why one of src/core/why-unsent.ts */
function unmatchable (why: string, path: ConfigPath): readonly Finding[] {
  return why === '' ? [] : [fault(path, `can never match: ${why}`)]
}

/** Two values for one name: nothing has both. */
function checkContradictions (
  conditions: ReadonlyArray<{ readonly name: string, readonly value?: string | undefined }>, path: ConfigPath
): readonly Finding[] {
  const values = new Map<string, string>()
  const findings: Finding[] = []
  for (const [index, { name, value }] of conditions.entries()) {
    if (value === undefined) continue
    const first = values.get(name)
    if (first === undefined) values.set(name, value)
    else if (first !== value) findings.push(fault([...path, index, 'value'], `can never match beside another value for \`${name}\`: all conditions have to be met`))
  }
  return findings
}

/** A route and its place in the file. */
interface PlacedRoute {
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
