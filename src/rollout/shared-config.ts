/**
 * What the configuration of one replica means for the state that it shares with others: which of its weights are taken over, and whether
 * the state is that of its Weir at all.
 */
import { nameSome } from '../core/logger.ts'
import { sameWeights, weightOf, type Weights } from '../contract/weights.ts'
import { type ConfiguredRoute, MAX_SUPERSEDED, type RouteTraffic, type TrafficState } from './traffic-state.ts'
import { applyConfig } from './transition.ts'

/**
 * The state that replicas share, brought in line with the configuration of one of them. Routes that it does not know stay: another replica
 * may have read a newer file, or have yet to read it. Those that it knew `before` and knows no more have left the file. Weights that
 * `supersededIn` names are not taken over.
 * @param before the configuration that it had; empty at its start
 * @returns the same object when nothing changed
 */
export function applySharedConfig (
  state: TrafficState, before: readonly ConfiguredRoute[], configured: readonly ConfiguredRoute[], at: string
): TrafficState {
  const gone = new Set(before.map(({ name }) => name))
  const others: ConfiguredRoute[] = []
  for (const { name } of configured) gone.delete(name)
  const known = new Set(configured.map(({ name }) => name))
  for (const name of supersededIn(state, before, configured)) known.delete(name)
  for (const [name, { fileWeights }] of state.routes) {
    if (!known.has(name) && !gone.has(name)) others.push({ name, weights: fileWeights })
  }
  const next = applyConfig(state, [...others, ...configured.filter(({ name }) => known.has(name))], at)
  return next === state ? state : withSuperseded(state, next)
}

/**
 * The routes for which the configuration has weights that those of a newer one have superseded: a pod of the old ReplicaSet that starts
 * once more has them, and so has a replica to which the newer file has yet to come. Who had the newest ones before and has these
 * now goes back to them on purpose.
 */
export function supersededIn (
  state: TrafficState, before: readonly ConfiguredRoute[], configured: readonly ConfiguredRoute[]
): readonly string[] {
  const own = new Map(before.map(({ name, weights }) => [name, weights]))
  return configured.filter(({ name, weights }) => {
    const stored = state.routes.get(name)
    if (stored?.supersededFileWeights?.some(former => sameWeights(former, weights)) !== true) return false
    if (sameWeights(stored.fileWeights, weights)) return false
    const last = own.get(name)
    return last === undefined || !sameWeights(last, stored.fileWeights)
  }).map(({ name }) => name)
}

/** Each route of `next` remembers what its weights in the file were in `state`. */
function withSuperseded (state: TrafficState, next: TrafficState): TrafficState {
  const routes = new Map(next.routes)
  for (const [name, route] of next.routes) {
    const last = state.routes.get(name)?.fileWeights
    if (last !== undefined && !sameWeights(last, route.fileWeights)) routes.set(name, superseding(route, last))
  }
  return { ...next, routes }
}

function superseding (route: RouteTraffic, last: Weights): RouteTraffic {
  const earlier = (route.supersededFileWeights ?? []).filter(each => !sameWeights(each, last) && !sameWeights(each, route.fileWeights))
  return { ...route, supersededFileWeights: [...earlier, last].slice(-MAX_SUPERSEDED) }
}

/**
 * Why a stored state can't be that of a replica that starts with these routes: none of them is in it with a version that it has or had.
 * Undefined when it can.
 */
export function foreignTo (state: TrafficState, routes: readonly ConfiguredRoute[]): string | undefined {
  if (state.routes.size === 0 || routes.length === 0) return undefined
  const common = routes.filter(({ name }) => state.routes.has(name))
  if (common.some(({ name, weights }) => hasVersionOf(state.routes.get(name), weights))) return undefined
  const [first] = common
  if (first === undefined) {
    return `it has the routes ${nameSome([...state.routes.keys()])} and none of ${nameSome(routes.map(({ name }) => name))}: give each Weir a state.name of its own, or stop all replicas and delete the old state`
  }
  const stored = Object.keys(state.routes.get(first.name)?.fileWeights ?? {})
  return `its route ${first.name} has the versions ${nameSome(stored)} and none of ${nameSome(Object.keys(first.weights))}, and no other route has one in common either: give each Weir a state.name of its own, or, when all versions were renamed on purpose, stop all replicas and delete the old state`
}

function hasVersionOf (route: RouteTraffic | undefined, weights: Weights): boolean {
  if (route === undefined) return false
  const names = Object.keys(weights)
  return [route.fileWeights, ...(route.supersededFileWeights ?? [])].some(known => names.some(name => weightOf(known, name) !== undefined))
}
