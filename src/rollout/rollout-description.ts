/** A rollout for people and the API: what is done, what it waits for, and how it stands in one sentence. */
import { assertNever } from '../core/assert-never.ts'
import { formatDuration } from '../core/duration.ts'
import { shareAfter } from '../plans/rollout-plan.ts'
import type { RolloutStatus } from './rollout-control.ts'
import { type RolloutState, timedPauseMs } from './rollout-state.ts'
import { stepText } from './step-text.ts'

/** What a status has of the state alone. */
type RolloutDescription = Omit<
  RolloutStatus, 'route' | 'weights' | 'epoch' | 'plan' | 'defaultDiffers' | 'pending' | 'verdict' | 'evidence'
>

export function describeRollout (state: RolloutState): RolloutDescription {
  const { id, phase, plan, step, since, startedAt, shareTo, actor, reason } = state
  const waitsFor = waitOf(state)
  return {
    id,
    phase,
    from: plan.from,
    to: plan.to,
    step,
    steps: plan.steps.map((each, index) => ({
      kind: each.kind,
      text: stepText(each),
      weight: shareAfter(each) ?? null,
      state: index < step ? 'done' : index === step && waitsFor !== null ? 'now' : 'ahead'
    })),
    waitsFor,
    since,
    startedAt,
    sentence: sentenceOf(state, waitsFor),
    shareTo,
    actor,
    reason
  }
}

/** Null when it is over. */
function waitOf (state: RolloutState): string | null {
  switch (state.phase) {
    case 'Progressing': return stepWait(state)
    case 'Paused': return pauseWait(state)
    case 'Healthy':
    case 'Degraded':
    case 'Aborted': return null
    default: return assertNever(state.phase)
  }
}

function stepWait ({ plan, step, stepMs }: RolloutState): string {
  const now = plan.steps[step]
  switch (now?.kind) {
    case undefined: return `the watch to end, in ${left(plan.watchMs, stepMs)}`
    case 'await-endpoints': return `the endpoints of ${plan.to}`
    case 'ramp': return `the ramp to ${now.to} %, in ${left(now.overMs, stepMs)}`
    case 'analyse': return now.forMs !== null && stepMs < now.forMs ? `the analysis, at least ${left(now.forMs, stepMs)} more` : 'a pass'
    case 'pause': return now.durationMs === null ? 'somebody to resume it' : left(now.durationMs, stepMs)
    case 'set-weight': return 'the weights to be stored'
    default: return assertNever(now)
  }
}

function pauseWait (state: RolloutState): string {
  const pauseMs = timedPauseMs(state)
  return pauseMs === null ? 'somebody to resume it' : `the pause to end, in ${left(pauseMs, state.stepMs)}`
}

/** Whole seconds. */
function left (ofMs: number, spentMs: number): string {
  return formatDuration(Math.ceil(Math.max(0, ofMs - spentMs) / 1_000) * 1_000)
}

function sentenceOf (state: RolloutState, waitsFor: string | null): string {
  const { phase, plan: { from, to, steps }, step, shareTo, reason, verdict } = state
  const share = `${to} has ${Number(shareTo.toFixed(2))} % of what it shares with ${from}`
  const place = step < steps.length ? `step ${step + 1} of ${steps.length}` : 'behind the last step'
  switch (phase) {
    case 'Progressing': return `${share}, ${place}: waits for ${waitsFor ?? ''}`
    case 'Paused': return `${share}, ${place}, paused ${pauseCause(state)}: waits for ${waitsFor ?? ''}`
    case 'Healthy': return `${to} has come through all steps; ${share}`
    case 'Degraded': return `${to} has failed and the weights are back: ${verdict?.reason ?? reason}`
    case 'Aborted': return `it was aborted and the weights are back${reason === '' ? '' : `: ${reason}`}`
    default: return assertNever(phase)
  }
}

function pauseCause ({ pausedBy, actor }: RolloutState): string {
  switch (pausedBy) {
    case null:
    case 'step': return 'by the plan'
    case 'person': return `by ${actor}`
    case 'weights': return `because ${actor} has set other weights`
    case 'both-fail': return 'because both versions fail alike'
    default: return assertNever(pausedBy)
  }
}
