import type {
  RolloutAction, RolloutControl, RolloutError, RolloutMeta, RolloutResult, RolloutStatus, StatedVerdict
} from '../../src/rollout/rollout-control.ts'

/** What was asked of the rollouts. */
export interface AskedOfRollouts {
  readonly route: string
  readonly plan?: unknown
  readonly action?: RolloutAction
  readonly meta: RolloutMeta
  readonly ifEpoch: readonly number[] | undefined
}

const PLAN = { from: 'stable', to: 'canary', preset: 'canary', steps: [{ setWeight: 5 }, { analyse: { for: '2m' } }, { setWeight: 50 }], onSuccess: 'promote', watch: '10m' }

/** The rollout of `hello` at its second step. */
export const HELLO_ROLLOUT: RolloutStatus = {
  id: 'r1',
  route: 'hello',
  phase: 'Progressing',
  from: 'stable',
  to: 'canary',
  step: 1,
  steps: [
    { kind: 'set-weight', text: 'weight 5 %', weight: 5, state: 'done' },
    { kind: 'analyse', text: 'analyse 2m', weight: null, state: 'now' },
    { kind: 'set-weight', text: 'weight 50 %', weight: 50, state: 'ahead' }
  ],
  waitsFor: 'a pass',
  since: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.000Z',
  sentence: 'canary has 5 % and is compared with stable',
  shareTo: 5,
  weights: { stable: 95, canary: 5 },
  epoch: 2,
  actor: 'ops',
  reason: 'release 2',
  plan: PLAN,
  defaultDiffers: false,
  possible: ['pause', 'promote', 'abort'],
  pending: null,
  verdict: null,
  evidence: null
}

/** A verdict with all of its numbers. */
export const SAID: StatedVerdict = {
  verdict: 'undecided',
  code: 'more_needed',
  reason: 'a pass needs 400 more requests',
  pause: false,
  ejectEndpoint: null,
  from: { requests: 4_000, failures: 4, failureShare: 0.001, interval: [0.0002, 0.003], slow: 40, slowShare: 0.01 },
  to: { requests: 200, failures: 1, failureShare: 0.005, interval: [0.0001, 0.04], slow: 2, slowShare: 0.01 },
  errors: { evidence: 1.5, threshold: 1_000, clients: 5, clientsOnNew: 1, difference: 0.004, allowed: 0.005, passEvidence: 2, passThreshold: 20 },
  slow: { evidence: 0.9, threshold: 1_000, clients: 30, clientsOnNew: 2, difference: 0, allowed: 0.02, passEvidence: 8.5, passThreshold: 20 },
  pairs: null,
  copies: null,
  sentinel: { evidence: 1.1, silent: true },
  clients: null,
  heaviest: { key: '10.0.0.7', share: 1 },
  needs: { requests: 400, minutes: 1.5 }
}

const OVER: ReadonlySet<string> = new Set(['Healthy', 'Degraded', 'Aborted'])
const PHASES = { pause: 'Paused', resume: 'Progressing', promote: 'Progressing', abort: 'Aborted', retry: 'Progressing' } as const

/** Rollouts of the route `hello` that do as they are told, without traffic. */
export class FakeRollouts implements RolloutControl {
  readonly asked: AskedOfRollouts[] = []
  /** Every change is refused so. */
  refusal: RolloutError | undefined
  current: RolloutStatus | undefined
  said: StatedVerdict | undefined
  epoch = 1

  async start (route: string, plan: unknown, meta: RolloutMeta, { ifEpoch }: { readonly ifEpoch?: readonly number[] }): Promise<RolloutResult> {
    this.asked.push({ route, plan, meta, ifEpoch })
    const refusal = this.#refusalOf(route, ifEpoch)
    if (refusal !== undefined) return { ok: false, error: refusal }
    if (this.current !== undefined && !OVER.has(this.current.phase)) {
      return this.#refuse({ code: 'rollout_running', message: 'a rollout runs already', possible: ['pause', 'promote', 'abort'] })
    }
    this.current = { ...HELLO_ROLLOUT, actor: meta.actor, reason: meta.reason }
    return this.#done(true)
  }

  async act (route: string, action: RolloutAction, meta: RolloutMeta, { ifEpoch }: { readonly ifEpoch?: readonly number[] }): Promise<RolloutResult> {
    this.asked.push({ route, action, meta, ifEpoch })
    const refusal = this.#refusalOf(route, ifEpoch)
    if (refusal !== undefined) return { ok: false, error: refusal }
    if (this.current === undefined) return this.#refuse({ code: 'no_rollout', message: 'there is no rollout; start one', possible: ['start'] })
    if (OVER.has(this.current.phase) !== (action.type === 'retry')) {
      if (action.type === 'abort' && this.current.phase === 'Aborted') return this.#done(false)
      return this.#refuse({ code: 'rollout_not_running', message: `the rollout is ${this.current.phase}`, possible: ['start', 'retry'] })
    }
    const phase = action.type === 'promote' && action.full ? 'Healthy' : PHASES[action.type]
    const changed = phase !== this.current.phase || action.type === 'promote'
    this.current = { ...this.current, phase, actor: meta.actor, reason: meta.reason }
    return this.#done(changed)
  }

  status (route: string): RolloutStatus | undefined {
    return route === 'hello' ? this.current : undefined
  }

  verdict (route: string): StatedVerdict | undefined {
    return route === 'hello' ? this.said : undefined
  }

  report (): undefined {
    return undefined
  }

  #refusalOf (route: string, ifEpoch: readonly number[] | undefined): RolloutError | undefined {
    if (this.refusal !== undefined) return this.refusal
    if (route !== 'hello') return { code: 'unknown_route', message: `there is no route "${route}"` }
    if (ifEpoch?.includes(this.epoch) !== false) return undefined
    return { code: 'epoch_mismatch', message: `the route is at epoch ${this.epoch}`, epoch: this.epoch }
  }

  #refuse (error: RolloutError): RolloutResult {
    return { ok: false, error: { epoch: this.epoch, ...error } }
  }

  #done (changed: boolean): RolloutResult {
    if (this.current === undefined) throw new Error('there is no rollout')
    if (changed) this.epoch += 1
    this.current = { ...this.current, epoch: this.epoch }
    return { ok: true, changed, status: this.current, epoch: this.epoch, published: Promise.resolve({ workers: 2, applied: 2, tookMs: 1.5 }) }
  }
}
