/**
 * The counts of one version that come from workers of this and other replicas, made consistent: what is told may be anything, and nothing
 * of it may turn evidence into NaN.
 */
import type { SideCounts } from '../contract/rollout-watch.ts'

export type Counts = { -readonly [Name in keyof SideCounts]: number }

/** Far more than a report can have. */
export const MAX_REPORTED = 1e12

export function emptyCounts (): Counts {
  return { requests: 0, failures: 0, rescued: 0, bothFailed: 0, slow: 0, halfRequests: 0, halfFailures: 0 }
}

/** No count is above what it is a part of. */
export function consistentCounts (told: SideCounts): Counts {
  const requests = countWithin(told.requests, MAX_REPORTED)
  const failures = countWithin(told.failures, requests)
  const rescued = countWithin(told.rescued, failures)
  const halfRequests = countWithin(told.halfRequests, requests)
  const halfFailures = Math.max(countWithin(told.halfFailures, Math.min(failures, halfRequests)), failures - (requests - halfRequests))
  return {
    requests,
    failures,
    rescued,
    bothFailed: countWithin(told.bothFailed, failures - rescued),
    slow: countWithin(told.slow, requests - failures),
    halfRequests,
    halfFailures
  }
}

export function addCounts (sum: Counts, more: SideCounts): void {
  sum.requests += more.requests
  sum.failures += more.failures
  sum.rescued += more.rescued
  sum.bothFailed += more.bothFailed
  sum.slow += more.slow
  sum.halfRequests += more.halfRequests
  sum.halfFailures += more.halfFailures
}

export function sumOfCounts (left: SideCounts, right: SideCounts): Counts {
  const sum = { ...left }
  addCounts(sum, right)
  return sum
}

/** What users have seen of the failures, and was this version's: not what another version has answered well, nor what both failed. */
export function userFailures ({ failures, rescued, bothFailed }: SideCounts): number {
  return failures - rescued - bothFailed
}

/** Whether what is left is consistent, the caller sees to. */
export function lessCounts (all: SideCounts, part: SideCounts): Counts {
  const [numbers, less] = [numbersFrom(all), numbersFrom(part)]
  return countsFrom(numbers.map((number, index) => number - (less[index] ?? 0)))
}

export function countsFrom (numbers: readonly number[] = []): Counts {
  const counts = numbers.map(item => Math.max(0, item))
  const [requests = 0, failures = 0, rescued = 0, bothFailed = 0, slow = 0, halfRequests = 0, halfFailures = 0] = counts
  return { requests, failures, rescued, bothFailed, slow, halfRequests, halfFailures }
}

export function numbersFrom (counts: SideCounts): readonly number[] {
  const { requests, failures, rescued, bothFailed, slow, halfRequests, halfFailures } = counts
  return [requests, failures, rescued, bothFailed, slow, halfRequests, halfFailures]
}

/** A count that was told, which may be anything: a whole number from 0 to `most`. */
export function countWithin (value: number, most: number): number {
  return value > 0 ? Math.min(Math.floor(value), most) : 0
}
