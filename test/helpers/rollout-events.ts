/** What tests of rollouts begin with: a plan, a route, and what happens to it. */
import { Analysis } from '../../src/analysis/analysis.ts'
import { DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import type { Weights } from '../../src/contract/weights.ts'
import type { PlanStep, RolloutPlan, StepMatch } from '../../src/plans/rollout-plan.ts'
import type { Judgement, RolloutAdvance, RolloutEvent, RolloutState } from '../../src/rollout/rollout-state.ts'
import type { ChangeMeta, RouteTraffic, TrafficCommand } from '../../src/rollout/traffic-state.ts'
import { applyConfig, changeRoute } from '../../src/rollout/transition.ts'

const AT = '2026-01-01T00:00:00.000Z'
export const BY_OPS: ChangeMeta = { actor: 'ops', reason: '', source: 'api', at: AT }

export const EVIDENCE = new Analysis(DEFAULT_ANALYSIS, 0).stored()

export const setWeight = (weight: number): PlanStep => ({ kind: 'set-weight', weight })
export const pauseFor = (durationMs: number | null): PlanStep => ({ kind: 'pause', durationMs })
export const ramp = (to: number, overMs: number): PlanStep => ({ kind: 'ramp', to, overMs })
export const analyse = (forMs: number | null, fields: Partial<Extract<PlanStep, { kind: 'analyse' }>> = {}): PlanStep =>
  ({ kind: 'analyse', forMs, requests: null, onUndecided: 'wait', ...fields })

/** The requests whose field is this. */
export const headerMatch = (name: string, value: string): StepMatch =>
  ({ match: [{ headers: [{ name, test: { kind: 'exact', value } }], cookies: [], query: [], methods: [] }], alwaysNever: [] })
export const setMatch = (match: StepMatch | null): PlanStep => ({ kind: 'set-match', match })
export const mirror = (percent: number | null): PlanStep => ({ kind: 'mirror', mirror: percent === null ? null : { percent } })

export function planOf (steps: readonly PlanStep[], fields: Partial<RolloutPlan> = {}): RolloutPlan {
  return { preset: 'canary', from: 'stable', to: 'canary', steps, onSuccess: 'promote', watchMs: 60_000, analysis: DEFAULT_ANALYSIS, ...fields }
}

/** A route as the configuration first has it. */
export function routeOf (weights: Weights): RouteTraffic {
  const route = applyConfig({ routes: new Map(), epochFloor: 0 }, [{ name: 'hello', weights }], AT).routes.get('hello')
  if (route === undefined) throw new Error('no route')
  return route
}

const NUMBERS = { requests: 100, failures: 1, failureShare: 0.01, interval: [0, 0.05], slow: 0, slowShare: 0 } as const

export function judgement (verdict: Judgement['verdict'], fields: Partial<Judgement> = {}): Judgement {
  return { verdict, code: verdict === 'fail' ? 'errors' : 'more_needed', reason: `it is a ${verdict}`, pause: false, from: NUMBERS, to: NUMBERS, ...fields }
}

export const advance = (elapsedMs: number, fields: Partial<RolloutAdvance> = {}): RolloutAdvance =>
  ({ type: 'advance', id: 'r1', elapsedMs, verdict: null, toReady: false, requestsTo: 0, ...fields })

export const start = (plan: RolloutPlan, fields: { id?: string, salt?: string } = {}): RolloutEvent =>
  ({ type: 'start', plan, id: 'r1', salt: 'salt-1', ...fields })

/** Applies events and commands that have to be accepted. */
export function after (route: RouteTraffic, ...events: ReadonlyArray<RolloutEvent | Exclude<TrafficCommand, { type: 'rollout' }>>): RouteTraffic {
  return events.reduce((current, event) => {
    const isCommand = event.type === 'weights' || event.type === 'switch' || event.type === 'undo'
    const result = changeRoute(current, isCommand ? event : { type: 'rollout', event }, BY_OPS)
    if (!result.ok) throw new Error(result.error.message)
    return result.route
  }, route)
}

export function rolloutOf ({ rollout }: RouteTraffic): RolloutState {
  if (rollout === undefined) throw new Error('no rollout')
  return rollout
}
