/** Reads a rollout as it is stored. Every field is looked at, and the state that comes out is one that a rollout can be in. */
import type { AnalysisSettings } from '../analysis/analysis-settings.ts'
import { isOfOtherFormat, readStoredEvidence } from '../analysis/stored-evidence.ts'
import { VERDICT_OUTCOMES } from '../analysis/verdict.ts'
import { MAX_WEIGHT } from '../contract/route-spec.ts'
import { isAllZero, sameVersions, type Weights, weightOf } from '../contract/weights.ts'
import { amountAt, countAt, listAt, oneOfAt, orNull, recordAt, wordsAt } from '../core/values-at.ts'
import { MAX_RANGES } from '../plans/read-analysis.ts'
import { MAX_STEPS } from '../plans/read-steps.ts'
import {
  ON_SUCCESS, ON_UNDECIDED, type PlanStep, ROLLOUT_PRESETS, type RolloutPlan, shareAfter, STEP_KINDS
} from '../plans/rollout-plan.ts'
import { decodeMatch, decodeMirror, type DroppedListener } from './match-codec.ts'
import {
  isLive, MAX_SHARES, PAUSE_CAUSES, ROLLOUT_PHASES, type EpochShare, type RolloutState, type VerdictRecord
} from './rollout-state.ts'
import { decodeSeenVersions } from './seen-versions.ts'

const MAX_NUMBER = Number.MAX_SAFE_INTEGER

/** @throws Error naming the first place that is wrong */
export function decodeRollout (plain: unknown, place: string, weights: Weights, dropped: DroppedListener): RolloutState {
  const value = recordAt(plain, place)
  const at = (name: string): string => `${place}.${name}`
  const plan = decodePlan(value['plan'], at('plan'), dropped)
  // Weights and steps are not to be lost with it. The requests were counted with it, so an analyse step counts from where it is read.
  const isWithout = isOfOtherFormat(value['evidence'])
  const state: RolloutState = {
    id: idAt(value['id'], at('id')),
    plan,
    phase: oneOfAt(ROLLOUT_PHASES, value['phase'], at('phase')),
    step: amountAt(countAt(value['step'], at('step')), plan.steps.length, at('step')),
    stepMs: amountAt(value['stepMs'], MAX_NUMBER, at('stepMs')),
    stepRequests: isWithout ? null : orNull(value['stepRequests'], each => amountAt(each, MAX_NUMBER, at('stepRequests'))),
    rampFrom: orNull(value['rampFrom'], each => amountAt(each, 100, at('rampFrom'))),
    rampRevision: orNull(value['rampRevision'], each => countAt(each, at('rampRevision'))),
    shareTo: amountAt(value['shareTo'], 100, at('shareTo')),
    match: orNull(value['match'] ?? null, each => decodeMatch(each, at('match'), dropped)),
    mirror: orNull(value['mirror'] ?? null, each => decodeMirror(each, at('mirror'))),
    sum: sumAt(value['sum'], at('sum')),
    before: weightsAt(value['before'], at('before')),
    shares: listAt(value['shares'], at('shares')).slice(-MAX_SHARES).map((each, index) => decodeShare(each, `${at('shares')}[${index}]`)),
    pausedBy: orNull(value['pausedBy'], each => oneOfAt(PAUSE_CAUSES, each, at('pausedBy'))),
    startedAt: wordsAt(value['startedAt'], at('startedAt')),
    since: wordsAt(value['since'], at('since')),
    actor: wordsAt(value['actor'], at('actor')),
    reason: wordsAt(value['reason'], at('reason')),
    verdict: orNull(value['verdict'], each => decodeVerdict(each, at('verdict'))),
    seen: orNull(value['seen'] ?? null, each => decodeSeenVersions(each, at('seen'))),
    evidence: isWithout ? null : orNull(value['evidence'], each => readStoredEvidence(each, at('evidence')))
  }
  checkTogether(state, place, weights)
  return state
}

