import type { SuccessRatePolicy } from '../contract/route-policy.ts'

/** What one endpoint answered within an interval. */
export interface RateSample {
  readonly requests: number
  readonly failures: number
}

/** A sample that is worse than the others, and how much. Shares of good answers, 0 to 1. */
export interface RateOutlier {
  /** Its position among the samples. */
  readonly index: number
  readonly rate: number
  /** The mean of the others. */
  readonly others: number
}

/**
 * Finds the endpoint whose share of good answers is far below that of the others, as Envoy's success-rate ejection does,
 * with two differences. It is compared with the others only, not with a mean that it pulls down itself, so that one bad endpoint
 * stands out among three and not only among five. And the deviation includes what chance does at that many requests, so
 * that of endpoints that are equally bad none is singled out.
 *
 * All samples are expected to have enough requests.
 * @returns the worst sample if it is an outlier. Look again without it: there may be another.
 */
export function worstRate (samples: readonly RateSample[], policy: SuccessRatePolicy): RateOutlier | undefined {
  if (samples.length < Math.max(policy.minEndpoints, 2)) return undefined
  let index = 0
  samples.forEach((sample, position) => { if (rateOf(sample) < rateOf(samples[index])) index = position })
  const rate = rateOf(samples[index])
  const rest = samples.filter((_, position) => position !== index)
  const others = rest.reduce((sum, sample) => sum + rateOf(sample), 0) / rest.length
  const variance = rest.reduce((sum, sample) => sum + (rateOf(sample) - others) ** 2, 0) / rest.length
  const chance = Math.max(0, others * (1 - others)) / (samples[index]?.requests ?? 1)
  const difference = Math.max(policy.minDifference, policy.stdevFactor * Math.sqrt(variance + chance))
  return rate < others && others - rate >= difference ? { index, rate, others } : undefined
}

function rateOf (sample: RateSample | undefined): number {
  return sample === undefined || sample.requests === 0 ? 1 : 1 - sample.failures / sample.requests
}
