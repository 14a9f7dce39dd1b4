/**
 * One attempt at an endpoint, as a lease: endpoint, call, in-flight count, trial and the retry it was taken from the budget for are taken
 * once and closed once, with what the endpoint's health is told. One object serves the attempts of an exchange one after the other. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { type FailureCause, outcomeOf } from '../health/endpoint-health.ts'
import type { RetryBudget } from '../health/retry-budget.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { UpstreamCall } from '../upstream/upstream-call.ts'
import type { RequestFacts } from './request-facts.ts'

/**
 * Which endpoints have failed requests since the worker's last tick, and of what: for the log, where a dead or mistyped endpoint would
 * show up in nothing else. The first failure of a kind stands for the others; the metrics count them.
 */

interface AttemptFailure {
  readonly route: string
  readonly version: string
  /** `address:port` */
  readonly endpoint: string
  readonly reason: FailureCause
  /** What exactly was wrong; empty for an answer of 502, 503 or 504. */
  readonly detail: string
}

/** The request whose attempt failed. */
type FailedFacts = Pick<RequestFacts, 'route' | 'version' | 'attemptFault'>

/** Kinds that are told in one tick; others come with the next, if they still fail. */
const MAX_KINDS = 64

export class AttemptFailures {
  /** By endpoint and reason. */
  readonly #failures = new Map<string, AttemptFailure>()

  note ({ route, version, attemptFault }: FailedFacts, endpoint: string, reason: FailureCause): void {
    const kind = `${endpoint} ${reason}`
    if (this.#failures.size >= MAX_KINDS || this.#failures.has(kind)) return
    this.#failures.set(kind, { route: route?.name ?? '', version: version?.name ?? '', endpoint, reason, detail: attemptFault })
  }

  /** What has failed since the last call, in order. */
  take (): readonly AttemptFailure[] {
    if (this.#failures.size === 0) return NONE
    const failures = [...this.#failures.values()]
    this.#failures.clear()
    return failures
  }
}

const NONE: readonly AttemptFailure[] = []

export class AttemptLease {
  /** Null when there is no attempt under way. */
  call: UpstreamCall | null = null
  /** As long as the attempt is in flight: it may be behind the end of its call. */
  endpoint: EndpointPool | null = null
  /** It has a retry from the budget. */
  hasBudget = false
  readonly #failures: AttemptFailures
  readonly #facts: RequestFacts
  #onTrial = false
  #startedMs = 0
  /** Where a retry was taken from. It is under way until an answer has begun, over all attempts that it takes. */
  #budget: RetryBudget | null = null

  constructor (failures: AttemptFailures, facts: RequestFacts) {
    this.#failures = failures
    this.#facts = facts
  }

  open (endpoint: EndpointPool, call: UpstreamCall, nowMs: number): void {
    this.#startedMs = nowMs
    this.endpoint = endpoint
    this.call = call
    endpoint.inFlight++
    this.#onTrial = endpoint.health.inTrial
    if (this.#onTrial) endpoint.trials++
  }

  /** Takes a retry for the attempt that follows, unless it has one. @returns false when the budget has none left */
  takeBudget (budget: RetryBudget, inFlight: number): boolean {
    if (this.#budget !== null) return true
    if (!budget.tryTake(inFlight)) return false
    this.#budget = budget
    this.hasBudget = true
    return true
  }

  releaseBudget (): void {
    this.#budget?.release()
    this.#budget = null
    this.hasBudget = false
  }

  /** An answer has begun: whatever it takes from now on, a tunnel or a stream, it is no retry any more. */
  responded (status: number): void {
    if (this.hasBudget) this.releaseBudget()
    const { endpoint } = this
    if (endpoint === null) return
    if (this.#onTrial) this.#endTrial(endpoint)
    if (endpoint.health.inTrial && outcomeOf(null, status) === 'success') endpoint.health.responded()
  }

  /**
   * Closes it with an outcome.
   * @param code null when the endpoint has answered with `status`
   */
  close (code: ProxyErrorCode | null, status: number): void {
    const { endpoint } = this
    if (endpoint === null) return
    const outcome = outcomeOf(code, status)
    this.#facts.version?.pool.report(endpoint, outcome, this.#startedMs)
    if (outcome !== 'success' && outcome !== 'none') this.#failures.note(this.#facts, endpoint.key, outcome)
    this.#leave(endpoint)
  }

  /** Closes it without one: what has happened says nothing of the endpoint. */
  closeUnjudged (): void {
    if (this.endpoint !== null) this.#leave(this.endpoint)
  }

  #leave (endpoint: EndpointPool): void {
    this.endpoint = null
    this.call = null
    endpoint.inFlight--
    if (this.#onTrial) this.#endTrial(endpoint)
  }

  #endTrial (endpoint: EndpointPool): void {
    endpoint.trials--
    this.#onTrial = false
  }
}
