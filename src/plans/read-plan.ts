/**
 * Reads a plan as people write it, in the configuration or in a request: all faults at once, each with its place and the remedy. Nothing
 * that is given is trusted.
 */
import { asObject, type UntrustedObject } from '../core/untrusted.ts'
import { type Weights, weightOf } from '../contract/weights.ts'
import { given, ownValue, PlanFaults, readChoice, readDuration, readMapping } from './plan-faults.ts'
import { readAnalysis } from './read-analysis.ts'
import { readMatch } from './read-match.ts'
import { checkPreset, readRampAlone, readSteps, type OrderFacts, type PresetOptions } from './read-steps.ts'
import { ON_SUCCESS, type PlanFault, type PlanStep, ROLLOUT_PRESETS, type RolloutPlan, type RolloutPreset } from './rollout-plan.ts'

const KEYS = ['from', 'to', 'preset', 'steps', 'ramp', 'analysis', 'onSuccess', 'watch', 'for', 'match', 'preview'] as const
/** What only a preset has. */
const PRESET_KEYS = { for: 'a-b', match: 'a-b', preview: 'blue-green' } as const
export const DEFAULT_WATCH_MS = 600_000

export type PlanReading =
  | { readonly ok: true, readonly plan: RolloutPlan }
  | { readonly ok: false, readonly faults: readonly PlanFault[] }

/** For whom a plan is read. */
export interface PlanFacts {
  /** The weights in force; they name the versions. */
  readonly weights: Weights
  /** The route's plan in the configuration: what is not given is as there. */
  readonly defaults?: unknown
}

/** Reads a plan that is to be carried out now. @param plain undefined: all is as in `defaults` */
export function readPlan (plain: unknown, { weights, defaults }: PlanFacts): PlanReading {
  const faults = new PlanFaults()
  const value = readMapping(plain === undefined ? {} : plain, '', KEYS, faults)
  if (value === undefined) return { ok: false, faults: faults.list() }
  const merged = withDefaults(value, asObject(defaults) ?? {})
  const pair = readPair(merged, weights, faults)
  const share = pair === undefined ? undefined : shareIn(weights, pair.to, pair.from)
  const hasAll = pair !== undefined && share !== undefined && !(weightOf(weights, pair.from) ?? 0)
  // Beside that, every step would be wrong.
  if (hasAll) faults.add('to', `has all that "${pair.from}" and "${pair.to}" share already, so there is nothing to move; name the other one, or set the weights first`)
  const rest = readRest(merged, hasAll ? undefined : share, faults)
  if (pair === undefined || rest === undefined || !faults.isEmpty) return { ok: false, faults: faults.list() }
  return { ok: true, plan: { ...rest, ...pair } }
}

/** What is wrong with a plan that may be carried out later, with whatever weights there are then. */
export function checkPlan (plain: unknown, versions: readonly string[]): readonly PlanFault[] {
  const faults = new PlanFaults()
  const value = readMapping(plain, '', KEYS, faults)
  if (value === undefined) return faults.list()
  const names = namedVersions(value, versions, faults)
  if (names.to === undefined && versions.length > 2 && ownValue(value, 'to') === undefined) {
    // Each start may name it.
    if (names.from !== undefined) faults.add('from', 'is of no use without `to`: the route has more than two versions')
  }
  if (versions.length < 2) faults.add('', 'needs a route with two versions: one to come from and one to go to')
  readRest(value, undefined, faults)
  return faults.list()
}

/** What is given, and what is not as in the defaults: without a version that is given for the other place, or steps beside others. */
function withDefaults (value: UntrustedObject, defaults: UntrustedObject): UntrustedObject {
  const has = (key: string): boolean => ownValue(value, key) !== undefined
  const kept = Object.fromEntries(KEYS.filter(key => {
    if (has(key)) return false
    if (key === 'from') return ownValue(defaults, 'from') !== ownValue(value, 'to')
    if (key === 'to') return ownValue(defaults, 'to') !== ownValue(value, 'from')
    // What an a-b ends with is not what a release ends with.
    if (key === 'onSuccess' || key === 'watch') return !has('preset') || isComparison(value) === isComparison(defaults)
    return (key !== 'steps' && key !== 'ramp' && !(key in PRESET_KEYS)) || !(has('steps') || has('ramp') || has('preset'))
  }).map(key => [key, ownValue(defaults, key)]).filter(([, each]) => each !== undefined))
  const [analysis, own] = [asObject(ownValue(defaults, 'analysis')), asObject(ownValue(value, 'analysis'))]
  const merged = { ...kept, ...value }
  return analysis === undefined || own === undefined ? merged : { ...merged, analysis: { ...analysis, ...own } }
}

function isComparison (value: UntrustedObject): boolean {
  return ownValue(value, 'preset') === 'a-b'
}

interface Pair {
  readonly from: string
  readonly to: string
}

