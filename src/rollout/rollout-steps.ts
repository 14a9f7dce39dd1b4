/** The steps of a rollout: how it enters them, what each waits for, and how it ends. */
import { assertNever } from '../core/assert-never.ts'
import type { AnalyseStep, PlanStep } from '../plans/rollout-plan.ts'
import type { Change } from './new-epoch.ts'
import { NOTHING_BESIDE, withBeside } from './beside-weights.ts'
import { movedTo, type RolloutRoute, shareOfNew, withWeights } from './rollout-shares.ts'
import type { Judgement, RolloutAdvance, RolloutPhase, RolloutState, VerdictRecord } from './rollout-state.ts'
import { stepText } from './step-text.ts'
import type { ChangeMeta, RouteTraffic } from './traffic-state.ts'

/** What brings a rollout on, beside its time. */
export interface Cause {
  readonly meta: ChangeMeta
  /** The requests of the new version that were counted; null: not known here. */
  readonly requestsTo: number | null
}

/** How a step goes: what is left of the time when it is over, or it goes on. */
type Course =
  | { readonly isOver: true, readonly leftMs: number, readonly route: RolloutRoute }
  | { readonly isOver: false, readonly route: RouteTraffic }

/** A ramp moves so often. */
const RAMP_TICK_MS = 1_000

/** The step in which it is; undefined: the watch behind the last one. */
export function stepOf ({ plan, step }: RolloutState): PlanStep | undefined {
  return plan.steps[step]
}

/** The change that a step makes of the weights. */
export function stepChange (state: RolloutState, { actor, reason, source, at }: ChangeMeta): Change {
  return { action: 'rollout', actor, source, at, reason: reason === '' ? reasonOf(state) : reason }
}

function reasonOf (state: RolloutState): string {
  const step = stepOf(state)
  return `rollout to ${state.plan.to}: ${step === undefined ? 'all steps done' : stepText(step)}`
}

/**
 * Enters a step, and those behind it for which nothing has to be awaited.
 * @param seenEpoch the last one that others know: what comes with a newer one is told together
 */
export function enterStep (route: RolloutRoute, index: number, cause: Cause, seenEpoch = route.epoch): RouteTraffic {
  let current = route
  for (let step = index; ; step++) {
    current = { ...current, rollout: begun(current.rollout, step, cause.meta) }
    const now = stepOf(current.rollout)
    if (now === undefined) return enterWatch(current, cause, seenEpoch)
    switch (now.kind) {
      case 'set-weight':
        current = movedTo(current, now.weight, stepChange(current.rollout, cause.meta))
        continue
      case 'set-match':
        current = withBeside(current, { match: now.match }, stepChange(current.rollout, cause.meta), seenEpoch)
        continue
      case 'mirror':
        current = withBeside(current, { mirror: now.mirror }, stepChange(current.rollout, cause.meta), seenEpoch)
        continue
      case 'pause': return withState(current, { phase: 'Paused', pausedBy: 'step' })
      case 'ramp': return withState(current, { rampFrom: current.rollout.shareTo })
      case 'analyse': return withState(current, { stepRequests: cause.requestsTo })
      case 'await-endpoints': return current
      default: return assertNever(now)
    }
  }
}

function begun (state: RolloutState, step: number, { actor, reason, at }: ChangeMeta): RolloutState {
  const next = { ...state, step, stepMs: 0, stepRequests: null, rampFrom: null, rampRevision: null, since: at, actor }
  return { ...next, phase: 'Progressing', pausedBy: null, reason: reason === '' ? reasonOf(next) : reason }
}

function enterWatch (route: RolloutRoute, { meta }: Cause, seenEpoch: number): RouteTraffic {
  const { plan, shareTo } = route.rollout
  const change = stepChange(route.rollout, meta)
  const isKept = plan.onSuccess === 'keep'
  const moved = !isKept && shareTo < 100 ? movedTo(route, 100, change) : route
  // Who has all needs no match; and what is copied is for the steps to look at.
  const alone = withBeside(moved, isKept ? { mirror: null } : NOTHING_BESIDE, change, seenEpoch)
  return plan.watchMs === 0 ? ended(alone, 'Healthy', alone.rollout.verdict) : alone
}