/** What no rollout comes to, although each field alone could be. */
function checkTogether (state: RolloutState, place: string, weights: Weights): void {
  const { plan, phase, pausedBy, before, step } = state
  if ((phase === 'Paused') !== (pausedBy !== null)) throw new Error(`${place}.pausedBy does not fit the phase ${phase}`)
  if (pausedBy === 'step' && plan.steps[step]?.kind !== 'pause') throw new Error(`${place}.pausedBy is step, and the step is no pause`)
  if (!isLive(state)) return
  const gone = [plan.from, plan.to].find(name => weightOf(weights, name) === undefined)
  if (gone !== undefined) throw new Error(`${place}.plan names ${gone}, which is no version of the route`)
  if (!sameVersions(before, weights)) throw new Error(`${place}.before and the weights name different versions`)
  // What an abort or a fail goes back to.
  if (isAllZero(before)) throw new Error(`${place}.before would serve nobody`)
}

export function weightsAt (plain: unknown, place: string): Weights {
  return Object.fromEntries(Object.entries(recordAt(plain, place)).map(([name, weight]) => {
    // The file may hold weights that the API would refuse, because the configuration may set them.
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) throw new Error(`${place}.${name} is not a weight`)
    return [name, weight]
  }))
}

/** The weights of two versions together. */
function sumAt (plain: unknown, place: string): number {
  const sum = amountAt(plain, MAX_WEIGHT, place)
  if (sum === 0) throw new Error(`${place} is 0`)
  return sum
}

function idAt (plain: unknown, place: string): string {
  if (typeof plain !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(plain)) throw new Error(`${place} is not an id`)
  return plain
}

function decodeShare (plain: unknown, place: string): EpochShare {
  const value = recordAt(plain, place)
  return { epoch: countAt(value['epoch'], `${place}.epoch`), share: amountAt(value['share'], 1, `${place}.share`) }
}

function decodeVerdict (plain: unknown, place: string): VerdictRecord {
  const value = recordAt(plain, place)
  return {
    verdict: oneOfAt(VERDICT_OUTCOMES, value['verdict'], `${place}.verdict`),
    code: wordsAt(value['code'], `${place}.code`),
    reason: wordsAt(value['reason'], `${place}.reason`),
    from: decodeNumbers(value['from'], `${place}.from`),
    to: decodeNumbers(value['to'], `${place}.to`)
  }
}

function decodeNumbers (plain: unknown, place: string): VerdictRecord['from'] {
  const value = recordAt(plain, place)
  const [low, high, ...rest] = listAt(value['interval'], `${place}.interval`)
  if (rest.length > 0) throw new Error(`${place}.interval is not a pair of numbers`)
  return {
    requests: amountAt(value['requests'], MAX_NUMBER, `${place}.requests`),
    failures: amountAt(value['failures'], MAX_NUMBER, `${place}.failures`),
    failureShare: amountAt(value['failureShare'], 1, `${place}.failureShare`),
    interval: [amountAt(low, 1, `${place}.interval[0]`), amountAt(high, 1, `${place}.interval[1]`)],
    slow: amountAt(value['slow'], MAX_NUMBER, `${place}.slow`),
    slowShare: amountAt(value['slowShare'], 1, `${place}.slowShare`)
  }
}

function decodePlan (plain: unknown, place: string, dropped: DroppedListener): RolloutPlan {
  const value = recordAt(plain, place)
  const steps = listAt(value['steps'], `${place}.steps`)
  if (steps.length === 0 || steps.length > MAX_STEPS) throw new Error(`${place}.steps are not 1 to ${MAX_STEPS}`)
  const [from, to] = [wordsAt(value['from'], `${place}.from`), wordsAt(value['to'], `${place}.to`)]
  if (from === to) throw new Error(`${place}.from and to are the same version`)
  return {
    preset: oneOfAt(ROLLOUT_PRESETS, value['preset'], `${place}.preset`),
    from,
    to,
    steps: decodeSteps(steps, `${place}.steps`, dropped),
    onSuccess: oneOfAt(ON_SUCCESS, value['onSuccess'], `${place}.onSuccess`),
    watchMs: countAt(value['watchMs'], `${place}.watchMs`),
    analysis: decodeSettings(value['analysis'], `${place}.analysis`)
  }
}

