import type { Random } from '../core/random.ts'
import { readPlan } from '../plans/read-plan.ts'
import { writePlan } from '../plans/write-plan.ts'
import type { RolloutGauges } from '../telemetry/rollout-families.ts'
import type { ChangeOptions, ChangeResult, CutResult } from './change-result.ts'
import type { LiveRollout } from './live-rollout.ts'
import type {
  RolloutAction, RolloutControl, RolloutError, RolloutMeta, RolloutResult, RolloutStatus, StatedVerdict
} from './rollout-control.ts'
import { describeRollout } from './rollout-description.ts'
import { reportOf, type RolloutReport } from './rollout-report.ts'
import { isLive, type RolloutEvent, type RolloutState } from './rollout-state.ts'
import { possibleActions } from './rollout-transition.ts'
import type { SeenVersions } from './seen-versions.ts'
import type { TrafficControl } from './traffic-control.ts'

export interface RolloutServiceDeps {
  readonly random: Random
  readonly traffic: Pick<TrafficControl, 'route' | 'change' | 'cutOff' | 'pendingCut'>
  /** The rollout of a route that runs; undefined when none does. */
  readonly live: (route: string) => Pick<LiveRollout, 'id' | 'verdict' | 'fault' | 'evidence' | 'leads' | 'seen'> | undefined
  /** The plan that the configuration in force has for a route, as people write it; undefined: none. */
  readonly defaultPlan: (route: string) => unknown
}

const NO_PLAN = 'the configuration has no plan for this route: give one, such as {"preset": "canary"}, or write routes[].rollout'

/** What people do with rollouts, and see of them. */
export class RolloutService implements RolloutControl {
  readonly #deps: RolloutServiceDeps

  constructor (deps: RolloutServiceDeps) {
    this.#deps = deps
  }