/** Some fields of the rollout anew. */
export function withState (route: RolloutRoute, fields: Partial<RolloutState>): RolloutRoute {
  return { ...route, rollout: { ...route.rollout, ...fields } }
}

type EndPhase = Exclude<RolloutPhase, 'Progressing' | 'Paused'>

/** It is over. What was measured is not needed any more. */
export function ended (route: RolloutRoute, phase: EndPhase, verdict: VerdictRecord | null): RolloutRoute {
  return withState(route, { phase, pausedBy: null, verdict, evidence: null })
}

/** It is over, and the weights are as they were before it. */
export function endedAt (
  route: RolloutRoute, phase: 'Degraded' | 'Aborted', change: Change, verdict: VerdictRecord | null = route.rollout.verdict
): RolloutRoute {
  const { before, plan } = route.rollout
  const back = withBeside(withWeights(route, before, change), NOTHING_BESIDE, change, route.epoch)
  return withState(ended(back, phase, verdict), {
    shareTo: 100 * (shareOfNew(before, plan) ?? 0), since: change.at, actor: change.actor, reason: change.reason
  })
}

/** The new version has failed. */
export function failed (route: RolloutRoute, verdict: VerdictRecord, meta: ChangeMeta): RolloutRoute {
  const record = recordOf(verdict)
  return endedAt(route, 'Degraded', { ...meta, action: 'rollout', source: 'verdict', reason: `${record.code}: ${record.reason}` }, record)
}

/** The longest reason that is kept. */
const MAX_REASON = 500

/** A verdict, as far as it is kept. */
export function recordOf ({ verdict, code, reason, from, to }: VerdictRecord): VerdictRecord {
  return { verdict, code, reason: reason.slice(0, MAX_REASON), from: numbersOf(from), to: numbersOf(to) }
}

function numbersOf ({ requests, failures, failureShare, interval, slow, slowShare }: VerdictRecord['from']): VerdictRecord['from'] {
  const [low, high] = interval
  return {
    requests: counted(requests),
    failures: counted(failures),
    failureShare: share(failureShare),
    interval: [share(low), share(high)],
    slow: counted(slow),
    slowShare: share(slowShare)
  }
}

/** What is no number could not be read again. */
function counted (count: number): number {
  return Math.max(0, Math.min(count, Number.MAX_SAFE_INTEGER)) || 0
}

function share (part: number): number {
  return Math.min(1, counted(part))
}

/** No step lasts that long, and there is room to add to it. */
const MAX_TIME_MS = 1e15

/** Milliseconds that are time: what is none, or goes back, is 0. */
export function timeOf (ms: number): number {
  return Math.min(MAX_TIME_MS, Math.max(0, ms) || 0)
}

/**
 * Lets time pass. What a step leaves of it goes to a ramp or pause right behind it; whatever is reached by a change of weights, an analysis
 * or a wait for endpoints has all of its time before it.
 * @returns the same route when it only has to wait on
 */
export function passTime (route: RolloutRoute, event: RolloutAdvance, meta: ChangeMeta): RouteTraffic {
  const cause = { meta: { ...meta, source: 'step', reason: '' } as const, requestsTo: counted(event.requestsTo) }
  let current = route
  let leftMs = timeOf(event.elapsedMs)
  for (;;) {
    const course = spend(current, leftMs, event, cause.meta)
    // What has passed of a step that time alone has led to is a part of the change; else it is kept with the evidence.
    if (!course.isOver) return course.route === current && current !== route ? withState(current, { stepMs: leftMs }) : course.route
    const { step } = course.route.rollout
    const entered = enterStep(course.route, step + 1, cause, route.epoch)
    const now = entered.rollout
    leftMs = course.leftMs
    if (leftMs === 0 || !isRollout(entered) || now?.step !== step + 1 || !isTimed(stepOf(now))) return entered
    current = entered
  }
}

function isRollout (route: RouteTraffic): route is RolloutRoute {
  return route.rollout !== undefined
}

function isTimed (step: PlanStep | undefined): boolean {
  return step?.kind === 'ramp' || (step?.kind === 'pause' && step.durationMs !== null)
}

