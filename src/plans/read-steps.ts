/** The steps of a plan as people write them, and whether they can be gone through in this order. */
import { asObject } from '../core/untrusted.ts'
import { suggestion } from '../core/nearest-name.ts'
import { given, inside, listed, ownValue, PlanFaults, readChoice, readCount, readDuration, readMapping, readNumber } from './plan-faults.ts'
import { readMatch } from './read-match.ts'
import { type AnalyseStep, ON_UNDECIDED, type PlanStep, type RolloutPreset, shareAfter, type StepMatch } from './rollout-plan.ts'

/** The steps of a plan at most. */
export const MAX_STEPS = 100
const KINDS = ['awaitEndpoints', 'setWeight', 'ramp', 'pause', 'analyse', 'setMatch', 'mirror'] as const
/** The requests of an analyse step at most. */
export const MAX_ANALYSED = 1_000_000_000_000
/** The least share of a version that gets any, in percent. */
const LEAST_SHARE = 0.001

const minutes = (count: number): AnalyseStep => ({ kind: 'analyse', forMs: count * 60_000, requests: null, onUndecided: 'wait' })
/** What is seen in the time is what counts, whatever it shows. */
const comparison = (forMs: number): AnalyseStep => ({ kind: 'analyse', forMs, requests: null, onUndecided: 'pass' })

/** The steps of a plan that names none. */
export const PRESET_STEPS: Readonly<Record<RolloutPreset, readonly PlanStep[]>> = {
  canary: [
    { kind: 'set-weight', weight: 5 }, minutes(2),
    { kind: 'set-weight', weight: 25 }, minutes(2),
    { kind: 'set-weight', weight: 50 }, minutes(5)
  ],
  'blue-green': [{ kind: 'await-endpoints' }, { kind: 'set-weight', weight: 100 }],
  'a-b': [comparison(3_600_000)]
}

/** What a preset may be told. */
export interface PresetOptions {
  /** Of `a-b`: how long both versions are compared. */
  readonly forMs?: number | undefined
  /** Of `a-b`: who gets the new version meanwhile. */
  readonly match?: StepMatch | undefined
  /** Of `blue-green`: who gets the new version before the switch. */
  readonly preview?: StepMatch | undefined
}

function presetSteps (preset: RolloutPreset, { forMs, match, preview }: PresetOptions): readonly PlanStep[] {
  const steps = forMs === undefined ? PRESET_STEPS[preset] : [comparison(forMs)]
  if (match !== undefined) return [{ kind: 'set-match', match }, ...steps]
  if (preview === undefined) return steps
  const shown = [{ kind: 'set-match', match: preview }, { kind: 'pause', durationMs: null }] as const
  return [{ kind: 'await-endpoints' }, ...shown, { kind: 'set-weight', weight: 100 }]
}

/** Where a step stands in what was written: `steps[2].setWeight`. */
interface PlacedStep {
  readonly place: string
  readonly step: PlanStep
}

/** What is known of the rollout beside its steps. */
export interface OrderFacts {
  /** The new version's share at the start, 0..100; undefined: not known yet. */
  readonly share: number | undefined
  readonly warmupMs: number
  readonly onSuccess: 'promote' | 'keep'
  readonly preset: RolloutPreset
}

/** Reads `steps`. @returns undefined when there is a fault in it */
export function readSteps (plain: unknown, facts: OrderFacts, faults: PlanFaults): readonly PlanStep[] | undefined {
  if (!Array.isArray(plain)) return faults.add('steps', `must be a list of steps: ${listed(KINDS)}${given(plain)}`)
  if (plain.length === 0) return faults.add('steps', 'must have at least one step; leave it out for those of the preset')
  if (plain.length > MAX_STEPS) return faults.add('steps', `must have at most ${MAX_STEPS} steps, not ${plain.length}`)
  const own = new PlanFaults()
  const placed = plain.map((entry: unknown, index) => readStep(entry, `steps[${index}]`, own))
  const known = placed.filter(each => each !== undefined)
  checkOrder(known, facts, own)
  faults.addAll(own)
  return own.isEmpty ? known.map(({ step }) => step) : undefined
}

/** Reads `ramp`, the plan of one step. */
export function readRampAlone (plain: unknown, facts: OrderFacts, faults: PlanFaults): readonly PlanStep[] | undefined {
  const step = readRamp(plain, 'ramp', faults)
  if (step === undefined) return undefined
  const own = new PlanFaults()
  checkOrder([{ place: 'ramp.to', step }], facts, own)
  faults.addAll(own)
  return own.isEmpty ? [step] : undefined
}

/** Holds the steps of a preset to the share that there is already. */
export function checkPreset (options: PresetOptions, facts: OrderFacts, faults: PlanFaults): readonly PlanStep[] {
  const steps = presetSteps(facts.preset, options)
  const own = new PlanFaults()
  checkOrder(steps.map(step => ({ place: 'preset', step })), facts, own)
  const [first] = own.list()
  if (first !== undefined) faults.add('preset', `has steps that can't be gone through here: one ${first.message}`)
  return steps
}

