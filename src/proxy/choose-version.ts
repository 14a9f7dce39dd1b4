/**
 * Which version of a route serves a client: chosen first, fallen back after, so that a client returns when its version does.
 * What only decides is apart from what counts, so that an explanation decides by the same code.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import { count } from './finish.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** Undefined when every version has weight 0. The version may be without endpoints. */
export function chooseVersion (route: RouteRuntime, keyHash: number): VersionRuntime | undefined {
  const chosen = route.versions[route.split.choose(keyHash)]
  if (chosen === undefined || !chosen.pool.empty) return chosen
  const serving = standIn(route, chosen, keyHash)
  if (serving !== chosen) count(serving.counters, SLOT.fallbacks, 1)
  return serving
}

/** Who serves the clients of a version that has no endpoint: their next choice, or the version itself if there is none. */
export function standIn (route: RouteRuntime, chosen: VersionRuntime, keyHash: number): VersionRuntime {
  if (route.policy.whenEmpty !== 'fallback') return chosen
  return route.versions[route.split.chooseAvailable(keyHash, route.available())] ?? chosen
}

/**
 * What becomes of a request that got no endpoint of its version.
 * @returns null when it has to wait
 */
export function withoutEndpoint (route: RouteRuntime, version: VersionRuntime): ProxyErrorCode | null {
  if (!version.pool.empty) return 'circuit_open'
  return route.policy.whenEmpty === 'hold' ? null : 'no_endpoint'
}
