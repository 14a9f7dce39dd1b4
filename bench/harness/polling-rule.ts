/**
 * The rule of a controller that asks a metrics server from time to time: the share of good answers, or of slow ones, over a window, and so
 * many bad answers in all before it rolls back.
 */

export interface PollingPlan {
  readonly name: string
  readonly everySeconds: number
  /** The query looks back so far. */
  readonly windowSeconds: number
  /** The most that may fail, 0..1. */
  readonly maxFailureShare: number
  /** The look that is the so-manieth bad one rolls back. */
  readonly badLooks: number
}

/** Flagger as its tutorials set it up: `interval: 1m`, `threshold: 5`, `request-success-rate` of at least 99 % over 1 m. */
export const FLAGGER: PollingPlan = { name: 'Flagger', everySeconds: 60, windowSeconds: 60, maxFailureShare: 0.01, badLooks: 5 }

/**
 * Argo Rollouts as the first example of its page on analysis has it: `interval: 5m`, `failureLimit: 3`, success of at least 95 % over 5
 * m.
 */
export const ARGO: PollingPlan = { name: 'Argo Rollouts', everySeconds: 300, windowSeconds: 300, maxFailureShare: 0.05, badLooks: 4 }

export class PollingRule {
  readonly #plan: PollingPlan
  /** Requests and failures since the last look: window and interval are the same in both plans. */
  #requests = 0
  #failures = 0
  #bad = 0

  constructor (plan: PollingPlan) {
    if (plan.windowSeconds !== plan.everySeconds) throw new RangeError(`${plan.name}: a window that is not the interval is not counted here`)
    this.#plan = plan
  }

  /** @returns whether it rolls back now */
  look ({ requests, failures }: { readonly requests: number, readonly failures: number }, nowMs: number): boolean {
    this.#requests += requests
    this.#failures += failures
    if (nowMs % (this.#plan.everySeconds * 1_000) !== 0) return false
    if (this.#requests > 0 && this.#failures / this.#requests > this.#plan.maxFailureShare) this.#bad++
    this.#requests = 0
    this.#failures = 0
    return this.#bad >= this.#plan.badLooks
  }
}