/** The versions that are given, as far as they are right. */
function namedVersions (value: UntrustedObject, versions: readonly string[], faults: PlanFaults): Partial<Pair> {
  const read = (key: 'from' | 'to'): Readonly<Record<string, string>> => {
    const name = ownValue(value, key)
    if (name === undefined) return {}
    if (typeof name === 'string' && versions.includes(name)) return { [key]: name }
    faults.add(key, `must be a version of the route: ${versions.map(each => `"${each}"`).join(', ')}${given(name)}`)
    return {}
  }
  const named: Partial<Pair> = { ...read('from'), ...read('to') }
  if (named.from !== undefined && named.from === named.to) faults.add('to', 'is the same version as `from`')
  return named
}

/** A version that is not given is the only one that it can be. */
function readPair (value: UntrustedObject, weights: Weights, faults: PlanFaults): Pair | undefined {
  const versions = Object.keys(weights)
  const named = namedVersions(value, versions, faults)
  const isGiven = (key: string): boolean => ownValue(value, key) !== undefined
  const withWeight = versions.filter(name => (weightOf(weights, name) ?? 0) > 0 && name !== named.to)
  const from = named.from ?? (isGiven('from') ? undefined : otherOf(versions, named.to) ?? only(withWeight))
  const to = named.to ?? (isGiven('to') ? undefined : otherOf(versions, from))
  if (from === undefined && !isGiven('from')) faults.add('from', 'is missing: more than one version has a weight, so say which of them is to be replaced')
  if (to === undefined && !isGiven('to')) faults.add('to', `is missing: name the version that is to come, one of ${versions.map(each => `"${each}"`).join(', ')}`)
  return from === undefined || to === undefined || from === to ? undefined : { from, to }
}

function otherOf (versions: readonly string[], name: string | undefined): string | undefined {
  return name !== undefined && versions.length === 2 ? versions.find(each => each !== name) : undefined
}

function only (names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined
}

function shareIn (weights: Weights, to: string, from: string): number | undefined {
  const [next, former] = [weightOf(weights, to) ?? 0, weightOf(weights, from) ?? 0]
  return next + former === 0 ? undefined : 100 * next / (next + former)
}

/** All but the versions; undefined when the steps are wrong. */
function readRest (value: UntrustedObject, share: number | undefined, faults: PlanFaults): Omit<RolloutPlan, 'from' | 'to'> | undefined {
  const preset = optional(value, 'preset', plain => readChoice(plain, 'preset', ROLLOUT_PRESETS, faults)) ?? 'canary'
  const standard = preset === 'a-b' ? 'keep' : 'promote'
  const onSuccess = optional(value, 'onSuccess', plain => readChoice(plain, 'onSuccess', ON_SUCCESS, faults)) ?? standard
  const standardMs = preset === 'a-b' ? 0 : DEFAULT_WATCH_MS
  const watchMs = optional(value, 'watch', plain => readDuration(plain, 'watch', 0, faults)) ?? standardMs
  const analysis = readAnalysis(ownValue(value, 'analysis'), 'analysis', faults)
  const steps = stepsOf(value, { share, warmupMs: analysis.warmupMs, onSuccess, preset }, faults)
  return steps === undefined ? undefined : { preset, steps, onSuccess, watchMs, analysis }
}

function optional<V> (value: UntrustedObject, key: string, read: (plain: unknown) => V | undefined): V | undefined {
  const plain = ownValue(value, key)
  return plain === undefined ? undefined : read(plain)
}

function stepsOf (value: UntrustedObject, facts: OrderFacts, faults: PlanFaults): readonly PlanStep[] | undefined {
  const [steps, ramp] = [ownValue(value, 'steps'), ownValue(value, 'ramp')]
  const options = readPresetOptions(value, facts.preset, faults)
  if (steps !== undefined && ramp !== undefined) {
    return faults.add('ramp', 'stands beside `steps`: write it as one of them, `{ ramp: { to: 100, over: 10m } }`, or leave `steps` out')
  }
  if (steps !== undefined) return readSteps(steps, facts, faults)
  return ramp === undefined ? checkPreset(options, facts, faults) : readRampAlone(ramp, facts, faults)
}

function readPresetOptions (value: UntrustedObject, preset: RolloutPreset, faults: PlanFaults): PresetOptions {
  const hasSteps = ownValue(value, 'steps') !== undefined || ownValue(value, 'ramp') !== undefined
  const take = <V>(key: keyof typeof PRESET_KEYS, read: (plain: unknown) => V | undefined): V | undefined => {
    const plain = ownValue(value, key)
    if (plain === undefined) return undefined
    if (PRESET_KEYS[key] !== preset) return faults.add(key, `is an option of the preset \`${PRESET_KEYS[key]}\`, not of \`${preset}\`; a step says it in any plan`)
    if (hasSteps) return faults.add(key, 'is for the steps of the preset, and the plan has its own: write it as one of them')
    return read(plain)
  }
  return {
    forMs: take('for', plain => readDuration(plain, 'for', 1, faults)),
    match: take('match', plain => readMatch(plain, 'match', faults)),
    preview: take('preview', plain => readMatch(plain, 'preview', faults))
  }
}
