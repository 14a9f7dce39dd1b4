import type { Weights } from '../contract/weights.ts'
import { type ChangeAction, type ChangeMeta, MAX_HISTORY, type Revision, type RouteTraffic } from './traffic-state.ts'

/** What a change is, beside the weights that it brings. */
export interface Change extends ChangeMeta {
  readonly action: ChangeAction
  /** The latest entry of the history, if it has this revision, goes on to tell of this change too: the moves of a ramp are one entry. */
  readonly goesOnFrom?: number | null
}

/** The route with other weights, under the next epoch, with an entry in its history. */
export function newEpoch (route: RouteTraffic, after: Weights, change: Change): RouteTraffic {
  const { action, goesOnFrom = null, actor, reason, source, at } = change
  const epoch = route.epoch + 1
  const latest = route.history.at(-1)
  const goesOn = latest !== undefined && latest.revision === goesOnFrom
  const revision = goesOn ? latest.revision : route.revision + 1
  const before = goesOn ? latest.before : route.weights
  const entry: Revision = { revision, epoch, actor, reason, source, action, before, after, at }
  const earlier = goesOn ? route.history.slice(0, -1) : route.history
  return { ...route, epoch, revision, weights: after, history: [...earlier, entry].slice(-MAX_HISTORY) }
}
