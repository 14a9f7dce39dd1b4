/**
 * The weights that a rollout moves. Two versions share what both have together; a share is what the new one gets of it, 0..100.
 * Other versions keep their weights.
 */
import { MAX_WEIGHT, MIN_WEIGHT } from '../contract/route-spec.ts'
import { sameWeights, type Weights, weightOf } from '../contract/weights.ts'
import { newEpoch, type Change } from './new-epoch.ts'
import { MAX_SHARES, type EpochShare, type RolloutState } from './rollout-state.ts'
import type { RouteTraffic } from './traffic-state.ts'

/** A thousandth of it is a weight still. */
const MIN_SUM = 1_000 * MIN_WEIGHT

/** A route with a rollout. */
export type RolloutRoute = RouteTraffic & { readonly rollout: RolloutState }

/** The versions of a rollout. */
interface Pair {
  readonly from: string
  readonly to: string
}

/** Are both still versions of the route? */
export function hasVersions (weights: Weights, { from, to }: Pair): boolean {
  return weightOf(weights, from) !== undefined && weightOf(weights, to) !== undefined
}

/** What both have together. */
export function sumOf (weights: Weights, { from, to }: Pair): number {
  return (weightOf(weights, from) ?? 0) + (weightOf(weights, to) ?? 0)
}

/** The new version's share, 0..1; undefined when neither has any weight. */
export function shareOfNew (weights: Weights, pair: Pair): number | undefined {
  const sum = sumOf(weights, pair)
  return sum === 0 ? undefined : (weightOf(weights, pair.to) ?? 0) / sum
}

/**
 * What both may share: what they have, beside other versions with a weight; else 100, for weights that are read as percent. Undefined when
 * that is nothing, too little to be shared, or more than one of them may have alone.
 */
export function sharedSum (weights: Weights, pair: Pair): number | undefined {
  const sum = sumOf(weights, pair)
  if (sum === 0) return undefined
  const isAlone = Object.entries(weights).every(([name, weight]) => weight === 0 || name === pair.from || name === pair.to)
  if (isAlone) return 100
  return sum >= MIN_SUM && sum <= MAX_WEIGHT ? sum : undefined
}

/** The weights with `sum` shared anew. @param share 0..100 */
function withShare (weights: Weights, { from, to }: Pair, sum: number, share: number): Weights {
  const asked = rounded(sum * share / 100)
  // What is too little for a weight is none, and the other version has all then.
  const moved = asked < MIN_WEIGHT ? 0 : sum - asked < MIN_WEIGHT ? sum : asked
  return { ...weights, [from]: rounded(sum - moved), [to]: moved }
}

/** Without the digits that are an artefact of binary fractions. */
function rounded (weight: number): number {
  return Number(weight.toPrecision(12))
}

/** The shares with that of a new epoch. */
export function withEpochShare (shares: readonly EpochShare[], { epoch, weights }: RouteTraffic, pair: Pair): readonly EpochShare[] {
  const share = shareOfNew(weights, pair)
  if (share === undefined || shares.at(-1)?.epoch === epoch) return shares
  return [...shares, { epoch, share }].slice(-MAX_SHARES)
}

/** The route with other weights, its rollout with the share of the new epoch. The same route when the weights are these already. */
export function withWeights (route: RolloutRoute, weights: Weights, change: Change): RolloutRoute {
  const { plan } = route.rollout
  if (sameWeights(route.weights, weights)) return route
  const next = newEpoch(route, weights, change)
  return { ...next, rollout: { ...route.rollout, shares: withEpochShare(route.rollout.shares, next, plan) } }
}

/** Moves the new version to a share, 0..100. */
export function movedTo (route: RolloutRoute, share: number, change: Change): RolloutRoute {
  const { plan, sum } = route.rollout
  const moved = withWeights(route, withShare(route.weights, plan, sum, share), change)
  return { ...moved, rollout: { ...moved.rollout, shareTo: share } }
}

/**
 * The weights to go back to after others than the rollout have changed the weights: other versions keep what they have, and what both
 * versions of the rollout have together is shared as it was before it.
 */
export function goingBackFrom (weights: Weights, before: Weights, pair: Pair): Weights {
  const sum = sumOf(weights, pair)
  const former = sumOf(before, pair)
  if (sum === 0 || sum === former || former === 0) {
    return { ...weights, [pair.from]: weightOf(before, pair.from) ?? 0, [pair.to]: weightOf(before, pair.to) ?? 0 }
  }
  return withShare(weights, pair, Math.min(sum, MAX_WEIGHT), 100 * (weightOf(before, pair.to) ?? 0) / former)
}
