/**
 * How a rollout begins, goes on and ends: pure functions, in which weights, epoch, history and rollout of a route change together. What
 * others than the rollout do to its weights is in rollout-interference.ts.
 */
import { MAX_WEIGHT } from '../contract/route-spec.ts'
import { type Weights, weightOf } from '../contract/weights.ts'
import type { RolloutPlan } from '../plans/rollout-plan.ts'
import { beforeRollout } from './rollout-interference.ts'
import { NOTHING_BESIDE, withBeside } from './beside-weights.ts'
import { hasVersions, movedTo, type RolloutRoute, sharedSum, shareOfNew, sumOf, withEpochShare } from './rollout-shares.ts'
import { isLive, type RolloutAdvance, type RolloutEvent, type RolloutState, timedPauseMs, type VerdictRecord } from './rollout-state.ts'
import {
  type Cause, ended, endedAt, enterStep, failed, passTime, recordOf, stepChange, stepOf, timeOf, withState
} from './rollout-steps.ts'
import type { SeenVersions } from './seen-versions.ts'
import type { ChangeMeta, RouteTraffic } from './traffic-state.ts'
import { quoted, refusal, type Refusal, type Transition } from './transition-result.ts'

type PersonalEvent = Extract<RolloutEvent, { readonly type: 'pause' | 'resume' | 'promote' | 'abort' }>

/** Applies an event to the rollout of a route, or begins one. */
export function changeRollout (route: RouteTraffic, event: RolloutEvent, meta: ChangeMeta): Transition {
  switch (event.type) {
    case 'start': return start(route, event, meta)
    case 'retry': return retry(route, event, meta)
    case 'advance': return advanceRollout(route, event, meta)
    case 'evidence': {
      const { id, step, stepMs, evidence, seen } = event
      const isMeant = hasLive(route) && route.rollout.id === id && route.rollout.step === step
      if (!isMeant || stepMs !== timeOf(stepMs)) return unchanged(route)
      return changed(withState(route, { stepMs, evidence, ...(seen === undefined ? {} : { seen }) }))
    }
    default: return withSeen(act(route, event, meta), event.seen)
  }
}

/** Keeps what has been served until a person has changed something. */
function withSeen (transition: Transition, seen: SeenVersions | undefined): Transition {
  if (!transition.ok || !transition.changed || seen === undefined || transition.route.rollout === undefined) return transition
  return { ...transition, route: { ...transition.route, rollout: { ...transition.route.rollout, seen } } }
}

/** What may be asked of the rollout of a route now. */
export function possibleActions (route: RouteTraffic): readonly string[] {
  const { rollout, weights } = route
  if (rollout === undefined) return ['start']
  switch (rollout.phase) {
    case 'Progressing': return ['pause', 'promote', 'abort']
    case 'Paused': return ['resume', 'promote', 'abort']
    // Whatever came later is what an undo would take back.
    case 'Healthy': return beforeRollout(route) === undefined ? ['start'] : ['start', 'undo']
    default: return hasVersions(weights, rollout.plan) ? ['retry', 'start'] : ['start']
  }
}

function hasLive (route: RouteTraffic): route is RolloutRoute {
  return isLive(route.rollout)
}

function changed (route: RouteTraffic): Transition {
  return { ok: true, changed: true, route }
}

function unchanged (route: RouteTraffic): Transition {
  return { ok: true, changed: false, route }
}

type PhaseErrorCode = 'no_rollout' | 'rollout_running' | 'rollout_not_running'

function refuseNow (code: PhaseErrorCode, message: string, route: RouteTraffic): Refusal {
  const possible = possibleActions(route)
  return refusal(code, `${message}; possible now: ${possible.join(', ')}`, possible)
}

interface Beginning {
  readonly id: string
  readonly salt: string
}

