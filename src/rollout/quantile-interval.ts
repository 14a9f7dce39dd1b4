/** Quantiles of times that are known by the bucket, with intervals that hold whatever the distribution is: by order statistics. */
import { quantileOfBuckets } from '../telemetry/latency-quantile.ts'

export interface Quantile {
  /** Interpolated within its bucket; null: past the last bound. */
  readonly value: number | null
  /** The edges of the buckets in which both ends of a 95 % interval lie; null: no end is known. */
  readonly interval: readonly [number, number | null]
}

/** Up to so much variance, ranks are exact; above it the normal distribution is close. */
const MAX_EXACT_VARIANCE = 25
const TAIL = 0.025
const Z = 1.96

/**
 * @param counts by bucket: one for each bound, and one past them
 * @param bounds the upper bounds
 * @param share 0..1
 * @returns null without anything counted
 */
export function quantileOf (counts: readonly number[], bounds: readonly number[], share: number): Quantile | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const { low, high } = ranksOf(total, share)
  const lowBucket = low === undefined ? undefined : bucketOf(counts, low)
  const highBucket = high === undefined ? undefined : bucketOf(counts, high)
  return {
    value: quantileOfBuckets(counts, bounds, share),
    interval: [
      lowBucket === undefined || lowBucket === 0 ? 0 : bounds[lowBucket - 1] ?? 0,
      highBucket === undefined ? null : bounds[highBucket] ?? null
    ]
  }
}

/**
 * The ranks, from 1, between which the quantile lies. How many of n are below it is binomial with n and the share: the low rank is the most
 * that too few would have, the high one the least that too many would. Undefined: there is no such rank among so few.
 */
function ranksOf (n: number, share: number): { readonly low: number | undefined, readonly high: number | undefined } {
  const variance = n * share * (1 - share)
  if (variance > MAX_EXACT_VARIANCE) {
    const off = Z * Math.sqrt(variance)
    return { low: Math.max(1, Math.floor(n * share - off)), high: Math.min(n, Math.ceil(n * share + off) + 1) }
  }
  return { low: exactLow(n, share), high: flipped(n, exactLow(n, 1 - share)) }
}

function flipped (n: number, rank: number | undefined): number | undefined {
  return rank === undefined ? undefined : n + 1 - rank
}

/** The largest rank r with P(fewer than r of n are below) within the tail. */
function exactLow (n: number, share: number): number | undefined {
  let lnTerm = n * Math.log(1 - share)
  let sum = 0
  let rank = 0
  for (let below = 0; below < n; below++) {
    sum += Math.exp(lnTerm)
    if (sum > TAIL) break
    rank = below + 1
    lnTerm += Math.log((n - below) / (below + 1)) + Math.log(share / (1 - share))
  }
  return rank === 0 ? undefined : rank
}

function bucketOf (counts: readonly number[], rank: number): number {
  let before = 0
  for (const [index, count] of counts.entries()) {
    before += count
    if (rank <= before) return index
  }
  return counts.length - 1
}
