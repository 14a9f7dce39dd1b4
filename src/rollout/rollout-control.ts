/** What the admin API, and through it the command line, asks of the rollouts: the port between them and the engine. */
import type { Verdict } from '../analysis/verdict.ts'
import type { Weights } from '../contract/weights.ts'
import type { PlanStep } from '../plans/rollout-plan.ts'
import type { ChangeErrorCode, ChangeOptions } from './change-result.ts'
import type { EvidenceCoverage } from './rollout-ports.ts'
import type { RolloutReport } from './rollout-report.ts'
import type { RolloutPhase, VerdictRecord } from './rollout-state.ts'
import type { SplitReceipt } from './traffic-state.ts'

/** What a person may do with a rollout. */
export type RolloutAction =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** To the next step; `full`: all the way, at once. */
  | { readonly type: 'promote', readonly full: boolean }
  /** Back to the weights from before. */
  | { readonly type: 'abort' }
  /** The same plan again, after it failed or was aborted. */
  | { readonly type: 'retry' }

/** Who asks, and why, in one line. */
export interface RolloutMeta {
  readonly actor: string
  readonly reason: string
}

type RolloutErrorCode = ChangeErrorCode | 'no_rollout' | 'rollout_running' | 'rollout_not_running' | 'invalid_plan' | 'no_plan'

export interface RolloutError {
  readonly code: RolloutErrorCode
  /** One sentence with the remedy. */
  readonly message: string
  /** The epoch of the route, where there is one. */
  readonly epoch?: number
  /** The actions that are possible instead: `start`, `pause`, `resume` and so on. */
  readonly possible?: readonly string[]
  /** With `invalid_plan`: every fault, at its place in the plan, such as `steps[2].setWeight`. */
  readonly faults?: ReadonlyArray<{ readonly place: string, readonly message: string }>
}

export type RolloutResult =
  | {
    readonly ok: true
    /** False when it was so already. */
    readonly changed: boolean
    readonly status: RolloutStatus
    readonly epoch: number
    /** Resolves when the workers have applied the weights or the time is over; never rejects. */
    readonly published: Promise<SplitReceipt>
  }
  | { readonly ok: false, readonly error: RolloutError }

/** One step of the plan. */
interface RolloutStepStatus {
  readonly kind: PlanStep['kind']
  /** A few words for people: `weight 25 %`, `ramp to 100 % over 10m`, `pause 10m`, `analyse 2m`. */
  readonly text: string
  /** The share that `to` has when the step is done, 0 to 100; null: the step does not move it. */
  readonly weight: number | null
  readonly state: 'done' | 'now' | 'ahead'
}

/** A rollout as it stands. */
export interface RolloutStatus {
  readonly id: string
  readonly route: string
  readonly phase: RolloutPhase
  readonly from: string
  readonly to: string
  /** The index of the present step; the number of steps: all are done, and the new version is watched or it is over. */
  readonly step: number
  readonly steps: readonly RolloutStepStatus[]
  /** In a few words; null when it is over. */
  readonly waitsFor: string | null
  /** Since when it is in this phase and step. ISO 8601, UTC. */
  readonly since: string
  readonly startedAt: string
  /** What a person wants to know, in one sentence. */
  readonly sentence: string
  /** The share that the plan gives `to` now, 0 to 100. */
  readonly shareTo: number
  /** Those of the route now. */
  readonly weights: Weights
  readonly epoch: number
  /** Who has made the latest change of the rollout, and why. */
  readonly actor: string
  readonly reason: string
  /** The plan as people write it. */
  readonly plan: unknown
  /** The default plan of the configuration is another one than the plan of this rollout was made from. */
  readonly defaultDiffers: boolean
  /** What may be asked of it now: `pause`, `retry` and so on; `undo`: the weights are still those that it has ended with. */
  readonly possible: readonly string[]
  /** What can't be stored, and why: a change that is in force all the same, or that it stays at its step; null: all is stored. */
  readonly pending: string | null
  readonly verdict: StatedVerdict | null
  /** Whose evidence the verdict rests on; null: there is one replica alone, or the rollout is over. */
  readonly evidence: StatedEvidence | null
}

interface StatedEvidence extends Omit<EvidenceCoverage, 'of'> {
  /** This replica makes the steps, by the evidence of all; if not, it judges by its own and can only fail the rollout. */
  readonly leads: boolean
  /** The replicas that there are, as far as is known; null: this one does not ask them. */
  readonly of: number | null
}

/** A verdict, with its numbers as far as they are kept: all of them while the rollout runs. */
export type StatedVerdict = Pick<VerdictRecord, 'verdict' | 'code' | 'reason'> & Partial<Omit<Verdict, 'verdict' | 'code' | 'reason'>>

export interface RolloutControl {
  /**
   * Starts one.
   * @param plan as people write it; undefined: the default plan of the configuration
   */
  start (route: string, plan: unknown, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult>
  act (route: string, action: RolloutAction, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult>
  /** Undefined: there never was one, or there is no such route. */
  status (route: string): RolloutStatus | undefined
  /** Of the rollout that runs; of the last one, as recorded. */
  verdict (route: string): StatedVerdict | undefined
  /** Both versions side by side; undefined as with `status`. */
  report (route: string): RolloutReport | undefined
}
