/** A rollout for people and the API: what is done, what it waits for, and how it stands in one sentence. */
import { assertNever } from '../core/assert-never.ts'
import { formatDuration } from '../core/duration.ts'
import { shareAfter } from '../plans/rollout-plan.ts'
import { matchText } from '../plans/write-match.ts'
import type { RolloutStatus } from './rollout-control.ts'
import { sameWeights } from '../contract/weights.ts'
import { hasVersions, type RolloutRoute, shareOfNew } from './rollout-shares.ts'
import { type RolloutState, timedPauseMs } from './rollout-state.ts'
import { stepText } from './step-text.ts'

/** What a status has of the state alone. */
type RolloutDescription = Omit<
  RolloutStatus, 'route' | 'weights' | 'epoch' | 'plan' | 'defaultDiffers' | 'possible' | 'pending' | 'verdict' | 'evidence'
>

export function describeRollout (route: RolloutRoute): RolloutDescription {
  const state = route.rollout
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
    sentence: sentenceOf(route, waitsFor),
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
    case 'set-weight':
    case 'set-match':
    case 'mirror': return 'the step to be stored'
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

function sentenceOf (route: RolloutRoute, waitsFor: string | null): string {
  const state = route.rollout
  const { phase, plan: { to, steps }, step, reason, verdict } = state
  const share = `${to} has ${shareText(route)}${besideText(state)}`
  const place = step < steps.length ? `step ${step + 1} of ${steps.length}` : 'behind the last step'
  switch (phase) {
    case 'Progressing': return `${share}, ${place}: waits for ${waitsFor ?? ''}`
    case 'Paused': return `${share}, ${place}, paused ${pauseCause(state)}: waits for ${waitsFor ?? ''}`
    case 'Healthy': return `${to} has come through all steps; ${hasItsShare(route) ? share : 'the weights were changed afterwards'}`
    case 'Degraded': return `${to} has failed${backText(route)}: ${verdict?.reason ?? reason}`
    case 'Aborted': return `it was aborted${backText(route)}${reason === '' ? '' : `: ${reason}`}`
    default: return assertNever(phase)
  }
}

/** Weights that others have set are not those of the plan. */
function shareText (route: RolloutRoute): string {
  const { weights, rollout: { plan, shareTo } } = route
  const now = hasVersions(weights, plan) && !hasItsShare(route) ? shareOfNew(weights, plan) : undefined
  const byPlan = percentText(shareTo)
  return now === undefined
    ? `${byPlan} of what it shares with ${plan.from}`
    : `${percentText(100 * now)} of what it shares with ${plan.from} (${byPlan} by the plan)`
}

function percentText (percent: number): string {
  return `${Number(percent.toFixed(2))} %`
}

/** What it has beside its share. */
function besideText ({ match, mirror }: RolloutState): string {
  return [
    ...(match === null ? [] : [`, and the requests that match ${matchText(match)}`]),
    ...(mirror === null ? [] : [`, and copies of the requests of ${mirror.percent} % of the clients`])
  ].join('')
}

/** Does the new version have what the steps gave it? */
function hasItsShare ({ weights, rollout: { plan, shareTo } }: RolloutRoute): boolean {
  return hasVersions(weights, plan) && Math.abs(100 * (shareOfNew(weights, plan) ?? 0) - shareTo) < 1e-6
}

/** What has become of the weights. Those of a route that has lost a version are the configuration's. */
function backText ({ weights, rollout: { plan, before } }: RolloutRoute): string {
  if (!hasVersions(weights, plan)) return ''
  return sameWeights(weights, before) ? ' and the weights are back' : ' and the weights were put back, and changed afterwards'
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