function readStep (plain: unknown, place: string, faults: PlanFaults): PlacedStep | undefined {
  const value = asObject(plain)
  if (value === undefined) return faults.add(place, `must be a mapping with one of ${listed(KINDS)}${given(plain)}`)
  const keys = Object.keys(value)
  const kinds = KINDS.filter(kind => keys.includes(kind))
  const [kind] = kinds
  if (kinds.length > 1) return faults.add(place, `has ${kinds.map(each => `\`${each}\``).join(' and ')}; a step is one of them: write two steps`)
  const unknown = keys.filter(key => key !== kind)
  for (const key of unknown.slice(0, 3)) faults.add(inside(place, key), `is no kind of step${suggestion(key, KINDS) || `; there are ${listed(KINDS)}`}`)
  if (kind === undefined) return unknown.length > 0 ? undefined : faults.add(place, `is empty; write one of ${listed(KINDS)}`)
  const at = inside(place, kind)
  const step = readKind(kind, ownValue(value, kind), at, faults)
  return step === undefined ? undefined : { place: at, step }
}

function readKind (kind: typeof KINDS[number], plain: unknown, place: string, faults: PlanFaults): PlanStep | undefined {
  switch (kind) {
    case 'awaitEndpoints': return readMapping(plain, place, [], faults) === undefined ? undefined : { kind: 'await-endpoints' }
    case 'setWeight': {
      const weight = readShareOfBoth(plain, place, faults)
      return weight === undefined ? undefined : { kind: 'set-weight', weight }
    }
    case 'ramp': return readRamp(plain, place, faults)
    case 'pause': return readPause(plain, place, faults)
    case 'setMatch': return readSetMatch(plain, place, faults)
    case 'mirror': return readMirror(plain, place, faults)
    default: return readAnalyse(plain, place, faults)
  }
}

function readShareOfBoth (plain: unknown, place: string, faults: PlanFaults): number | undefined {
  if (typeof plain === 'number' && (plain === 0 || (plain >= LEAST_SHARE && plain <= 100))) return plain + 0
  return faults.add(place, `must be 0, or a number from ${LEAST_SHARE} to 100: the percentage of what both versions have${given(plain)}`)
}

function readRamp (plain: unknown, place: string, faults: PlanFaults): Extract<PlanStep, { kind: 'ramp' }> | undefined {
  const value = readMapping(plain, place, ['to', 'over'], faults)
  if (value === undefined) return undefined
  const to = readShareOfBoth(ownValue(value, 'to'), inside(place, 'to'), faults)
  const overMs = readDuration(ownValue(value, 'over'), inside(place, 'over'), 1, faults)
  return to === undefined || overMs === undefined ? undefined : { kind: 'ramp', to, overMs }
}

function readPause (plain: unknown, place: string, faults: PlanFaults): PlanStep | undefined {
  const value = readMapping(plain, place, ['duration'], faults)
  if (value === undefined) return undefined
  const duration = ownValue(value, 'duration')
  if (duration === undefined) return { kind: 'pause', durationMs: null }
  const durationMs = readDuration(duration, inside(place, 'duration'), 1, faults)
  return durationMs === undefined ? undefined : { kind: 'pause', durationMs }
}

function readSetMatch (plain: unknown, place: string, faults: PlanFaults): PlanStep | undefined {
  if (plain === null) return { kind: 'set-match', match: null }
  const match = readMatch(plain, place, faults)
  return match === undefined ? undefined : { kind: 'set-match', match }
}

function readMirror (plain: unknown, place: string, faults: PlanFaults): PlanStep | undefined {
  if (plain === null) return { kind: 'mirror', mirror: null }
  const value = readMapping(plain, place, ['percent'], faults)
  if (value === undefined) return undefined
  const percent = readNumber(ownValue(value, 'percent'), inside(place, 'percent'), { least: 0, most: 100 }, faults)
  return percent === undefined ? undefined : { kind: 'mirror', mirror: { percent } }
}

function readAnalyse (plain: unknown, place: string, faults: PlanFaults): PlanStep | undefined {
  const value = readMapping(plain, place, ['for', 'requests', 'onUndecided'], faults)
  if (value === undefined) return undefined
  const own = new PlanFaults()
  const [time, count, undecided] = ['for', 'requests', 'onUndecided'].map(key => ownValue(value, key))
  const forMs = time === undefined ? null : readDuration(time, inside(place, 'for'), 1, own)
  const requests = count === undefined ? null : readCount(count, inside(place, 'requests'), MAX_ANALYSED, own)
  const onUndecided = undecided === undefined ? 'wait' : readChoice(undecided, inside(place, 'onUndecided'), ON_UNDECIDED, own)
  if (time === undefined && count === undefined) own.add(place, 'needs `for`, such as 2m, or `requests`, such as 5000: how much there has to be before it may end')
  faults.addAll(own)
  if (forMs === undefined || requests === undefined || onUndecided === undefined || !own.isEmpty) return undefined
  return { kind: 'analyse', forMs, requests, onUndecided }
}

/** Each step has to be able to do something, and to end. */
function checkOrder (steps: readonly PlacedStep[], facts: OrderFacts, faults: PlanFaults): void {
  let share = facts.share
  let leastMs = 0
  const beside = { match: false, mirror: false, copies: false }
  for (const { place, step } of steps) {
    checkBeside(place, step, beside, faults)
    if (share === 100 && !mayFollowAll(step)) {
      faults.add(place, 'comes after 100 %, where nothing is left to move or to compare with: remove it; `watch` goes on judging there')
      continue
    }
    leastMs += leastMsOf(step)
    if (step.kind === 'analyse') checkAnalyse(place, step, { ...facts, share }, { leastMs, isCopied: beside.copies, faults })
    const next = shareAfter(step)
    if (next === undefined) continue
    if (step.kind === 'ramp') checkRise(place.endsWith('.to') ? place : `${place}.to`, share ?? 0, next, faults)
    // Nothing at first is no move, but does no harm.
    else if (next > 0 || share !== 0) checkRise(place, share, next, faults)
    share = next
  }
  const isIdle = steps.every(({ step }) => shareAfter(step) === undefined && step.kind !== 'set-match' && step.kind !== 'mirror')
  if (facts.onSuccess === 'keep' && facts.preset !== 'a-b' && isIdle) {
    faults.add('steps', 'move nothing: with `onSuccess: keep` one of them has to set a weight')
  }
}

/** What does something still where the new version has all. */
function mayFollowAll (step: PlanStep): boolean {
  return step.kind === 'pause' || (step.kind === 'set-match' && step.match === null) || (step.kind === 'mirror' && step.mirror === null)
}

/** What steps have put in force. */
interface Beside {
  match: boolean
  mirror: boolean
  /** A mirror that copies something. */
  copies: boolean
}

/** @param beside it is changed */
function checkBeside (place: string, step: PlanStep, beside: Beside, faults: PlanFaults): void {
  if (step.kind === 'set-match') {
    if (step.match === null && !beside.match) faults.add(place, 'takes away a match, and no step before it has set one: remove it')
    beside.match = step.match !== null
  } else if (step.kind === 'mirror') {
    if (step.mirror === null && !beside.mirror) faults.add(place, 'takes away a mirror, and no step before it has set one: remove it, or write `{ percent: 0 }` for no copies')
    beside.mirror = step.mirror !== null
    beside.copies = (step.mirror?.percent ?? 0) > 0
  }
}

function leastMsOf (step: PlanStep): number {
  switch (step.kind) {
    case 'ramp': return step.overMs
    case 'pause': return step.durationMs ?? Infinity
    case 'analyse': return step.forMs ?? 0
    default: return 0
  }
}

interface AnalyseCheck {
  /** The least that has passed at its end. */
  readonly leastMs: number
  /** It gets copies of requests. */
  readonly isCopied: boolean
  readonly faults: PlanFaults
}

function checkAnalyse (place: string, step: AnalyseStep, facts: OrderFacts, { leastMs, isCopied, faults }: AnalyseCheck): void {
  const { share, warmupMs, preset } = facts
  if (share === 0 && !isCopied) checkUndrawn(place, step, preset, faults)
  if (step.onUndecided === 'fail' && step.requests === null && leastMs <= warmupMs) {
    faults.add(place, 'ends within `analysis.warmup`, before anything is judged, and can only fail: make it longer')
  }
}

/** Lists, overrides and matches may bring clients to a version without a weight, but nobody draws them: no test has anything to go by. */
function checkUndrawn (place: string, step: AnalyseStep, preset: RolloutPreset, faults: PlanFaults): void {
  if (preset !== 'a-b') {
    const remedy = 'put a `setWeight` before it, or a `mirror` that copies requests to it'
    faults.add(place, `has nothing to compare: the new version has no clients yet; ${remedy}`)
  } else if (step.requests !== null) {
    faults.add(place, 'never ends: `requests` are those that are drawn by weight, and the new version has none; give `for` alone')
  } else if (step.onUndecided !== 'pass') {
    faults.add(place, 'can never pass: no request is drawn by weight for the new version; write `onUndecided: pass`, and `for` is how long it lasts')
  }
}

function checkRise (place: string, share: number | undefined, next: number, faults: PlanFaults): void {
  if (share === undefined || next > share) return
  const now = Number(share.toFixed(6))
  if (next === now) faults.add(place, `is what the new version has already: ${now} %; remove the step`)
  else faults.add(place, `goes down from ${now} % to ${next} %: a rollout only goes up; a fail or an abort is what returns the weights`)
}
