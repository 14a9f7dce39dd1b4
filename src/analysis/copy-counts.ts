/** Counts of copies as they are added up, told and stored. */
import { COPY_COUNTS, type CopyCounts } from '../contract/rollout-watch.ts'
import { countWithin, MAX_REPORTED } from './side-counts.ts'

export function sumCopyCounts (left: CopyCounts, right: CopyCounts): CopyCounts {
  return copiesFrom(COPY_COUNTS.map(name => left[name] + right[name]))
}

/** Whether what is left is consistent, the caller sees to. */
export function lessCopies (all: CopyCounts, part: CopyCounts): CopyCounts {
  return copiesFrom(COPY_COUNTS.map(name => Math.max(0, all[name] - part[name])))
}

export function numbersOfCopies (copies: CopyCounts): readonly number[] {
  return COPY_COUNTS.map(name => copies[name])
}

/** @param numbers in the order of COPY_COUNTS; 0 for those that are missing */
export function copiesFrom (numbers: readonly number[]): CopyCounts {
  const [requests = 0, failed = 0, realFailed = 0, bothFailed = 0, slow = 0, realSlow = 0, different = 0] = numbers
  return { requests, failed, realFailed, bothFailed, slow, realSlow, different }
}

/** What is told may be anything: no count is above what it is a part of. */
export function consistentCopies (told: CopyCounts): CopyCounts {
  let left = 0
  const of = (count: number, most: number): number => {
    const taken = countWithin(count, most)
    left = most - taken
    return taken
  }
  const requests = of(told.requests, MAX_REPORTED)
  const failed = of(told.failed, requests)
  const realFailed = of(told.realFailed, left)
  const bothFailed = of(told.bothFailed, left)
  const slow = of(told.slow, left)
  const realSlow = of(told.realSlow, left)
  return { requests, failed, realFailed, bothFailed, slow, realSlow, different: of(told.different, requests) }
}
