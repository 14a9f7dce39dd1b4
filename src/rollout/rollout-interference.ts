/** What others than a rollout do to its weights: people who set them by hand, and the configuration. */
import { sameWeights, type Weights, weightOf } from '../contract/weights.ts'
import { type Change, newEpoch } from './new-epoch.ts'
import { hasBeside, NOTHING_BESIDE } from './beside-weights.ts'
import { goingBackFrom, shareOfNew, withEpochShare } from './rollout-shares.ts'
import { isLive, MAX_SHARES, type RolloutState } from './rollout-state.ts'
import type { ChangeMeta, RouteTraffic } from './traffic-state.ts'

/**
 * Sets weights that are not those of a rollout: by hand, or of the configuration. One that runs is paused; it is aborted when one of its
 * versions has left the route.
 */
export function withOthersWeights (route: RouteTraffic, after: Weights, change: Change): RouteTraffic {
  return interrupted(newEpoch(route, after, change), change)
}

function interrupted (route: RouteTraffic, { actor, reason, at }: ChangeMeta): RouteTraffic {
  const { rollout } = route
  // What one that is over has left goes with the weights that it has left.
  if (rollout !== undefined && !isLive(rollout) && hasBeside(rollout)) return { ...route, rollout: { ...rollout, ...NOTHING_BESIDE } }
  if (!isLive(rollout)) return route
  const gone = goneOf(rollout, route.weights)
  if (gone !== undefined) return { ...route, rollout: { ...withoutVersion(rollout, gone), since: at, actor } }
  return {
    ...route,
    rollout: {
      ...rollout,
      phase: 'Paused',
      pausedBy: 'weights',
      before: goingBackFrom(route.weights, rollout.before, rollout.plan),
      shares: withEpochShare(rollout.shares, route, rollout.plan),
      since: at,
      actor,
      reason: reason === '' ? 'the weights were set by hand' : reason
    }
  }
}

function goneOf ({ plan: { from, to } }: RolloutState, weights: Weights): string | undefined {
  return [from, to].find(name => weightOf(weights, name) === undefined)
}

function withoutVersion (rollout: RolloutState, gone: string): RolloutState {
  return { ...rollout, ...NOTHING_BESIDE, phase: 'Aborted', pausedBy: null, evidence: null, reason: `the configuration has no version "${gone}" any more` }
}

/** The rollout as it is where the route has these versions: a replica whose configuration is older or newer. */
export function withRolloutSeen (route: RouteTraffic): RouteTraffic {
  const { rollout, weights } = route
  if (!isLive(rollout)) return route
  const gone = goneOf(rollout, weights)
  if (gone !== undefined) return { ...route, rollout: withoutVersion(rollout, gone) }
  return { ...route, rollout: { ...rollout, before: goingBackFrom(weights, rollout.before, rollout.plan) } }
}

/** The route under an epoch that it has not come to by a change: a rollout counts its shares from there. */
export function withImportedEpoch (route: RouteTraffic, epoch: number): RouteTraffic {
  const moved = { ...route, epoch }
  const { rollout } = moved
  return isLive(rollout) ? { ...moved, rollout: { ...rollout, shares: withEpochShare([], moved, rollout.plan) } } : moved
}

/** The rollout of a configuration that was not used after all goes on as it was before it, under the epoch that there is now. */
export function withRolloutOf (route: RouteTraffic, former: RouteTraffic): RouteTraffic {
  const { rollout: dropped, ...bare } = route
  const { rollout } = former
  if (rollout === undefined) return dropped === undefined ? route : bare
  return { ...bare, rollout: isLive(rollout) ? { ...rollout, shares: withEpochShare(rollout.shares, route, rollout.plan) } : rollout }
}

/** The weights from before a rollout that was the last to change them: what an undo returns to. */
export function beforeRollout ({ rollout, epoch }: RouteTraffic): Weights | undefined {
  if (rollout === undefined || isLive(rollout) || rollout.shares.at(-1)?.epoch !== epoch) return undefined
  return shareOfNew(rollout.before, rollout.plan) === undefined ? undefined : rollout.before
}

/** Does a rollout run that has put something in force, and moved no weight? What an undo would find is older than it. */
export function hasMovedNothing ({ rollout, epoch, history }: RouteTraffic): boolean {
  const first = rollout?.shares[0]?.epoch
  if (!isLive(rollout) || first === undefined || rollout.shares.length === MAX_SHARES || first === epoch) return false
  return history.every(entry => entry.epoch <= first || sameWeights(entry.before, entry.after))
}