function start (route: RouteTraffic, { plan, id, salt }: Beginning & { readonly plan: RolloutPlan }, meta: ChangeMeta): Transition {
  const { rollout } = route
  if (isLive(rollout)) return refuseNow('rollout_running', `a rollout to "${rollout.plan.to}" runs on the route and is ${rollout.phase}`, route)
  const fault = whyNot(route.weights, plan)
  if (fault !== undefined) return fault
  const state: RolloutState = {
    id,
    plan,
    phase: 'Progressing',
    step: 0,
    stepMs: 0,
    stepRequests: 0,
    rampFrom: null,
    rampRevision: null,
    shareTo: 100 * (shareOfNew(route.weights, plan) ?? 0),
    match: rollout?.match ?? null,
    mirror: rollout?.mirror ?? null,
    sum: sharedSum(route.weights, plan) ?? 100,
    before: route.weights,
    shares: withEpochShare([], route, plan),
    pausedBy: null,
    startedAt: meta.at,
    since: meta.at,
    actor: meta.actor,
    reason: meta.reason,
    verdict: null,
    seen: null,
    evidence: null
  }
  // Another salt draws other clients for the same weights: only where all are on one version does nobody move because of it.
  const isOnOne = Object.values(route.weights).filter(weight => weight > 0).length === 1
  const salted = isOnOne ? { ...route, salt, rollout: state } : { ...route, rollout: state }
  const bare = withBeside(salted, NOTHING_BESIDE, stepChange(state, meta), route.epoch)
  return changed(enterStep(bare, 0, { meta, requestsTo: 0 }, route.epoch))
}

/** Why a plan can't be carried out with these weights. */
function whyNot (weights: Weights, plan: RolloutPlan): Refusal | undefined {
  const { from, to } = plan
  const unknown = [from, to].filter(name => weightOf(weights, name) === undefined)
  if (unknown.length > 0) return refusal('unknown_version', `the route has no version ${quoted(unknown)}; it has ${quoted(Object.keys(weights))}`)
  if (from === to) return refusal('invalid_plan', 'a rollout goes from one version to another one')
  if (sumOf(weights, plan) === 0) return refusal('invalid_plan', `neither "${from}" nor "${to}" has any weight that could move; set one first`)
  if (shareOfNew(weights, plan) === 1) return refusal('invalid_plan', `"${to}" has all that "${from}" and "${to}" share already; start one from "${to}", or set the weights first`)
  if (sharedSum(weights, plan) !== undefined) return undefined
  return refusal('invalid_plan', `beside other versions "${from}" and "${to}" have ${sumOf(weights, plan)} together, which can't be shared as weights of up to ${MAX_WEIGHT}: only the proportions count, so set other weights first`)
}

function retry (route: RouteTraffic, { id, salt }: Beginning, meta: ChangeMeta): Transition {
  const { rollout } = route
  if (rollout === undefined) return noRollout(route)
  if (rollout.phase !== 'Degraded' && rollout.phase !== 'Aborted') {
    return refuseNow(isLive(rollout) ? 'rollout_running' : 'rollout_not_running', `the rollout to "${rollout.plan.to}" is ${rollout.phase}; only one that has failed or was aborted can be tried again`, route)
  }
  return start(route, { plan: rollout.plan, id, salt }, meta)
}

function noRollout (route: RouteTraffic): Refusal {
  return refuseNow('no_rollout', 'the route has no rollout', route)
}

function advanceRollout (route: RouteTraffic, event: RolloutAdvance, meta: ChangeMeta): Transition {
  if (!hasLive(route) || route.rollout.id !== event.id) return unchanged(route)
  const { verdict } = event
  const next = verdict !== null && isFail(route.rollout, verdict) ? failed(route, verdict, meta) : advanced(route, event, meta)
  if (next === route) return unchanged(route)
  const { rollout } = next
  if (rollout === undefined) return changed(next)
  const { evidence, seen } = event
  const kept = { ...(evidence === undefined || !isLive(rollout) ? {} : { evidence }), ...(seen === undefined ? {} : { seen }) }
  return changed({ ...next, rollout: { ...rollout, ...kept } })
}

/** Which rules fail a comparison too: those that keep users from harm. */
const GUARDS: ReadonlySet<string> = new Set(['silence', 'max_failures', 'error_share'])

/** In an a-b a difference is what is looked for. */
function isFail ({ plan }: RolloutState, { verdict, code }: VerdictRecord): boolean {
  return verdict === 'fail' && (plan.preset !== 'a-b' || GUARDS.has(code))
}

