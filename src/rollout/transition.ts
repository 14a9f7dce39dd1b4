/**
 * How the traffic state changes: pure functions, so that every rule about weights, epochs and history is in one place
 * and can be tested without a store or a worker.
 */
import { assertNever } from '../core/assert-never.ts'
import { MAX_WEIGHT, MIN_WEIGHT } from '../contract/route-spec.ts'
import { isAllZero, sameVersions, sameWeights, weightOf, type Weights } from '../contract/weights.ts'
import {
  beforeRollout, hasMovedNothing, withImportedEpoch, withOthersWeights, withRolloutOf, withRolloutSeen
} from './rollout-interference.ts'
import { keepsBeside } from './beside-weights.ts'
import { changeRollout } from './rollout-transition.ts'
import type { ChangeMeta, ConfiguredRoute, Revision, RouteTraffic, TrafficCommand, TrafficState } from './traffic-state.ts'
import { MAX_COUNT, MAX_HISTORY_TOTAL, MIN_HISTORY } from './traffic-state.ts'
import { quoted, refusal, type Refusal, type Transition } from './transition-result.ts'

type Weighed = { readonly ok: true, readonly weights: Weights } | Refusal

/** Applies a command to one route. */
export function changeRoute (route: RouteTraffic, command: TrafficCommand, meta: ChangeMeta): Transition {
  if (command.type === 'rollout') return changeRollout(route, command.event, meta)
  const asked = weigh(route, command)
  if (!asked.ok) return asked
  if (sameWeights(asked.weights, route.weights) && !keepsBeside(route)) return { ok: true, changed: false, route }
  return { ok: true, changed: true, route: withOthersWeights(route, asked.weights, { ...meta, action: command.type }) }
}

/**
 * Brings the state in line with the configuration file. Weights in the file are where a route starts; weights set at run
 * time win until the file's own weights for that route change. A version added or removed is such a change. A route that
 * left the file is forgotten.
 * @returns the same object when nothing changed
 */
export function applyConfig (state: TrafficState, configured: readonly ConfiguredRoute[], at: string): TrafficState {
  const meta: ChangeMeta = { actor: 'config', reason: 'the weights in the configuration changed', source: 'config', at }
  const routes = new Map<string, RouteTraffic>()
  const kept = new Set(configured.map(route => route.name))
  let epochFloor = state.epochFloor
  for (const [name, route] of state.routes) {
    if (!kept.has(name)) epochFloor = Math.max(epochFloor, route.epoch)
  }
  let changed = false
  for (const { name, weights } of configured) {
    const known = state.routes.get(name)
    const route = known === undefined ? firstSight(weights, epochFloor, at) : withFileWeights(known, weights, meta)
    changed ||= route !== known
    routes.set(name, route)
  }
  if (!changed && routes.size === state.routes.size) return state
  return trimHistory({ routes, epochFloor })
}

/**
 * What a replica serves of the state that it shares: its own routes, with the weights that are stored. Where the versions of a route are
 * not those of its own file, which is older or newer than that of whoever wrote last, each gets what is stored for its name; the file's
 * weights decide when nothing is left of them.
 * @param fallback what is served of a route that is not stored
 */
export function ownView (
  state: TrafficState, configured: readonly ConfiguredRoute[], fallback: TrafficState, at: string
): TrafficState {
  const missing = applyConfig({ routes: new Map(), epochFloor: state.epochFloor }, configured, at)
  const routes = new Map<string, RouteTraffic>()
  for (const { name, weights } of configured) {
    const stored = state.routes.get(name)
    const route = stored === undefined ? fallback.routes.get(name) ?? missing.routes.get(name) : withVersionsOf(stored, weights)
    if (route !== undefined) routes.set(name, route)
  }
  return { routes, epochFloor: state.epochFloor }
}

function withVersionsOf (route: RouteTraffic, fileWeights: Weights): RouteTraffic {
  if (sameVersions(fileWeights, route.weights)) return route
  const weights = Object.fromEntries(Object.keys(fileWeights).map(name => [name, weightOf(route.weights, name) ?? 0]))
  return withRolloutSeen({ ...route, weights: isAllZero(weights) ? fileWeights : weights, fileWeights })
}

/**
 * The state with the routes of another one, as it was taken out of another store: their weights and histories, under epochs that no replica
 * has seen. Routes that only `state` has stay.
 */
