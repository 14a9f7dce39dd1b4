import { LATENCY_BOUNDS_S } from './counter-layout.ts'

/**
 * A quantile of counted durations, interpolated within its bucket; of the bucket without bound, its beginning.
 * @param buckets counts: one for each of LATENCY_BOUNDS_S, and one past them
 * @param share 0.99 is the 99th percentile
 * @returns seconds
 */
export function latencyQuantile (buckets: readonly number[], share: number): number {
  return quantileOfBuckets(buckets, LATENCY_BOUNDS_S, share) ?? LATENCY_BOUNDS_S.at(-1) ?? 0
}

/**
 * The same for any bounds.
 * @param counts one for each of the bounds, and one past them
 * @param bounds the upper ones, rising
 * @returns 0 without anything counted; null past the last bound
 */
export function quantileOfBuckets (counts: readonly number[], bounds: readonly number[], share: number): number | null {
  let left = counts.reduce((sum, count) => sum + count, 0) * share
  let lower = 0
  for (const [index, count] of counts.entries()) {
    const upper = bounds[index]
    if (left <= count) return upper === undefined ? null : lower + (upper - lower) * (count === 0 ? 0 : left / count)
    left -= count
    lower = upper ?? lower
  }
  return null
}
