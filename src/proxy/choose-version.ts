/**
 * Which version of a route serves a client: chosen first, fallen back after, so that a client returns when its version does.
 */
import { SLOT } from '../telemetry/counter-layout.ts'
import { count } from './finish.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** Undefined when every version has weight 0. The version may be without endpoints. */
export function chooseVersion (route: RouteRuntime, keyHash: number): VersionRuntime | undefined {
  const split = route.split
  const chosen = route.versions[split.choose(keyHash)]
  if (chosen === undefined || !chosen.pool.empty || route.policy.whenEmpty !== 'fallback') return chosen
  const next = route.versions[split.chooseAvailable(keyHash, route.available())]
  if (next === undefined) return chosen
  count(next.counters, SLOT.fallbacks, 1)
  return next
}
