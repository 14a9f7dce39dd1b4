/**
 * How a request's body comes, and how long it may take: the client has to keep to its rate, but not while it waits for the endpoint. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { OwedSince } from './owed-since.ts'

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
