/**
 * What an exchange waits for, and how long. Hot.
 */
import type { ExchangeContext } from './exchange-context.ts'
import type { Dispatch } from './dispatch.ts'
import type { RouteTimeouts } from '../contract/route-policy.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'

/**
 * Since when one direction is owed something: bytes that its reader does not take. What moves in the other direction gives it
 * no more time.
 */
export class OwedSince {
  owed = false
  #sinceMs = 0

  /** Something is owed, if nothing was before. */
  begin (nowMs: number): void {
    if (this.owed) return
    this.owed = true
    this.#sinceMs = nowMs
  }

  end (): void { this.owed = false }

  /** For how many milliseconds; 0 when nothing is owed. */
  forMs (nowMs: number): number {
    return this.owed ? nowMs - this.#sinceMs : 0
  }
}

/**
 * How a request's body comes, and how long it may take: the client has to keep to its rate, but not while it waits for the endpoint. Hot.
 */

const MS_PER_S = 1_000

export class RequestPace {
  /** All of the request has come, and has been handed on. */
  done = false
  /** The rest of the body waits for the endpoint: since when. */
  readonly paused = new OwedSince()
  /** It is the rate of the body, and not a silence, that the deadline of the next piece was set by. */
  #tooSlow = false
  /** When the body began, later by the time in which it was paused. */
  #startMs = 0
  #bytes = 0

  begin (done: boolean, bytes: number, nowMs: number): void {
    this.done = done
    this.paused.owed = false
    this.#startMs = nowMs
    this.#bytes = bytes
  }

  /** Another piece has come. */
  piece (bytes: number, last: boolean): void {
    this.#bytes += bytes
    this.done = last
  }

  /**
   * The endpoint takes no more for now, so the client has to wait with the rest of the body.
   * @returns false when there is nothing to wait with
   */
  pause (nowMs: number): boolean {
    if (this.done || this.paused.owed) return false
    this.paused.begin(nowMs)
    return true
  }

  /**
   * The endpoint takes more.
   * @returns false when nothing was paused
   */
  resume (nowMs: number): boolean {
    if (!this.paused.owed) return false
    // Time in which the client could not send does not count for its rate.
    this.#startMs += this.paused.forMs(nowMs)
    this.paused.end()
    return true
  }

  /**
   * How long the next piece of the body may take: no longer than a silence may be, and so that the body keeps to its rate.
   * @param minRate bytes per second, on average, once the body is older than a silence may be; 0 sets no rate
   */
  pieceTimeMs (nowMs: number, silenceMs: number, minRate: number): number {
    this.#tooSlow = false
    if (this.paused.owed || minRate === 0) return silenceMs
    const leftMs = this.#startMs + silenceMs + this.#bytes / minRate * MS_PER_S - nowMs
    if (leftMs >= silenceMs) return silenceMs
    this.#tooSlow = true
    return Math.max(1, leftMs)
  }

  /** What it means that the next piece has not come in time: the code, and the option that says so. */
  get overdue (): readonly [ProxyErrorCode, string] {
    if (this.paused.owed) return ['upstream_timeout', 'timeouts.requestBody']
    return this.#tooSlow ? ['body_too_slow', 'limits.minBodyRate'] : ['request_timeout', 'timeouts.requestBody']
  }

  /** Whose silence it is when neither request nor answer moves any more, and the client takes what there is. */
  get silentParty (): ProxyErrorCode {
    return this.done || this.paused.owed ? 'upstream_idle_timeout' : 'request_timeout'
  }
}

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
