import { LATENCY_BOUNDS_S } from './counter-layout.ts'

/**
 * A quantile of counted durations, interpolated within its bucket; of the bucket without bound, its beginning.
 * @param buckets counts: one for each of LATENCY_BOUNDS_S, and one past them
 * @param share 0.99 is the 99th percentile
 * @returns seconds
 */
export function latencyQuantile (buckets: readonly number[], share: number): number {
  let left = buckets.reduce((sum, count) => sum + count, 0) * share
  let lower = 0
  for (const [index, count] of buckets.entries()) {
    const upper = LATENCY_BOUNDS_S[index] ?? lower
    if (left <= count) return lower + (upper - lower) * (count === 0 ? 0 : left / count)
    left -= count
    lower = upper
  }
  return lower
}
