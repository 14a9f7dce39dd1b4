import { LATENCY_BOUNDS_S } from '../telemetry/counter-layout.ts'
import { latencyQuantile } from '../telemetry/latency-quantile.ts'

/** A window says something when it has so many requests. */
const MIN_REQUESTS = 200
/** The least that a window lasts. */
const WINDOW_MS = 10_000
const PERCENTILE = 0.99
const SLOWEST = 0.999
/** Where more than one in 100 takes longer than the last bound of the buckets, it may take any time. */
const ANY_TIME_MS = 1e12

/**
 * How slow the old version is at most, by its own account: the 99th percentile of an earlier window of its requests. The first one is all
 * that was counted before the rollout; after that one window follows the other, and each holds from its end on.
 */
export class EarlierLatency {
  #p99Ms = 0
  #slowestMs = 0
  #atStart: readonly number[] | undefined
  #startedMs = 0

  /** In milliseconds; 0 while no window had enough requests. */
  get p99Ms (): number { return this.#p99Ms }

  /** How long the slowest answers take, but for one in 1,000; 0 while nothing was counted. It goes by few requests too. */
  get slowestMs (): number { return this.#slowestMs }

  /**
   * Looks at the counters of the old version. To be called now and then.
   * @param buckets all its requests so far by duration: one for each of LATENCY_BOUNDS_S, and one past them
   * @param nowMs monotonic
   */
  look (buckets: readonly number[], nowMs: number): void {
    const before = this.#atStart
    if (before === undefined) return this.#close(buckets, buckets, nowMs)
    const window = buckets.map((count, index) => count - (before[index] ?? 0))
    // Counters that went back are those of a version that has come anew.
    if (window.some(count => count < 0)) return this.#begin(buckets, nowMs)
    if (nowMs - this.#startedMs >= WINDOW_MS && total(window) >= MIN_REQUESTS) this.#close(window, buckets, nowMs)
  }

  #close (window: readonly number[], buckets: readonly number[], nowMs: number): void {
    if (total(window) >= MIN_REQUESTS) this.#p99Ms = percentileMs(window, PERCENTILE)
    if (total(window) > 0) this.#slowestMs = isBounded(window, PERCENTILE) ? percentileMs(window, SLOWEST) : ANY_TIME_MS
    this.#begin(buckets, nowMs)
  }

  #begin (buckets: readonly number[], nowMs: number): void {
    this.#atStart = [...buckets]
    this.#startedMs = nowMs
  }
}

function total (counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Does the percentile lie below the last bound? */
function isBounded (buckets: readonly number[], share: number): boolean {
  return total(buckets) * share <= total(buckets.slice(0, LATENCY_BOUNDS_S.length))
}

/** In milliseconds. */
function percentileMs (buckets: readonly number[], share: number): number { return latencyQuantile(buckets, share) * 1_000 }