export function withImported (state: TrafficState, imported: TrafficState): TrafficState {
  const epochFloor = Math.max(state.epochFloor, imported.epochFloor)
  const routes = new Map(state.routes)
  for (const [name, route] of imported.routes) {
    const known = state.routes.get(name)
    const epoch = Math.max(route.epoch, epochFloor + 1, known === undefined ? 0 : known.epoch + 1)
    routes.set(name, withImportedEpoch(route, epoch))
  }
  return trimHistory({ routes, epochFloor })
}

/** Has somebody changed the weights without an entry in the history? */
export function wasEdited ({ weights, history }: RouteTraffic): boolean {
  const latest = history.at(-1)
  return latest !== undefined && !sameWeights(latest.after, weights)
}

/** Somebody has changed the ConfigMap. */
export function editedAt (at: string): ChangeMeta {
  return { actor: 'kubernetes', reason: 'the ConfigMap was edited', source: 'kubernetes', at }
}

/**
 * Weights that were edited by hand, where the state is stored, become changes like others.
 * @returns the same object when there are none
 */
export function recordEdits (state: TrafficState, at: string): TrafficState {
  let recorded = state
  for (const [name, route] of state.routes) {
    const before = route.history.at(-1)?.after
    if (before === undefined || !wasEdited(route)) continue
    const edited = withOthersWeights({ ...route, weights: before }, route.weights, { ...editedAt(at), action: 'weights' })
    recorded = withRoute(recorded, name, edited)
  }
  return recorded
}

/**
 * What was written over a state by somebody who did not go on from it: an older copy, a cluster that was restored from a backup. Its
 * weights are a change of those that were in force: no epoch is used twice, and no history lost. Weights of which all are 0 are not taken.
 * A route that was taken out of it without a trace is there still.
 * @param known what this replica has read before
 * @returns `written` when it goes on from it
 */
export function goingOnFrom (known: TrafficState, written: TrafficState, meta: ChangeMeta): TrafficState {
  const epochFloor = Math.max(known.epochFloor, written.epochFloor)
  const routes = new Map(written.routes)
  for (const [name, before] of known.routes) {
    const after = written.routes.get(name)
    if (after !== undefined) routes.set(name, oneGoingOn(before, after, meta))
    // Whoever takes a route away raises the floor above it.
    else if (before.epoch > written.epochFloor) routes.set(name, before)
  }
  const isSame = epochFloor === written.epochFloor && [...routes].every(([name, route]) => written.routes.get(name) === route)
  return isSame ? written : { routes, epochFloor }
}

function oneGoingOn (before: RouteTraffic, after: RouteTraffic, meta: ChangeMeta): RouteTraffic {
  const isChanged = !sameWeights(before.weights, after.weights)
  if (after.epoch > before.epoch || (after.epoch === before.epoch && (!isChanged || wasEdited(after)))) return after
  if (isChanged && meta.source === 'kubernetes' && !mayBeEdited(before, after.weights)) return before
  const known = sameWeights(before.fileWeights, after.fileWeights) ? before : { ...before, fileWeights: after.fileWeights }
  if (!isChanged) return known
  const next = withOthersWeights(known, after.weights, { ...meta, action: 'weights' })
  return meta.source === 'config' ? withRolloutOf(next, after) : next
}

/** Weights that would serve nobody are those of a configuration or none; and the change needs an epoch. */
function mayBeEdited ({ epoch, revision }: RouteTraffic, weights: Weights): boolean {
  return !isAllZero(weights) && Math.max(epoch, revision) < MAX_COUNT
}

/** The state with one route replaced, its history kept within bounds. */
export function withRoute (state: TrafficState, name: string, route: RouteTraffic): TrafficState {
  return trimHistory({ ...state, routes: new Map(state.routes).set(name, route) })
}

function weigh (route: RouteTraffic, command: Exclude<TrafficCommand, { readonly type: 'rollout' }>): Weighed {
  switch (command.type) {
    case 'weights': return checkWeights(route.fileWeights, command.weights)
    case 'switch': return allTo(route.fileWeights, command.to)
    case 'undo': return earlierWeights(route, command.revision)
    default: return assertNever(command)
  }
}

