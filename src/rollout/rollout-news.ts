import type { Verdict, VerdictOutcome } from '../analysis/verdict.ts'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import { isLive, type RolloutState } from './rollout-state.ts'
import type { RouteTraffic } from './traffic-state.ts'

/** Who keeps events for those who follow them. */
interface RolloutEventBook {
  record (type: 'rollout' | 'verdict', route: string, fields: object, options?: { readonly sharedId?: string }): void
}

/** Who counts what has happened. */
interface RolloutCounters {
  rolloutStepped (): void
  /** @param cause the rule that has failed it, or `person`, `config` */
  rolloutAborted (cause: string): void
}

interface RolloutNewsDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly events: RolloutEventBook
  readonly counters: RolloutCounters
}

interface JudgedOutcome {
  readonly id: string
  readonly outcome: VerdictOutcome
  /** How often it was another one than before. */
  readonly changes: number
}

/** The changes of one rollout's verdict that are booked. */
const MAX_CHANGES = 20

/** Tells what becomes of rollouts, whoever has made it so: in the log, to those who follow events, and in numbers. */
export class RolloutNews {
  readonly #deps: RolloutNewsDeps
  /** By route, what was told last. */
  readonly #told = new Map<string, RolloutState>()
  readonly #outcomes = new Map<string, JudgedOutcome>()

  /** What was so before this process is no news. */
  readonly #beganMs: number

  constructor (deps: RolloutNewsDeps) {
    this.#deps = deps
    this.#beganMs = deps.clock.wallMs()
  }

  /** The traffic state of a route may be another one. */
  look (route: string, traffic: RouteTraffic): void {
    const told = this.#told.get(route)
    const after = traffic.rollout
    if (after === undefined || after === told) return
    this.#told.set(route, after)
    if (told === undefined && Date.parse(after.since) < this.#beganMs) return this.#found(route, after)
    const before = told?.id === after.id ? told : undefined
    if (before !== undefined && isAtSamePlace(before, after)) return
    this.#book(route, traffic, before, after)
    this.#count(before, after)
    if (after.phase === 'Degraded') this.#failed(route, after)
    else this.#deps.log.info('a rollout has moved', { route, ...factsOf(after) })
  }

  #count (before: RolloutState | undefined, { step, phase, actor, verdict }: RolloutState): void {
    const { counters } = this.#deps
    if (before !== undefined && before.step !== step) counters.rolloutStepped()
    if (phase === 'Degraded') counters.rolloutAborted(verdict?.code ?? 'other')
    else if (phase === 'Aborted') counters.rolloutAborted(actor === 'config' ? 'config' : 'person')
  }

  /** Forgets the routes that are gone, and what was judged of rollouts that have ended. */
  retain (routes: ReadonlyMap<string, RouteTraffic>): void {
    for (const route of this.#told.keys()) if (routes.get(route)?.rollout === undefined) this.#told.delete(route)
    for (const route of this.#outcomes.keys()) if (!isLive(routes.get(route)?.rollout)) this.#outcomes.delete(route)
  }

  /** A live rollout was judged. */
  judged (route: string, { id, plan, step }: RolloutState, verdict: Verdict): void {
    const known = this.#outcomes.get(route)
    const last = known?.id === id ? known : { id, outcome: 'undecided', changes: 0 } as const
    const { verdict: outcome } = verdict
    if (known === last && outcome === last.outcome) return
    const changes = last.changes + (outcome === last.outcome ? 0 : 1)
    this.#outcomes.set(route, { id, outcome, changes })
    // Evidence that goes to and fro over its threshold is no news every time.
    if (outcome === last.outcome || (changes > MAX_CHANGES && outcome !== 'fail')) return
    this.#deps.events.record('verdict', route, {
      rollout: id, from: plan.from, to: plan.to, step, before: last.outcome, after: outcome, numbers: numbersOf(verdict)
    })
  }

  /** Of a process before this one, or of a store that could not be read until now. */
  #found (route: string, state: RolloutState): void {
    if (isLive(state)) this.#deps.log.info('a rollout goes on where it was', { route, ...factsOf(state) })
  }

  #book (route: string, { epoch, weights }: RouteTraffic, before: RolloutState | undefined, after: RolloutState): void {
    const { id, actor, reason, plan, verdict, phase, since } = after
    this.#deps.events.record('rollout', route, {
      rollout: id,
      from: plan.from,
      to: plan.to,
      before: before === undefined ? null : placeOf(before),
      after: placeOf(after),
      epoch,
      weights,
      actor,
      reason,
      ...(verdict === null ? {} : { verdict })
    }, { sharedId: `rollout-${id}-${after.step}-${phase}-${since}` })
  }

  #failed (route: string, state: RolloutState): void {
    const { verdict } = state
    this.#deps.log.warn('a rollout has failed, and the weights are back', {
      route,
      ...factsOf(state),
      ...(verdict === null
        ? {}
        : {
            code: verdict.code,
            requests: verdict.to.requests,
            failures: verdict.to.failures,
            slow: verdict.to.slow,
            oldRequests: verdict.from.requests,
            oldFailures: verdict.from.failures,
            oldSlow: verdict.from.slow
          })
    })
  }
}

function isAtSamePlace (left: RolloutState, right: RolloutState): boolean {
  return left.phase === right.phase && left.step === right.step && left.pausedBy === right.pausedBy
}

function placeOf ({ phase, step, shareTo, pausedBy }: RolloutState) {
  return { phase, step, shareTo, ...(pausedBy === null ? {} : { pausedBy }) }
}

function factsOf ({ id, plan, phase, step, shareTo, pausedBy, actor, reason }: RolloutState) {
  const cause = pausedBy === null ? {} : { pausedBy }
  return { rollout: id, from: plan.from, to: plan.to, phase, step, steps: plan.steps.length, shareTo, ...cause, actor, reason }
}

function numbersOf ({ code, reason, from, to, errors, slow }: Verdict) {
  return { code, reason, from, to, errors, slow }
}
