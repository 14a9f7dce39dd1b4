/** A rollout of a route as it is stored, and what may happen to it. rollout-transition.ts makes new ones. */
import type { StoredEvidence } from '../analysis/stored-evidence.ts'
import type { Verdict } from '../analysis/verdict.ts'
import type { Weights } from '../contract/weights.ts'
import type { RolloutPlan, StepMatch, StepMirror } from '../plans/rollout-plan.ts'
import type { SeenVersions } from './seen-versions.ts'

/**
 * Progressing: a step runs, or the watch behind the last one. Paused: it waits for a person or for time. The rest are ends: Healthy,
 * Degraded (failed and back at the old weights), Aborted (by a person, or for want of a version).
 */
export const ROLLOUT_PHASES = ['Progressing', 'Paused', 'Healthy', 'Degraded', 'Aborted'] as const

export type RolloutPhase = typeof ROLLOUT_PHASES[number]

/** Who has paused it: its own pause step, a person, weights set by hand, or failures of both versions alike. */
export const PAUSE_CAUSES = ['step', 'person', 'weights', 'both-fail'] as const

/** The new version's share of what both have under an epoch, 0..1. */
export interface EpochShare {
  readonly epoch: number
  readonly share: number
}

/** A verdict, as far as it is kept. */
export interface VerdictRecord extends Pick<Verdict, 'verdict' | 'reason' | 'from' | 'to'> {
  /** Which rule speaks: of the analysis, of the plan, or of another Weir that has stored it. */
  readonly code: string
}

/** What the steps have to know of what the analysis says now. */
export type Judgement = VerdictRecord & Pick<Verdict, 'pause'>

export interface RolloutState {
  readonly id: string
  readonly plan: RolloutPlan
  readonly phase: RolloutPhase
  /** The place in plan.steps; their number: the watch behind the last one. */
  readonly step: number
  /** Spent in this step, in milliseconds of monotonic time; a pause that is not the step's own left out. */
  readonly stepMs: number
  /** The requests of the new version that the analysis had counted when an analyse step began; null: not known yet. */
  readonly stepRequests: number | null
  /** The new version's share when a ramp began, 0..100; null in any other step. */
  readonly rampFrom: number | null
  /** The entry of the history that tells of all moves of a ramp; null: it has not moved yet. */
  readonly rampRevision: number | null
  /** What the new version has by the plan of what both have, 0..100. */
  readonly shareTo: number
  /** Takes the place of the new version's match in the configuration; null: that one holds. */
  readonly match: StepMatch | null
  /** Takes the place of the route's mirror in the configuration; null: that one holds. */
  readonly mirror: StepMirror | null
  /** What both have together, as weights. */
  readonly sum: number
  /** The weights to go back to. Other versions have in it what they have now. */
  readonly before: Weights
  /** The newest last, at most `MAX_SHARES`. */
  readonly shares: readonly EpochShare[]
  /** null unless it is Paused. */
  readonly pausedBy: typeof PAUSE_CAUSES[number] | null
  /** Of the start. ISO 8601, UTC; for display only. */
  readonly startedAt: string
  /** Of the present phase and step. */
  readonly since: string
  /** Who made the latest change, and why. */
  readonly actor: string
  readonly reason: string
  /** Why it failed, paused or passed; null: nothing has been decided yet. */
  readonly verdict: VerdictRecord | null
  /** What both versions have served, for the report; it stays when the rollout is over. null: nothing was counted yet. */
  readonly seen: SeenVersions | null
  /** What the analysis has, so that another one can go on; null when there is none, or it is over. */
  readonly evidence: StoredEvidence | null
}

/** One that runs. */
type LiveRollout = RolloutState & { readonly phase: 'Progressing' | 'Paused' }

/** The epochs whose shares are kept. */
export const MAX_SHARES = 64

export type RolloutEvent =
  /** @param salt of the split, should it draw a new cohort */
  | { readonly type: 'start', readonly plan: RolloutPlan, readonly id: string, readonly salt: string }
  | RolloutAdvance
  /** Keeps time and evidence. Nothing else changes, and no epoch is raised. */
  | {
    readonly type: 'evidence'
    readonly id: string
    readonly step: number
    readonly stepMs: number
    readonly evidence: StoredEvidence
    readonly seen?: SeenVersions
  }
  | { readonly type: 'pause', readonly seen?: SeenVersions }
  | { readonly type: 'resume', readonly seen?: SeenVersions }
  /** On to the next step; with `full` to the watch behind the last. */
  | { readonly type: 'promote', readonly full: boolean, readonly seen?: SeenVersions }
  | { readonly type: 'abort', readonly seen?: SeenVersions }
  /** The same plan from its first step. */
  | { readonly type: 'retry', readonly id: string, readonly salt: string }

/** Time has passed. It changes the state only when a step, the phase or a weight does; time alone is kept by `evidence`. */
export interface RolloutAdvance {
  readonly type: 'advance'
  /** The rollout that is meant; another one is left alone. */
  readonly id: string
  /** Monotonic milliseconds beyond what the state has in `stepMs`. */
  readonly elapsedMs: number
  /** null: there is none yet. */
  readonly verdict: Judgement | null
  /** The new version has its endpoints. */
  readonly toReady: boolean
  /** The requests of the new version that the analysis has counted in this rollout. */
  readonly requestsTo: number
  /** Stored with what changes; without it the former evidence stays. */
  readonly evidence?: StoredEvidence
  /** Stored with what changes, also with the end. */
  readonly seen?: SeenVersions
}

/** Does it run: Progressing or Paused, the watch included? */
export function isLive (state: RolloutState | undefined): state is LiveRollout {
  return state !== undefined && (state.phase === 'Progressing' || state.phase === 'Paused')
}

/** How long the pause of the plan lasts in which it is; null when it is in none, or in one that a person ends. */
export function timedPauseMs ({ pausedBy, plan, step }: RolloutState): number | null {
  const now = plan.steps[step]
  return pausedBy === 'step' && now?.kind === 'pause' ? now.durationMs : null
}
