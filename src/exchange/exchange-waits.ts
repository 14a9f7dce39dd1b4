/**
 * What an exchange waits for, and how long. Hot.
 */
import type { ExchangeContext } from './exchange-context.ts'
import type { Dispatch } from './dispatch.ts'
import { OwedSince } from './owed-since.ts'
import type { RequestPace } from './request-pace.ts'
import type { RouteTimeouts } from '../contract/route-policy.ts'

export const WAIT = { response: 0, requestBody: 1, stream: 2, hold: 3 } as const

export class ExchangeWaits {
  /** What the deadline of the exchange is for. */
  wait: number = WAIT.response
  /** The client does not take what it has been given. */
  readonly blocked = new OwedSince()
  /** Those of the route of the present request. */
  timeoutsMs: RouteTimeouts
  readonly #context: ExchangeContext
  readonly #pace: RequestPace
  readonly #dispatch: Dispatch

  constructor (context: ExchangeContext, pace: RequestPace, dispatch: Dispatch) {
    this.#context = context
    this.timeoutsMs = context.settings.timeoutsMs
    this.#pace = pace
    this.#dispatch = dispatch
  }

  /**
   * Waits for what is next.
   * @param begun the answer has begun
   * @returns milliseconds
   */
  next (begun: boolean): number {
    if (begun || this.blocked.owed) return this.for(WAIT.stream)
    return this.for(this.#pace.done ? WAIT.response : WAIT.requestBody)
  }

  /** @returns how long, in milliseconds */
  for (wait: number): number {
    this.wait = wait
    const { timeoutsMs } = this
    const { recentMs, settings: { limits } } = this.#context
    switch (wait) {
      case WAIT.requestBody: return this.#pace.pieceTimeMs(recentMs, timeoutsMs.requestBody, limits.minBodyRate)
      case WAIT.response: return this.#dispatch.responseTimeMs(timeoutsMs.upstreamResponse)
      // What moves in one direction is no excuse for the other.
      default: return Math.max(1, timeoutsMs.streamIdle - Math.max(this.blocked.forMs(recentMs), this.#pace.paused.forMs(recentMs)))
    }
  }

  /** Nothing moves: is it the client that does not read? */
  get clientOwes (): boolean {
    const { recentMs } = this.#context
    return this.blocked.owed && this.blocked.forMs(recentMs) >= this.#pace.paused.forMs(recentMs)
  }
}
