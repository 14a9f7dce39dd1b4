/**
 * What the workers look at while a rollout of a route runs, and what they tell of it. Plain data.
 */

/** What the workers look at on a route while a rollout of it runs. */
export interface RouteWatch {
  /** The rollout's id: with another one everything begins anew. */
  readonly id: string
  readonly from: string
  readonly to: string
  /** Statuses that are failures besides gateway errors, resets and timeouts: inclusive ranges. */
  readonly failureStatuses: ReadonlyArray<readonly [number, number]>
  /** A good answer that took longer is slow; 0: not known yet, none is. May change while the watch lasts. */
  readonly slowerThanMs: number
  /** `client`: the first failure of each counts. `request`, for routes without affinity: each failure counts. */
  readonly unit: 'client' | 'request'
  /** The rollout has set a match: what that brings to the new version is told apart. May change while the watch lasts. */
  readonly hasMatch?: boolean
  /** The endpoint that is blamed for what went wrong before. May change while the watch lasts: then each client speaks once more. */
  readonly blamed?: string
}

/** A side of the comparison: the old version or the new one. */
export type Side = 'from' | 'to'

/** The outcomes of one version's requests: what has been added since the last report. */
export interface SideCounts {
  /** Finished and judged: failures and slow ones are among them. */
  readonly requests: number
  /** The first attempt failed. */
  readonly failures: number
  /** Of the failures: another version has answered well (failover), so they are this version's fault. */
  readonly rescued: number
  /** Of the failures: the version that helped out has failed too, so they are nobody's fault. */
  readonly bothFailed: number
  /** Good, but slower than `slowerThanMs`. */
  readonly slow: number
  /** Of `requests` and `failures`: those of clients in the odd half by a hash apart from the split's. */
  readonly halfRequests: number
  readonly halfFailures: number
}

/**
 * What went wrong on single endpoints of the new version, by `address:port`. A part of the counts beside it: its `requests` are those that
 * failed or were slow. Of a few endpoints only: who looks for one bad endpoint finds it among them.
 */
export type ByEndpoint<Counted> = ReadonlyMap<string, Counted>

/** Outcomes of the requests that began under one epoch of the split. */
export interface CohortCounts {
  readonly epoch: number
  readonly from: SideCounts
  readonly to: SideCounts
  /** Of `to`; absent when nothing went wrong, or from an older Weir. */
  readonly toByEndpoint?: ByEndpoint<SideCounts>
}

/** What is counted of copies: requests that the old version has answered, and the new one has got as well. */
export const COPY_COUNTS = ['requests', 'failed', 'realFailed', 'bothFailed', 'slow', 'realSlow', 'different'] as const

/**
 * `requests`: copies of which it is known what came of them. `failed`: the copy failed and the real answer was good, `realFailed` the other
 * way round, `bothFailed` neither was. `slow` and `realSlow`: both were good, and one alone was slow. `different`: the copy had another
 * answer, by what the mirror compares, or none.
 */
export type CopyCounts = Readonly<Record<typeof COPY_COUNTS[number], number>>

/** The first failure, or the first slow answer, of a client in this rollout, as far as one worker has seen. */
export interface FirstSign {
  readonly kind: 'failure' | 'slow'
  /** 0 to 65,535: a hash of the client, apart from the split's and another one for each rollout. */
  readonly bucket: number
  readonly side: Side
  readonly epoch: number
  /** `address:port` of the first attempt. */
  readonly endpoint: string
}

/** A client with many failures on the new version. */
export interface HeavyClient {
  /** As the access log names clients: the address, or the hash of the sticky key. */
  readonly key: string
  /** All that the worker has seen, not the difference; too many by the share of those that had no place of their own. */
  readonly failures: number
}

/** What one worker has seen since its last report. */
export interface EvidenceReport {
  readonly cohorts: readonly CohortCounts[]
  /** Absent when there are no new ones. */
  readonly copies?: CopyCounts
  /** Copies that alone failed or were slow. */
  readonly copiesByEndpoint?: ByEndpoint<CopyCounts>
  /** Requests that the match of the rollout has brought to the new version; absent when there are no new ones. */
  readonly matched?: SideCounts
  readonly matchedByEndpoint?: ByEndpoint<SideCounts>
  readonly signs: readonly FirstSign[]
  /** Of the new version; only when something of it has changed. */
  readonly heavy: readonly HeavyClient[]
  /** Signs that did not fit, and outcomes of epochs that are too old to be told apart. */
  readonly dropped: number
  /** A bitmap of 1,024 buckets of clients seen; only when it has changed, and not once 256 are set. */
  readonly seen?: Uint8Array
  /** The registers of a DistinctCount of the clients of a side, of all its requests; only when they have changed. */
  readonly clients?: Partial<Readonly<Record<Side, Uint8Array>>>
}