  async start (route: string, plan: unknown, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult> {
    const { defaultPlan, traffic } = this.#deps
    const current = traffic.route(route)
    if (current === undefined) return refused({ code: 'unknown_route', message: `there is no route "${route}"` })
    if (isLive(current.rollout)) {
      return refused({
        code: 'rollout_running',
        message: `the rollout to "${current.rollout.plan.to}" runs, and a route has one at a time`,
        epoch: current.epoch,
        possible: possibleActions(current)
      })
    }
    const defaults = defaultPlan(route)
    if (plan === undefined && defaults === undefined) {
      return refused({ code: 'no_plan', message: NO_PLAN, epoch: current.epoch })
    }
    const read = readPlan(plan, { weights: current.weights, defaults })
    if (!read.ok) return refused({ code: 'invalid_plan', message: 'the plan can\'t be carried out: see its faults', epoch: current.epoch, faults: read.faults })
    return await this.#change(route, { type: 'start', plan: read.plan, ...this.#names() }, meta, options)
  }

  async act (route: string, action: RolloutAction, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult> {
    if (action.type === 'abort') return await this.#abort(route, meta, options)
    const event = action.type === 'retry' ? { type: 'retry', ...this.#names() } as const : { ...action, ...this.#seen(route) }
    return await this.#change(route, event, meta, options)
  }

  status (route: string): RolloutStatus | undefined {
    const { live, traffic } = this.#deps
    const current = traffic.route(route)
    const state = current?.rollout
    if (current === undefined || state === undefined) return undefined
    const described = describeRollout({ ...current, rollout: state })
    const running = live(route)
    const evidence = isLive(state) && running?.id === state.id ? running.evidence : null
    return {
      ...described,
      sentence: `${described.sentence}${evidenceText(evidence)}`,
      route,
      weights: current.weights,
      epoch: current.epoch,
      plan: writePlan(state.plan),
      defaultDiffers: this.#defaultDiffers(route, state),
      possible: possibleActions(current),
      pending: traffic.pendingCut(route) ?? running?.fault ?? null,
      verdict: this.verdict(route) ?? null,
      evidence
    }
  }

  verdict (route: string): StatedVerdict | undefined {
    const state = this.#deps.traffic.route(route)?.rollout
    const live = this.#deps.live(route)
    return (isLive(state) && live?.id === state.id ? live.verdict : undefined) ?? state?.verdict ?? undefined
  }

  /** What is kept is a little older. */
  #seen (route: string): { readonly seen?: SeenVersions } {
    const state = this.#deps.traffic.route(route)?.rollout
    const live = this.#deps.live(route)
    return isLive(state) && live?.id === state.id && live.leads ? { seen: live.seen } : {}
  }

  report (route: string): RolloutReport | undefined {
    const state = this.#deps.traffic.route(route)?.rollout
    if (state === undefined) return undefined
    const own = this.#seen(route).seen
    return reportOf({ route, state, seen: own ?? state.seen, verdict: this.verdict(route), isStored: isLive(state) && own === undefined })
  }

  /** For /metrics; undefined for a route that never had one. */
  gauges (route: string): RolloutGauges | undefined {
    const { live, traffic } = this.#deps
    const state = traffic.route(route)?.rollout
    if (state === undefined) return undefined
    const running = live(route)
    const verdict = running?.verdict
    return {
      phase: state.phase,
      step: state.step,
      share: state.shareTo / 100,
      evidence: verdict === undefined
        ? {}
        : {
            errors: verdict.errors.evidence,
            slow: verdict.slow.evidence,
            ...(verdict.pairs === null ? {} : { pairs: verdict.pairs.evidence }),
            ...(verdict.copies === null ? {} : { copies: verdict.copies.evidence }),
            sentinel: verdict.sentinel.evidence
          },
      verdict: this.verdict(route)?.verdict,
      pending: (traffic.pendingCut(route) ?? running?.fault ?? null) !== null
    }
  }

  async #change (route: string, event: RolloutEvent, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult> {
    return this.#answer(route, await this.#deps.traffic.change(route, { type: 'rollout', event }, { ...meta, source: 'api' }, options))
  }

  /** In force before it is stored; the answer waits a little for the store. */
  async #abort (route: string, meta: RolloutMeta, options: ChangeOptions): Promise<RolloutResult> {
    const event = { type: 'abort', ...this.#seen(route) } as const
    const result = this.#deps.traffic.cutOff(route, { type: 'rollout', event }, { ...meta, source: 'api' }, options)
    if (result.ok) await result.settled
    return this.#answer(route, result)
  }

  #answer (route: string, result: ChangeResult | CutResult): RolloutResult {
    if (!result.ok) return refused(result.error)
    const status = this.status(route)
    if (status === undefined) return refused({ code: 'unknown_route', message: `the route "${route}" has left the configuration` })
    return { ok: true, changed: result.changed, status, epoch: status.epoch, published: result.published }
  }

  /** What tells a rollout from all others, and its clients from those of the last one. */
  #names (): { readonly id: string, readonly salt: string } {
    const { random } = this.#deps
    const name = (): string => [random.nextUint32(), random.nextUint32()].map(part => part.toString(36)).join('')
    return { id: name(), salt: name() }
  }

  #defaultDiffers (route: string, state: RolloutState): boolean {
    const defaults = this.#deps.defaultPlan(route)
    if (defaults === undefined) return false
    const { from, to } = state.plan
    const read = readPlan({ from, to }, { weights: state.before, defaults })
    return !read.ok || JSON.stringify(writePlan(read.plan)) !== JSON.stringify(writePlan(state.plan))
  }
}

/** Replicas that a sentence names. */
const MAX_NAMED = 3

function refused (error: RolloutError): RolloutResult {
  return { ok: false, error }
}

/** Whose evidence is missing, as a part of a sentence; empty when none is. */
function evidenceText (evidence: RolloutStatus['evidence']): string {
  if (evidence === null) return ''
  const { leads, replicas, of, missing, unknown } = evidence
  if (!leads) return '; this replica judges by its own evidence, the holder of the Lease by that of all'
  if (missing.length === 0 && unknown === undefined) return ''
  const absent = missing.slice(0, MAX_NAMED).map(({ name, address, reason }) => `${name === undefined ? address : `${name} (${address})`}: ${reason}`)
  const more = missing.length > MAX_NAMED ? [`${missing.length - MAX_NAMED} more`] : []
  const why = [...absent, ...more, ...(unknown === undefined ? [] : [`others are not known: ${unknown}`])]
  return `; evidence of ${replicas} of ${of ?? replicas} replicas: ${why.join('; ')}`
}
