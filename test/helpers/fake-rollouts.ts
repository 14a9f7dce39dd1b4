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
const HELLO_ROLLOUT: RolloutStatus = {
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
  pending: null,
  verdict: null
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