function spend (route: RolloutRoute, leftMs: number, event: RolloutAdvance, meta: ChangeMeta): Course {
  const { stepMs, plan } = route.rollout
  const spentMs = timeOf(stepMs + leftMs)
  const step = stepOf(route.rollout)
  if (step === undefined) {
    if (spentMs < plan.watchMs) return { isOver: false, route }
    return { isOver: false, route: afterWatch(route, event.verdict, meta) }
  }
  switch (step.kind) {
    case 'await-endpoints': return event.toReady ? { isOver: true, leftMs: 0, route } : { isOver: false, route }
    case 'set-weight': return { isOver: true, leftMs: 0, route: movedTo(route, step.weight, stepChange(route.rollout, meta)) }
    case 'set-match':
    case 'mirror': {
      const fields = step.kind === 'mirror' ? { mirror: step.mirror } : { match: step.match }
      return { isOver: true, leftMs: 0, route: withBeside(route, fields, stepChange(route.rollout, meta), route.epoch) }
    }
    case 'pause':
      if (step.durationMs === null || spentMs < step.durationMs) return { isOver: false, route }
      return { isOver: true, leftMs: spentMs - step.durationMs, route }
    case 'ramp': {
      if (spentMs < step.overMs) return { isOver: false, route: rampedTo(route, step, spentMs, meta) }
      return { isOver: true, leftMs: spentMs - step.overMs, route: onRamp(route, step.to, meta) }
    }
    case 'analyse': return analysed(route, step, spentMs, { event, meta })
    default: return assertNever(step)
  }
}

function afterWatch (route: RolloutRoute, verdict: Judgement | null, meta: ChangeMeta): RolloutRoute {
  const healthy = ended(route, 'Healthy', verdict === null ? route.rollout.verdict : recordOf(verdict))
  return withState(healthy, { since: meta.at, actor: meta.actor, reason: meta.reason })
}

type RampStep = Extract<PlanStep, { readonly kind: 'ramp' }>

/** The same route until the next second of the ramp has come. */
function rampedTo (route: RolloutRoute, { to, overMs }: RampStep, spentMs: number, meta: ChangeMeta): RolloutRoute {
  const { rampFrom, shareTo } = route.rollout
  const from = rampFrom ?? shareTo
  const share = Number((from + (to - from) * (Math.floor(spentMs / RAMP_TICK_MS) * RAMP_TICK_MS) / overMs).toFixed(6))
  return share === shareTo ? route : withState(onRamp(route, share, meta), { stepMs: spentMs })
}

/** One move of a ramp. All of them are one entry of the history. */
function onRamp (route: RolloutRoute, share: number, meta: ChangeMeta): RolloutRoute {
  const { rampRevision } = route.rollout
  const moved = movedTo(route, share, { ...stepChange(route.rollout, meta), goesOnFrom: rampRevision })
  return withState(moved, { rampRevision: moved.epoch === route.epoch ? rampRevision : moved.revision })
}

interface Analysed {
  readonly event: RolloutAdvance
  readonly meta: ChangeMeta
}

function analysed (route: RolloutRoute, step: AnalyseStep, spentMs: number, { event, meta }: Analysed): Course {
  const { verdict, requestsTo } = event
  const base = route.rollout.stepRequests
  // Nobody knew the count when the step began.
  if (base === null) return { isOver: false, route: withState(route, { stepRequests: counted(requestsTo), stepMs: spentMs }) }
  const isDue = spentMs >= (step.forMs ?? 0) && requestsTo - base >= (step.requests ?? 0)
  if (!isDue) return { isOver: false, route }
  const record = verdict === null ? null : recordOf(verdict)
  if (verdict?.verdict === 'pass' || step.onUndecided === 'pass') {
    return { isOver: true, leftMs: 0, route: withState(route, { verdict: record }) }
  }
  if (step.onUndecided === 'wait') return { isOver: false, route }
  return { isOver: false, route: failed(route, undecidedRecord(step, record), meta) }
}

const NOTHING_COUNTED = { requests: 0, failures: 0, failureShare: 0, interval: [0, 1], slow: 0, slowShare: 0 } as const

function undecidedRecord (step: AnalyseStep, record: VerdictRecord | null): VerdictRecord {
  const reason = `undecided after "${stepText(step)}", which the plan takes for a fail${record === null ? '' : `: ${record.reason}`}`
  const { from, to } = record ?? { from: NOTHING_COUNTED, to: NOTHING_COUNTED }
  return recordOf({ verdict: 'fail', code: 'undecided', reason, from, to })
}
