/** What went wrong on single endpoints of the new version, of a few of them: those with the most. */
import type { ByEndpoint } from '../contract/rollout-watch.ts'

/** Endpoints that are told apart. One is looked for that has nearly all: it keeps its place among so many. */
export const MAX_ENDPOINTS = 8

/**
 * Adds to the counts of each endpoint. When there are too many of them, those with the fewest requests that went wrong make room.
 * @param kept an endpoint that never does
 */
export function addByEndpoint<Counts extends { readonly requests: number }> (
  sums: Map<string, Counts>, more: ByEndpoint<Counts>, sum: (left: Counts, right: Counts) => Counts, kept?: string | null
): void {
  for (const [endpoint, counts] of more) {
    const before = sums.get(endpoint)
    sums.set(endpoint, before === undefined ? counts : sum(before, counts))
    if (sums.size <= MAX_ENDPOINTS) continue
    const [least] = [...sums].filter(([name]) => name !== kept).reduce((a, b) => b[1].requests < a[1].requests ? b : a)
    sums.delete(least)
  }
}
