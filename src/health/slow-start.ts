import type { SlowStartPolicy } from '../contract/route-policy.ts'

/** `sinceMs` of an endpoint that never was new: it was there when its version was. */
export const ALWAYS_READY = Number.NEGATIVE_INFINITY

/** How much of its share an endpoint gets while it warms up: from the minimum to all of it, in a straight line over the window. */
export class SlowStart {
  readonly windowMs: number
  readonly #minShare: number

  constructor (policy: SlowStartPolicy) {
    this.windowMs = policy.windowMs
    this.#minShare = policy.minShare
  }

  /**
   * @param sinceMs when the endpoint became ready; ALWAYS_READY has no slow start
   * @returns 0 to 1: the probability with which a request that was meant for the endpoint should stay there
   */
  factor (sinceMs: number, nowMs: number): number {
    const age = nowMs - sinceMs
    if (this.windowMs === 0 || age >= this.windowMs) return 1
    return age <= 0 ? this.#minShare : this.#minShare + (1 - this.#minShare) * (age / this.windowMs)
  }
}
