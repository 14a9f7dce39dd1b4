/**
 * What the analysis says of a new version at one moment: plain JSON, every number finite.
 */
import type { CopyCounts } from '../contract/rollout-watch.ts'

export const VERDICT_OUTCOMES = ['pass', 'fail', 'undecided'] as const

export type VerdictOutcome = typeof VERDICT_OUTCOMES[number]

/**
 * Which rule speaks. A fail: `errors`, `slow` (first failures or first slow answers by client), `pairs` (failed here, answered well by
 * the old version), `copies` (copied requests failed, were slow or different here), `requests` (failed or slow requests: few clients, or
 * nothing beside it any more), `error_share`, `max_failures`, `silence`. Undecided: `both_fail` (both versions alike: pause),
 * `one_client`, `one_endpoint`, `warmup`, `no_traffic`, `more_needed`. A pass: `passed`.
 */
export const VERDICT_CODES = [
  'errors', 'slow', 'pairs', 'copies', 'requests', 'error_share', 'max_failures', 'silence',
  'both_fail', 'one_client', 'one_endpoint', 'warmup', 'no_traffic', 'more_needed', 'passed'
] as const

export type VerdictCode = typeof VERDICT_CODES[number]

/** What one version did since the warm-up. */
export interface VersionNumbers {
  readonly requests: number
  readonly failures: number
  /** 0..1; 0 without requests. */
  readonly failureShare: number
  /** Where the share of failures lies, if requests were independent: a confidence sequence at 95 %, so it holds however often one looks. */
  readonly interval: readonly [number, number]
  readonly slow: number
  readonly slowShare: number
}

/** How failures, or slow answers, compare. */
export interface TestNumbers {
  /** The evidence of the label test: how much likelier the first signs are if the new version is worse. At most 1e300. */
  readonly evidence: number
  /** What it has to reach for a fail. */
  readonly threshold: number
  /** The clients that had a first failure (or slow answer) on either version. */
  readonly clients: number
  /** Those of them that were on the new version. */
  readonly clientsOnNew: number
  /** The share of the new version less that of the old one over the same time, -1..1. */
  readonly difference: number
  /** The difference that is allowed. */
  readonly allowed: number
  /** The evidence that the difference is less than allowed, and what it has to reach for a pass. */
  readonly passEvidence: number
  readonly passThreshold: number
}

/** What came of requests that the old version has answered and the new one has got copies of. */
export interface CopyNumbers extends CopyCounts {
  /** That copies fail more often, and what it has to reach for a fail. */
  readonly evidence: number
  readonly threshold: number
  /** That they do not, and what it has to reach for a pass where the new version has no users. */
  readonly passEvidence: number
  readonly passThreshold: number
}

/** What a pass still needs if it goes on like this; null when it does not get there, or needs nothing. */
export type VerdictNeeds = { readonly requests: number, readonly minutes: number | null } | null

export interface Verdict {
  readonly verdict: VerdictOutcome
  readonly code: VerdictCode
  /** One sentence for a person, with the numbers. */
  readonly reason: string
  /** Both versions fail alike: the rollout is to pause. */
  readonly pause: boolean
  /** An endpoint of the new version that is to be ejected: what goes wrong there is its own fault. */
  readonly ejectEndpoint: string | null
  readonly from: VersionNumbers
  readonly to: VersionNumbers
  readonly errors: TestNumbers
  readonly slow: TestNumbers
  /** Null while no failover has taken place. */
  readonly pairs: { readonly evidence: number } | null
  /** The same test between halves of one version's clients: not silent when requests of this route are no independent coins. */
  readonly sentinel: { readonly evidence: number, readonly silent: boolean }
  /** The clients seen, about; null: many, or not known. */
  readonly clients: number | null
  /** The client with the most failures on the new version, and its share of them; null without failures. */
  readonly heaviest: { readonly key: string, readonly share: number } | null
  /** Null while nothing was copied. */
  readonly copies: CopyNumbers | null
  readonly needs: VerdictNeeds
}

/** What a rule says. */
export type RuleFinding = Pick<Verdict, 'verdict' | 'code' | 'reason'> & Partial<Pick<Verdict, 'pause' | 'ejectEndpoint'>> & {
  /** What a fail is about, or what the endpoint has done that is to be ejected; failures without it. */
  readonly about?: 'errors' | 'slow' | 'different'
}

const MAX_LN = Math.log(1e300)

/** e^ln, as a number that JSON can say. */
export function numberFrom (ln: number): number {
  return Math.exp(Math.min(ln, MAX_LN))
}
