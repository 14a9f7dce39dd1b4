/** What comes of a command, as a pure function tells it. */
import type { RouteTraffic } from './traffic-state.ts'

/** Why a command was refused. */
export type TransitionErrorCode =
  | 'unknown_version'
  | 'missing_version'
  | 'invalid_weight'
  | 'all_weights_zero'
  | 'nothing_to_undo'
  | 'unknown_revision'
  | 'versions_changed'
  | 'no_rollout'
  | 'rollout_running'
  | 'rollout_not_running'
  | 'invalid_plan'

interface TransitionError {
  readonly code: TransitionErrorCode
  /** One sentence for the operator, with the remedy. */
  readonly message: string
  /** Of a rollout: what may be asked of it instead. */
  readonly possible?: readonly string[]
}

export interface Refusal {
  readonly ok: false
  readonly error: TransitionError
}

/** `changed: false` means that the route already was what the command asked for: no new epoch, no entry in the history. */
export type Transition = { readonly ok: true, readonly changed: boolean, readonly route: RouteTraffic } | Refusal

export function refusal (code: TransitionErrorCode, message: string, possible?: readonly string[]): Refusal {
  return { ok: false, error: possible === undefined ? { code, message } : { code, message, possible } }
}

export function quoted (names: readonly string[]): string {
  return names.map(name => `"${name}"`).join(', ')
}
