/**
 * Which version of a route serves a client: chosen first, fallen back after, so that a client returns when its version does.
 * What only decides is apart from what counts, so that an explanation decides by the same code.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { RequestFacts } from './request-facts.ts'
import { count } from './finish.ts'
import type { PlacedTerms } from '../placement/placement.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** Of the request, what decides on its version. */
export interface VersionTerms extends PlacedTerms {
  readonly keyHash: number
}

/**
 * The version that a request belongs to, whether it has an endpoint or not: the one that it was placed on, or that of the split. By name: a
 * reload may have given the route other versions meanwhile. Undefined when every version has weight 0.
 */
export function ownVersion (route: RouteRuntime, terms: VersionTerms): VersionRuntime | undefined {
  const { versions, split } = route
  const { placed, excluded } = terms
  const chosen = placed === '' ? undefined : versions.find(({ name }) => name === placed)
  if (chosen !== undefined) return chosen
  const drawn = versions[split.choose(terms.keyHash)]
  return excluded.length === 0 || drawn === undefined || !excluded.includes(drawn.name) ? drawn : besides(route, terms, drawn)
}

/**
 * Who serves a client that is kept from the version that it has drawn: its next choice; the first other version with endpoints when no
 * other has a weight; else the version that it has drawn.
 */
function besides ({ versions, split }: RouteRuntime, { keyHash, excluded }: VersionTerms, drawn: VersionRuntime): VersionRuntime {
  const allowed = Uint8Array.from(versions, ({ name }) => excluded.includes(name) ? 0 : 1)
  const next = versions[split.chooseAmong(keyHash, allowed)]
  return next ?? versions.find(({ name, pool }) => !excluded.includes(name) && !pool.empty) ?? drawn
}

/**
 * Undefined when every version has weight 0. The version may be without endpoints. Counts a fallback.
 * @param facts takes down in whose place the version serves
 */
export function chooseVersion (
  route: RouteRuntime, terms: VersionTerms, facts: Pick<RequestFacts, 'fallbackFrom'>
): VersionRuntime | undefined {
  // Hot: what is not placed needs no call.
  const drawn = terms.placed === '' && terms.excluded.length === 0
  const chosen = drawn ? route.versions[route.split.choose(terms.keyHash)] : ownVersion(route, terms)
  if (chosen === undefined || chosen.pool.ready) return chosen
  const serving = standIn(route, chosen, terms)
  if (serving !== chosen) {
    count(serving.counters, SLOT.fallbacks, 1)
    facts.fallbackFrom = chosen.name
  }
  return serving
}

/** Who serves the clients of a version that has no ready endpoint: their next choice, or the version itself if there is none. */
export function standIn (route: RouteRuntime, chosen: VersionRuntime, { keyHash, excluded }: VersionTerms): VersionRuntime {
  if (route.policy.whenEmpty !== 'fallback') return chosen
  return nextChoice(route, keyHash, excluded) ?? chosen
}

/**
 * What becomes of a request that got no endpoint of its version.
 * @returns null when it has to wait
 */
export function withoutEndpoint (route: RouteRuntime, version: VersionRuntime): ProxyErrorCode | null {
  if (!version.pool.empty) return 'circuit_open'
  return route.policy.whenEmpty === 'hold' ? null : 'no_endpoint'
}

/** The same, for a request that may not go there yet: nothing is counted. */
export function versionFor (route: RouteRuntime, terms: VersionTerms): VersionRuntime | undefined {
  const chosen = ownVersion(route, terms)
  return chosen === undefined || chosen.pool.ready ? chosen : standIn(route, chosen, terms)
}

/** The name of the client's own version, in whose place it gets this one; empty when that is its own. */
export function fallbackFrom (route: RouteRuntime, terms: VersionTerms, version: VersionRuntime): string {
  const chosen = ownVersion(route, terms)
  return chosen === undefined || chosen === version ? '' : chosen.name
}

/**
 * The first choice of a client among the versions that have ready endpoints; if none has, among those whose endpoints are terminating and
 * still serve. These are the last resort: they are about to go, and take the request with them.
 * @param without names of versions that are no choice any more
 */
export function nextChoice (route: RouteRuntime, keyHash: number, without: readonly string[]): VersionRuntime | undefined {
  return firstOf(route, keyHash, route.readyVersions(false), without) ?? firstOf(route, keyHash, route.readyVersions(true), without)
}

function firstOf (
  { versions, split }: RouteRuntime, keyHash: number, ready: Uint8Array, without: readonly string[]
): VersionRuntime | undefined {
  if (without.length > 0) versions.forEach(({ name }, index) => { if (without.includes(name)) ready[index] = 0 })
  return versions[split.chooseAmong(keyHash, ready)]
}
