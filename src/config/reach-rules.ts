/**
 * The rules of matches inside a route, those of its versions and those of its rollout: what the route never gets can't be matched there.
 */
import type { RequestTest, TextTest } from '../contract/placement-spec.ts'
import { oneHostSpelling } from '../core/socket-address.ts'
import { withoutLastSlash } from '../http/field-edits.ts'
import { PlanFaults } from '../plans/plan-faults.ts'
import { readMatch } from '../plans/read-match.ts'
import { fault, isMapping, warning, type ConfigPath, type Finding } from './finding.ts'
import { PATTERN_SEGMENT } from './match-rules.ts'
import type { MatchConfig, RouteConfig } from './schema.ts'

/** A match and its place in the file. */
type PlacedMatch = readonly [match: unknown, path: ConfigPath]

/**
 * @param path of the route
 * @param isBroken tells the paths of which the schema has said something already
 */
export function checkReach (route: RouteConfig, path: ConfigPath, isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  return matchesOf(route, path)
    .filter(([match, at]) => match !== undefined && match !== null && !isBroken(at))
    .flatMap(([match, at]) => [match].flat().map((entry, index): PlacedMatch => [entry, Array.isArray(match) ? [...at, index] : at]))
    .flatMap(([entry, at]) => testsIn(entry).flatMap(test => checkTest(test, route.match ?? {}, at)))
}

/** RFC 6265 section 5.1.4: to which paths a client sends a cookie. @param path of the route */
export function checkCookieReach ({ affinity, match = {} }: RouteConfig, path: ConfigPath): readonly Finding[] {
  const taken = match.exact ?? match.path ?? '/'
  const [below, cookie] = [taken, affinity.issue?.path ?? '/'].map(withoutLastSlash)
  if (below === undefined || cookie === undefined || isBelow(below, cookie)) return []
  if (match.exact === undefined && isBelow(cookie, below)) return []
  return [warning([...path, 'affinity', 'issue', 'path'], `is never sent back to the route, which takes ${match.exact === undefined ? 'paths below' : 'the path'} ${taken} alone`)]
}

function isBelow (path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

function matchesOf ({ versions, rollout }: RouteConfig, path: ConfigPath): readonly PlacedMatch[] {
  const plan = [...path, 'rollout']
  const steps = isMapping(rollout) && Array.isArray(rollout.steps) ? rollout.steps.filter(isMapping) : []
  return [
    ...versions.map(({ match }, index): PlacedMatch => [match, [...path, 'versions', index, 'match']]),
    ...(isMapping(rollout) ? (['match', 'preview'] as const).map((key): PlacedMatch => [rollout[key], [...plan, key]]) : []),
    ...steps.map((step, index): PlacedMatch => ['setMatch' in step ? step.setMatch : undefined, [...plan, 'steps', index, 'setMatch']])
  ]
}

/** What is wrong by itself is told elsewhere. */
function testsIn (entry: unknown): readonly RequestTest[] {
  return readMatch(entry, '', new PlanFaults())?.match ?? []
}

function checkTest ({ path: pathTest, host, methods }: RequestTest, route: MatchConfig, at: ConfigPath): readonly Finding[] {
  return [
    ...(pathTest === undefined ? [] : checkPathTest(pathTest, route, [...at, 'path', keyOf(pathTest)])),
    ...(host === undefined ? [] : checkHostTest(host, route, [...at, 'host', keyOf(host)])),
    ...(methods.length > 0 && route.methods !== undefined && !methods.some(method => route.methods?.includes(method))
      ? [unreachable([...at, 'methods'], `${route.methods.join(', ')} alone`)]
      : [])
  ]
}

function keyOf ({ kind }: TextTest): string {
  return kind === 'exact' ? 'value' : kind
}

function unreachable (path: ConfigPath, taken: string): Finding {
  return fault(path, `can never match: the route takes ${taken}`)
}

function checkPathTest (test: TextTest, { path = '/', exact }: MatchConfig, at: ConfigPath): readonly Finding[] {
  if (test.kind === 'present' || test.kind === 'regex') return []
  const { value } = test
  const isWhole = test.kind === 'exact'
  const literal = PATTERN_SEGMENT.test(value) && value !== '*'
    ? [warning(at, 'is taken literally, `*`, `:name` and `{name}` too: `prefix` is what a path begins with, `regex` a regular expression')]
    : []
  if (exact !== undefined) {
    return value === exact || (!isWhole && exact.startsWith(value)) ? literal : [unreachable(at, `the path ${exact} alone`)]
  }
  const prefix = withoutLastSlash(path)
  const isTaken = value === prefix || value.startsWith(`${prefix}/`) || prefix === '' || (!isWhole && `${prefix}/`.startsWith(value))
  return isTaken ? literal : [unreachable(at, `paths below ${path} alone`)]
}

function checkHostTest (test: TextTest, { hosts = ['*'] }: MatchConfig, at: ConfigPath): readonly Finding[] {
  if (test.kind === 'present' || test.kind === 'regex') return []
  const { value } = test
  if (value.includes('*')) return [warning(at, 'is taken literally, `*` too; `regex` takes a regular expression')]
  const isTaken = hosts.map(host => oneHostSpelling(host.toLowerCase())).some(host => {
    if (host === '*') return true
    if (test.kind === 'prefix') return host.startsWith('*.') || host.startsWith(value)
    return host.startsWith('*.') ? value.endsWith(host.slice(1)) : value === host
  })
  return isTaken ? [] : [unreachable(at, `the hosts ${hosts.slice(0, 5).join(', ')}${hosts.length > 5 ? ' and others' : ''} alone`)]
}