function advanced (route: RolloutRoute, event: RolloutAdvance, meta: ChangeMeta): RouteTraffic {
  const { rollout } = route
  if (rollout.phase === 'Paused' && timedPauseMs(rollout) === null) return route
  if (event.verdict?.pause !== true) return passTime(route, event, meta)
  const verdict = recordOf(event.verdict)
  const stepMs = timeOf(rollout.stepMs + timeOf(event.elapsedMs))
  return withState(route, {
    phase: 'Paused', pausedBy: 'both-fail', stepMs, verdict, since: meta.at, actor: meta.actor, reason: verdict.reason
  })
}

/** What a person asks. */
function act (route: RouteTraffic, event: PersonalEvent, meta: ChangeMeta): Transition {
  if (route.rollout === undefined) return noRollout(route)
  if (!hasLive(route)) return actOnEnded(route, route.rollout, event)
  const { rollout } = route
  switch (event.type) {
    case 'pause': return pause(route, meta)
    case 'resume': return rollout.phase === 'Paused' ? changed(resumed(route, meta)) : unchanged(route)
    case 'promote': return promote(route, event.full, meta)
    default: return changed(endedAt(route, 'Aborted', {
      ...meta, action: 'rollout', reason: meta.reason === '' ? `rollout to ${rollout.plan.to}: aborted` : meta.reason
    }))
  }
}

/** What is so already is no fault to ask for. */
function actOnEnded (route: RouteTraffic, rollout: RolloutState, event: PersonalEvent): Transition {
  const { phase, plan, shareTo } = rollout
  if (event.type === 'abort' && phase !== 'Healthy') return unchanged(route)
  if (event.type === 'promote' && event.full && phase === 'Healthy' && shareTo === 100) return unchanged(route)
  return refuseNow('rollout_not_running', `the rollout to "${plan.to}" is over: it is ${phase}`, route)
}

function pause (route: RolloutRoute, { actor, reason, at }: ChangeMeta): Transition {
  // A pause of the plan that ends by itself becomes one that does not.
  if (route.rollout.phase === 'Paused' && timedPauseMs(route.rollout) === null) return unchanged(route)
  return changed(withState(route, { phase: 'Paused', pausedBy: 'person', since: at, actor, reason }))
}

/** Ends a pause of the plan; after any other pause the step goes on where it was, with its own weights. */
function resumed (route: RolloutRoute, meta: ChangeMeta): RouteTraffic {
  const { rollout } = route
  const cause: Cause = { meta, requestsTo: null }
  if (rollout.pausedBy === 'step') return enterStep(route, rollout.step + 1, cause)
  const back = inForce(route, meta)
  const isPauseStep = stepOf(rollout)?.kind === 'pause'
  const paused = isPauseStep ? { phase: 'Paused', pausedBy: 'step' } as const : { phase: 'Progressing', pausedBy: null } as const
  return withState(back, { ...paused, since: meta.at, actor: meta.actor, reason: meta.reason })
}

/** The weights of the step, after somebody has set others. */
function inForce (route: RolloutRoute, meta: ChangeMeta): RolloutRoute {
  const { rollout } = route
  if (rollout.pausedBy !== 'weights') return route
  const summed = withState(route, { sum: sharedSum(route.weights, rollout.plan) ?? rollout.sum })
  return movedTo(summed, rollout.shareTo, stepChange(rollout, meta))
}

function promote (route: RolloutRoute, full: boolean, meta: ChangeMeta): Transition {
  const { plan, step, shareTo, phase } = route.rollout
  const cause: Cause = { meta, requestsTo: null }
  const isWatched = step >= plan.steps.length
  if (full) {
    // Asked once more, it would end the guard.
    if (isWatched && shareTo === 100) return phase === 'Paused' ? changed(resumed(route, meta)) : unchanged(route)
    const all = movedTo(inForce(route, meta), 100, stepChange({ ...route.rollout, step: plan.steps.length }, meta))
    return changed(enterStep(all, plan.steps.length, cause, route.epoch))
  }
  const back = inForce(route, meta)
  if (isWatched) {
    return changed(withState(ended(back, 'Healthy', back.rollout.verdict), { since: meta.at, actor: meta.actor, reason: meta.reason }))
  }
  const now = stepOf(route.rollout)
  const done = now?.kind === 'ramp' ? movedTo(back, now.to, stepChange(route.rollout, meta)) : back
  return changed(enterStep(done, step + 1, cause, route.epoch))
}
