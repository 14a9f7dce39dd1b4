/** What a rollout has in force beside its weights: the match by which requests get the new version, and the copies that it gets. */
import { isDeepStrictEqual } from 'node:util'
import { sameWeights, weightOf } from '../contract/weights.ts'
import type { StepMatch, StepMirror } from '../plans/rollout-plan.ts'
import { type Change, newEpoch } from './new-epoch.ts'
import { type RolloutRoute, withEpochShare } from './rollout-shares.ts'
import { isLive, type RolloutState } from './rollout-state.ts'
import type { RouteSplit, RouteTraffic } from './traffic-state.ts'

interface Beside {
  readonly match: StepMatch | null
  readonly mirror: StepMirror | null
}

export const NOTHING_BESIDE: Beside = { match: null, mirror: null }

/** Is there anything in force beside the weights? */
export function hasBeside (rollout: RolloutState | undefined): boolean {
  return rollout !== undefined && (rollout.match !== null || rollout.mirror !== null)
}

/** Has a rollout that is over left a match or a mirror? It lasts until somebody changes the weights or begins another one. */
export function keepsBeside ({ rollout }: RouteTraffic): boolean {
  return !isLive(rollout) && hasBeside(rollout)
}

/**
 * The route with another match or mirror of its rollout, under an epoch of its own; or under the one that there is, when that is newer than
 * `seenEpoch` and nobody has seen it yet: what belongs together is told together.
 */
export function withBeside (route: RolloutRoute, fields: Partial<Beside>, change: Change, seenEpoch: number): RolloutRoute {
  const { rollout } = route
  const { match, mirror, plan, shares } = { ...rollout, ...fields }
  if (isDeepStrictEqual(match, rollout.match) && isDeepStrictEqual(mirror, rollout.mirror)) return route
  if (route.epoch > seenEpoch) return { ...route, rollout: { ...rollout, match, mirror } }
  const next = newEpoch(route, route.weights, change)
  return { ...next, rollout: { ...rollout, match, mirror, shares: withEpochShare(shares, next, plan) } }
}

/** What the workers are told of a route. */
export function splitOf (route: string, { epoch, weights, salt = '', rollout }: RouteTraffic): RouteSplit {
  const split = { route, epoch, weights, salt }
  // A configuration without the version may be in force here, and not where the rollout is led.
  if (rollout === undefined || weightOf(weights, rollout.plan.to) === undefined) return split
  const { match, mirror, plan: { to } } = rollout
  return {
    ...split,
    ...(match === null ? {} : { match: { version: to, ...match } }),
    ...(mirror === null ? {} : { mirror: { to, ...mirror } })
  }
}

/** Are the weights the same, and what is in force beside them? */
export function isSameSplit (left: RouteSplit, right: RouteSplit): boolean {
  return left.epoch === right.epoch && sameWeights(left.weights, right.weights) &&
    isDeepStrictEqual([left.match, left.mirror], [right.match, right.mirror])
}
