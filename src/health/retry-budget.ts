import type { RetryBudgetPolicy } from '../contract/route-policy.ts'

/**
 * Keeps retries from multiplying an outage: only so many may be under way at a time, in proportion to the requests in
 * flight (as Envoy's retry budget and Finagle's). One worker, one route.
 */
export class RetryBudget {
  #policy: RetryBudgetPolicy
  #underWay = 0

  constructor (policy: RetryBudgetPolicy) {
    this.#policy = policy
  }

  /** Puts another policy in force; retries that are under way stay counted. */
  configure (policy: RetryBudgetPolicy): void {
    this.#policy = policy
  }

  /**
   * Takes one retry out of the budget; who gets true has to call `release` once when that attempt is over.
   * @param activeRequests requests in flight, the one that asks included
   */
  tryTake (activeRequests: number): boolean {
    if (!this.hasLeft(activeRequests)) return false
    this.#underWay++
    return true
  }

  /** Would `tryTake` say yes? */
  hasLeft (activeRequests: number): boolean {
    const { share, minimum } = this.#policy
    return this.#underWay < minimum || this.#underWay < Math.floor(activeRequests * share)
  }

  /** Whatever happens, nothing is ever tried again. */
  get isNone (): boolean { return this.#policy.minimum === 0 && this.#policy.share === 0 }

  release (): void {
    if (this.#underWay > 0) this.#underWay--
  }
}