function checkWeights (versions: Weights, asked: Weights): Weighed {
  const names = Object.keys(versions)
  const unknown = Object.keys(asked).filter(name => weightOf(versions, name) === undefined)
  if (unknown.length > 0) {
    return refusal('unknown_version', `the route has no version ${quoted(unknown)}; it has ${quoted(names)}`)
  }
  const missing = names.filter(name => weightOf(asked, name) === undefined)
  if (missing.length > 0) {
    return refusal('missing_version', `every version of the route needs a weight; ${quoted(missing)} ${missing.length === 1 ? 'is' : 'are'} missing: give 0 to take a version out`)
  }
  const weights: Record<string, number> = {}
  for (const name of names) {
    const weight = weightOf(asked, name) ?? Number.NaN
    if (!isWeight(weight)) {
      return refusal('invalid_weight', `the weight of "${name}" is ${String(weight)}; it has to be 0 or a number from ${MIN_WEIGHT.toFixed(6)} to ${MAX_WEIGHT}`)
    }
    // Adding 0 turns -0 into 0.
    weights[name] = weight + 0
  }
  return requireTraffic(weights)
}

/** Is this a weight that a route may have? */
export function isWeight (weight: number): boolean {
  return weight === 0 || (weight >= MIN_WEIGHT && weight <= MAX_WEIGHT)
}

function allTo (versions: Weights, to: string): Weighed {
  const names = Object.keys(versions)
  if (weightOf(versions, to) === undefined) return refusal('unknown_version', `the route has no version "${to}"; it has ${quoted(names)}`)
  return { ok: true, weights: Object.fromEntries(names.map(name => [name, name === to ? 100 : 0])) }
}

function earlierWeights (route: RouteTraffic, revision: number | undefined): Weighed {
  if (revision === undefined && hasMovedNothing(route)) {
    return refusal('nothing_to_undo', 'a rollout runs and has moved no weight yet: abort it, which takes back what else it has put in force')
  }
  // A match or mirror of a rollout comes and goes without moving weights.
  const latest = route.history.findLast(({ before, after }) => !sameWeights(before, after))
  let weights: Weights
  const beforeIt = revision === undefined ? beforeRollout(route) : undefined
  if (beforeIt !== undefined) {
    weights = beforeIt
  } else if (revision === undefined) {
    if (latest === undefined || Object.keys(latest.before).length === 0) {
      return refusal('nothing_to_undo', 'the weights of the route were never changed')
    }
    weights = latest.before
  } else {
    const found = route.history.find(entry => entry.revision === revision)
    if (found === undefined) {
      return refusal('unknown_revision', `revision ${revision} is not in the history, which goes from ${route.history[0]?.revision ?? 0} to ${route.revision}`)
    }
    weights = found.after
  }
  const now = Object.keys(route.fileWeights)
  const then = Object.keys(weights)
  if (!sameVersions(route.fileWeights, weights)) {
    return refusal('versions_changed', `the route had the versions ${quoted(then)} then and has ${quoted(now)} now; set the weights instead`)
  }
  return requireTraffic(weights)
}

function requireTraffic (weights: Weights): Weighed {
  if (isAllZero(weights)) {
    return refusal('all_weights_zero', 'at least one version needs a weight above 0, or nobody would be served')
  }
  return { ok: true, weights }
}

function firstSight (weights: Weights, epochFloor: number, at: string): RouteTraffic {
  const epoch = epochFloor + 1
  const first: Revision = {
    revision: 1,
    epoch,
    actor: 'config',
    reason: 'the route is new in the configuration',
    source: 'config',
    action: 'config',
    before: {},
    after: weights,
    at
  }
  return { epoch, revision: 1, weights, fileWeights: weights, history: [first] }
}

function withFileWeights (route: RouteTraffic, fileWeights: Weights, meta: ChangeMeta): RouteTraffic {
  if (sameWeights(route.fileWeights, fileWeights)) return route
  const known = { ...route, fileWeights }
  return sameWeights(route.weights, fileWeights) ? known : withOthersWeights(known, fileWeights, { ...meta, action: 'config' })
}

/** Takes the oldest entries of the longest histories until all routes together are within the bound. */
function trimHistory (state: TrafficState): TrafficState {
  let excess = -MAX_HISTORY_TOTAL
  let longest = 0
  for (const route of state.routes.values()) {
    excess += route.history.length
    longest = Math.max(longest, route.history.length)
  }
  if (excess <= 0 || longest <= MIN_HISTORY) return state
  const routes = new Map(state.routes)
  for (let length = longest; length > MIN_HISTORY && excess > 0; length--) {
    for (const [name, route] of routes) {
      if (excess <= 0) break
      if (route.history.length < length) continue
      routes.set(name, { ...route, history: route.history.slice(1 - length) })
      excess -= 1
    }
  }
  return { ...state, routes }
}
