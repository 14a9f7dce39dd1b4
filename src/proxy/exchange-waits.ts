/**
 * What an exchange waits for, and how long. Hot.
 */
import type { DataPlane } from './data-plane.ts'
import type { Dispatch } from './dispatch.ts'
import { OwedSince } from './owed-since.ts'
import type { RequestRelay } from './request-relay.ts'
import type { RouteTimeouts } from './route-limits.ts'

export const WAIT = { response: 0, requestBody: 1, stream: 2, hold: 3 } as const

export class ExchangeWaits {
  /** What the deadline of the connection is for. */
  wait: number = WAIT.response
  /** The client does not take what it has been given. */
  readonly blocked = new OwedSince()
  /** Those of the route of the present request. */
  timeoutsMs: RouteTimeouts
  readonly #plane: DataPlane
  readonly #request: RequestRelay
  readonly #dispatch: Dispatch

  constructor (plane: DataPlane, request: RequestRelay, dispatch: Dispatch) {
    this.#plane = plane
    this.timeoutsMs = plane.settings.timeoutsMs
    this.#request = request
    this.#dispatch = dispatch
  }

  /**
   * Waits for what is next.
   * @param begun the answer has begun
   * @returns milliseconds
   */
  next (begun: boolean): number {
    if (begun || this.blocked.owed) return this.for(WAIT.stream)
    return this.for(this.#request.done ? WAIT.response : WAIT.requestBody)
  }

  /** @returns how long, in milliseconds */
  for (wait: number): number {
    this.wait = wait
    const { timeoutsMs } = this
    const { recentMs, settings: { limits } } = this.#plane
    switch (wait) {
      case WAIT.requestBody: return this.#request.pieceTimeMs(recentMs, timeoutsMs.requestBody, limits.minBodyRate)
      case WAIT.response: return this.#dispatch.answerTimeMs(timeoutsMs.upstreamResponse)
      // What moves in one direction is no excuse for the other.
      default: return Math.max(1, timeoutsMs.streamIdle - Math.max(this.blocked.forMs(recentMs), this.#request.heldForMs(recentMs)))
    }
  }

  /** Nothing moves: is it the client that does not read? */
  get clientOwes (): boolean {
    const { recentMs } = this.#plane
    return this.blocked.owed && this.blocked.forMs(recentMs) >= this.#request.heldForMs(recentMs)
  }
}