/** Their weights only go up. */
function decodeSteps (plain: readonly unknown[], place: string, dropped: DroppedListener): readonly PlanStep[] {
  let share = 0
  return plain.map((each, index) => {
    const step = decodeStep(each, `${place}[${index}]`, dropped)
    const next = shareAfter(step) ?? share
    if (next < share) throw new Error(`${place}[${index}] goes down from ${share} % to ${next} %`)
    share = next
    return step
  })
}

function decodeStep (plain: unknown, place: string, dropped: DroppedListener): PlanStep {
  const value = recordAt(plain, place)
  const kind = oneOfAt(STEP_KINDS, value['kind'], `${place}.kind`)
  switch (kind) {
    case 'await-endpoints': return { kind }
    case 'set-weight': return { kind, weight: amountAt(value['weight'], 100, `${place}.weight`) }
    case 'ramp': return { kind, to: amountAt(value['to'], 100, `${place}.to`), overMs: timeAt(value['overMs'], `${place}.overMs`) }
    case 'pause': return { kind, durationMs: orNull(value['durationMs'], each => timeAt(each, `${place}.durationMs`)) }
    case 'set-match': return { kind, match: orNull(value['match'], each => decodeMatch(each, `${place}.match`, dropped)) }
    case 'mirror': return { kind, mirror: orNull(value['mirror'], each => decodeMirror(each, `${place}.mirror`)) }
    default: return {
      kind,
      forMs: orNull(value['forMs'], each => timeAt(each, `${place}.forMs`)),
      requests: orNull(value['requests'], each => timeAt(each, `${place}.requests`)),
      onUndecided: oneOfAt(ON_UNDECIDED, value['onUndecided'], `${place}.onUndecided`)
    }
  }
}

/** A duration, or a count, that is not 0. */
function timeAt (plain: unknown, place: string): number {
  const ms = countAt(plain, place)
  if (ms === 0) throw new Error(`${place} is 0`)
  return ms
}

function decodeSettings (plain: unknown, place: string): AnalysisSettings {
  const value = recordAt(plain, place)
  const at = (name: string): string => `${place}.${name}`
  const statuses = listAt(value['failureStatuses'], at('failureStatuses'), MAX_RANGES)
  const level = (name: string): number => {
    const share = amountAt(value[name], 1, at(name))
    if (share === 0) throw new Error(`${at(name)} is 0`)
    return share
  }
  return {
    failureStatuses: statuses.map((each, index) => rangeAt(each, `${at('failureStatuses')}[${index}]`)),
    alpha: level('alpha'),
    passAlpha: level('passAlpha'),
    maxErrorIncrease: level('maxErrorIncrease'),
    maxSlowIncrease: level('maxSlowIncrease'),
    slowerThanMs: orNull(value['slowerThanMs'], each => timeAt(each, at('slowerThanMs'))),
    warmupMs: countAt(value['warmupMs'], at('warmupMs')),
    maxErrorShare: orNull(value['maxErrorShare'], () => level('maxErrorShare')),
    // An older Weir does not keep it.
    maxDifferent: orNull(value['maxDifferent'] ?? null, () => level('maxDifferent')),
    maxFailures: timeAt(value['maxFailures'], at('maxFailures')),
    minRequests: timeAt(value['minRequests'], at('minRequests')),
    silenceMs: timeAt(value['silenceMs'], at('silenceMs'))
  }
}

function rangeAt (plain: unknown, place: string): readonly [number, number] {
  const [low, high, ...rest] = listAt(plain, place)
  const range = [amountAt(low, 599, `${place}[0]`), amountAt(high, 599, `${place}[1]`)] as const
  if (rest.length > 0 || range[0] > range[1]) throw new Error(`${place} is not a range`)
  return range
}
