/** All that the rules of a verdict look at, and what it comes to. */
import type { SideCounts } from '../contract/rollout-watch.ts'
import type { AloneTest } from './alone-test.ts'
import type { AnalysisSettings } from './analysis-settings.ts'
import type { BlastGuard } from './blast-guard.ts'
import type { Comparison } from './comparison.ts'
import type { CopyEvidence } from './copy-evidence.ts'
import type { EndpointBlame } from './endpoint-blame.ts'
import { type LabelTest, lnMean } from './label-test.ts'
import type { RecentOutcomes } from './recent-window.ts'
import type { SilenceGuard } from './silence-guard.ts'

/** All that is known of one kind of sign: failures, or slow answers. */
interface SignEvidence {
  readonly label: LabelTest
  readonly comparison: Comparison
  readonly alone: AloneTest
}

/** All that the rules look at. */
export interface Picture {
  readonly settings: AnalysisSettings
  readonly elapsedMs: number
  /** The endpoints of the new version that are used. */
  readonly usedTo: readonly string[]
  /** Since the warm-up. */
  readonly from: SideCounts
  /** The same, without what a blamed endpoint has done. */
  readonly to: SideCounts
  /** All of it. */
  readonly shownTo: SideCounts
  /** Since the beginning. */
  readonly guardFrom: SideCounts
  readonly guardTo: SideCounts
  /** What the match of the rollout has brought to the new version since the beginning. No test counts it. */
  readonly matched: SideCounts
  /** Of the new version, both together: what the guards count. */
  readonly allTo: SideCounts
  readonly errors: SignEvidence
  readonly slow: SignEvidence
  readonly pairs: Comparison
  readonly copies: CopyEvidence
  /** Of the old version, then of the new one. */
  readonly halves: readonly [readonly [Comparison, Comparison], readonly [Comparison, Comparison]]
  readonly blast: BlastGuard
  readonly recent: RecentOutcomes
  readonly silence: SilenceGuard
  readonly clients: number | null
  readonly heaviest: ReadonlyArray<readonly [key: string, failures: number]>
  readonly blame: EndpointBlame
}

export type SignKind = 'errors' | 'slow'

/** How alpha is shared among the tests that can fail a version, so that all of them together keep to it. The sum of both is 1. */
export const ALPHA_SHARES = { errors: 0.4, slow: 0.4, requests: 0.1, slowRequests: 0.03, pairs: 0.03 } as const
export const COPY_SHARES = { errors: 0.02, slow: 0.01, different: 0.01 } as const

/** With fewer clients the label test is slow: each speaks once. */
export const FEW_CLIENTS = 40
/** A client with this share of the failures is named, and its failures condemn nobody. */
export const HEAVY_SHARE = 0.5
/** Evidence that requests are no independent coins on this route. */
const SENTINEL = 20

/** ln of the evidence of first signs, without those of the blamed endpoint. */
export function lnSigns (picture: Picture, kind: SignKind): number {
  return picture[kind].label.lnEvidence(picture.blame.blamed ?? undefined)
}

/** Has the new version no other requests than those of its match? */
export function isMatchAlone ({ guardTo, matched }: Picture): boolean {
  return guardTo.requests === 0 && matched.requests > 0
}

/** Without users of its own a version is judged by its copies alone. */
export function isByCopies ({ guardTo, copies }: Picture): boolean {
  return guardTo.requests === 0 && copies.requests > 0
}

/** What a pass has to be shown of: of slow answers only when something is known of those of the old version. */
export function kindsOf ({ slow }: Picture): readonly SignKind[] {
  return slow.comparison.known.requests > 0 ? ['errors', 'slow'] : ['errors']
}

/** Do requests of this route look like independent coins, by the halves of each version's clients? */
export function isSilent (picture: Picture): boolean {
  return lnSentinel(picture) < Math.log(SENTINEL)
}

export function lnSentinel ({ halves }: Picture): number {
  return Math.max(...halves.map(lnHalves))
}

function lnHalves (pair: readonly [Comparison, Comparison]): number {
  return lnMean(pair.map(half => half.lnEvidence))
}

/** The share of the new version's failures that the heaviest client has. */
export function heavyShare ({ heaviest: [heaviest], allTo }: Picture): number {
  return heaviest === undefined ? 0 : Math.min(1, heaviest[1] / Math.max(1, allTo.failures, heaviest[1]))
}

/** What the old version did, before and in this rollout; undefined when that is too little to go by. */
export function knownBefore ({ errors, settings }: Picture): { readonly requests: number, readonly failures: number } | undefined {
  const { known } = errors.comparison
  return known.requests >= settings.minRequests ? known : undefined
}

/** ln of the evidence that first signs have to reach for a fail. */
export function lnThreshold ({ alpha }: AnalysisSettings, kind: SignKind): number {
  return Math.log(1 / (alpha * ALPHA_SHARES[kind]))
}

export function allowedOf (settings: AnalysisSettings, kind: SignKind): number {
  return kind === 'errors' ? settings.maxErrorIncrease : settings.maxSlowIncrease
}

export function signShare ({ requests, failures, slow }: SideCounts, kind: SignKind): number {
  return requests === 0 ? 0 : (kind === 'errors' ? failures : slow) / requests
}

/** Beside the old version, or against what is known of it where it has no traffic. */
export function signDifference (picture: Picture, kind: SignKind): number {
  const { comparison, alone } = picture[kind]
  const beside = kind === 'errors' ? Math.max(comparison.difference, differenceFromBetterHalf(picture)) : comparison.difference
  if (alone.requests < picture.settings.minRequests) return beside
  return Math.max(beside, alone.failures / alone.requests - comparison.oldShare)
}

/**
 * A broken client with many requests on the old version would hide how much worse the new one is. Where the halves of the old version's
 * clients differ that much, the better half is what it is like. Nothing otherwise.
 */
function differenceFromBetterHalf ({ halves: [old], from, to, settings: { minRequests } }: Picture): number {
  const odd = { requests: from.halfRequests, failures: from.halfFailures }
  const even = { requests: from.requests - odd.requests, failures: from.failures - odd.failures }
  if (Math.min(odd.requests, even.requests, to.requests) < minRequests || lnHalves(old) < Math.log(SENTINEL)) return -1
  return to.failures / to.requests - Math.min(odd.failures / odd.requests, even.failures / even.requests)
}

export function lnPassOf (picture: Picture, kind: SignKind): number {
  return picture[kind].comparison.lnPass + picture[kind].alone.lnPass
}
