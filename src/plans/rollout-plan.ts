/** What a rollout is to do: how the weights move from one version of a route to another, and by what it is judged meanwhile. */
import type { AnalysisSettings } from '../analysis/analysis-settings.ts'
import type { VersionMatchSpec } from '../contract/placement-spec.ts'

/** Which steps a plan has that names none. */
export const ROLLOUT_PRESETS = ['canary', 'blue-green', 'a-b'] as const

export type RolloutPreset = typeof ROLLOUT_PRESETS[number]

/** Which requests get the new version whatever the weights say. */
export type StepMatch = Omit<VersionMatchSpec, 'version'>

/** How many of the clients' requests are copied to the new version, 0..100. */
export interface StepMirror {
  readonly percent: number
}

/** One step of a plan. A weight is what the new version gets of what both have, 0..100. */
export type PlanStep =
  /** Waits until the new version has its endpoints. */
  | { readonly kind: 'await-endpoints' }
  /** Gives it to the new version at once. */
  | { readonly kind: 'set-weight', readonly weight: number }
  /** Moves there every second, evenly. */
  | { readonly kind: 'ramp', readonly to: number, readonly overMs: number }
  /** null: until somebody resumes. */
  | { readonly kind: 'pause', readonly durationMs: number | null }
  | AnalyseStep
  /** Takes the place of the match that the configuration has for the new version; null gives it back. */
  | { readonly kind: 'set-match', readonly match: StepMatch | null }
  /** Takes the place of the route's mirror in the configuration; null gives it back. */
  | { readonly kind: 'mirror', readonly mirror: StepMirror | null }

export const ON_UNDECIDED = ['wait', 'pass', 'fail'] as const

/**
 * At least so long and so many requests of the new version; then it ends by a pass, and `onUndecided` says what a lack of it means.
 */
export interface AnalyseStep {
  readonly kind: 'analyse'
  readonly forMs: number | null
  readonly requests: number | null
  readonly onUndecided: typeof ON_UNDECIDED[number]
}

export const STEP_KINDS = [
  'await-endpoints', 'set-weight', 'ramp', 'pause', 'analyse', 'set-match', 'mirror'
] as const satisfies ReadonlyArray<PlanStep['kind']>

/** What the new version has after a step that moves it, 0..100; undefined for any other step. */
export function shareAfter (step: PlanStep): number | undefined {
  return step.kind === 'set-weight' ? step.weight : step.kind === 'ramp' ? step.to : undefined
}

export const ON_SUCCESS = ['promote', 'keep'] as const

export interface RolloutPlan {
  readonly preset: RolloutPreset
  readonly from: string
  readonly to: string
  readonly steps: readonly PlanStep[]
  /** Behind the last step the new version gets all of what both have, or keeps what it has. */
  readonly onSuccess: typeof ON_SUCCESS[number]
  /** How long it is judged after that. */
  readonly watchMs: number
  readonly analysis: AnalysisSettings
}

/** What is wrong with a plan. */
export interface PlanFault {
  /** `steps[2].setWeight`; empty for the plan as a whole. */
  readonly place: string
  /** What is wrong and what to do, to go behind the place. */
  readonly message: string
}
