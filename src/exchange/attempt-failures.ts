/**
 * Which endpoints have failed requests since the worker's last tick, and of what: for the log, where a dead or mistyped endpoint would
 * show up in nothing else. The first failure of a kind stands for the others; the metrics count them.
 */
import type { FailureCause } from '../health/endpoint-outcome.ts'
import type { RequestFacts } from './request-facts.ts'

export interface AttemptFailure {
  readonly route: string
  readonly version: string
  /** `address:port` */
  readonly endpoint: string
  readonly reason: FailureCause
  /** What exactly was wrong; empty for an answer of 502, 503 or 504. */
  readonly detail: string
}

/** The request whose attempt failed. */
export type FailedFacts = Pick<RequestFacts, 'route' | 'version' | 'attemptFault'>

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
