/**
 * One attempt at an endpoint: what it has in flight there, the trial if it is one, and what the endpoint's health is told of the end.
 * Reused for each attempt of a client connection. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { outcomeOf } from '../health/endpoint-outcome.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'
import type { AttemptFailures } from './attempt-failures.ts'
import type { ExchangeFacts } from './exchange-facts.ts'

export class AttemptLease {
  /** Null when there is no attempt. */
  endpoint: EndpointPool | null = null
  readonly #failures: AttemptFailures
  #onTrial = false
  #startedMs = 0

  constructor (failures: AttemptFailures) {
    this.#failures = failures
  }

  take (endpoint: EndpointPool, nowMs: number): void {
    this.#startedMs = nowMs
    this.endpoint = endpoint
    endpoint.inFlight++
    this.#onTrial = endpoint.health.inTrial
    if (this.#onTrial) endpoint.trials++
  }

  /** Something of an answer has come. */
  answered (status: number): void {
    const { endpoint } = this
    if (endpoint === null) return
    if (this.#onTrial) this.#endTrial(endpoint)
    if (endpoint.health.inTrial && outcomeOf(null, status) === 'success') endpoint.health.answered()
  }

  /** Tells how it has ended. `code` is null when the endpoint has answered with `status`. */
  report (facts: Pick<ExchangeFacts, 'route' | 'version' | 'attemptFault'>, code: ProxyErrorCode | null, status: number): void {
    const { endpoint } = this
    if (endpoint === null) return
    const outcome = outcomeOf(code, status)
    facts.version?.pool.report(endpoint, outcome, this.#startedMs)
    if (outcome !== 'success' && outcome !== 'none') this.#failures.note(facts, endpoint.key, outcome)
  }

  release (): void {
    const { endpoint } = this
    if (endpoint === null) return
    this.endpoint = null
    endpoint.inFlight--
    if (this.#onTrial) this.#endTrial(endpoint)
  }

  #endTrial (endpoint: EndpointPool): void {
    endpoint.trials--
    this.#onTrial = false
  }
}
