import type { BreakerLimits } from '../contract/route-policy.ts'

const UNLIMITED = 0x7fff_ffff

/**
 * Bounds what one worker asks of something at the same time. A version has two: one is asked with the figures of the
 * whole version, the other with those of the endpoint that was picked. It keeps no figures itself, so that nothing can drift; asking
 * is one comparison of whole numbers.
 */
export class CircuitBreaker {
  readonly #connections: number
  readonly #pending: number
  readonly #requests: number

  constructor (limits: BreakerLimits) {
    this.#connections = limits.connections === 0 ? UNLIMITED : limits.connections
    this.#pending = limits.pending === 0 ? UNLIMITED : limits.pending
    this.#requests = limits.requests === 0 ? UNLIMITED : limits.requests
  }

  /** May another connection be opened beside the `open` ones, for a request that waits beside the `waiting` ones? */
  allowsConnection (open: number, waiting: number): boolean {
    return open < this.#connections && waiting < this.#pending
  }

  /** May another request begin beside those in flight? */
  allowsRequest (inFlight: number): boolean {
    return inFlight < this.#requests
  }
}
