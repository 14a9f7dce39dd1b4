/**
 * What a person may say about how a new version is judged. docs/rollouts.md explains it; the formulas are in the files of this folder.
 */

export interface AnalysisSettings {
  /** Statuses that are failures besides gateway errors, resets and timeouts; inclusive ranges. */
  readonly failureStatuses: ReadonlyArray<readonly [number, number]>
  /** How likely a version that is no worse may be failed by the tests in one rollout, however often one looks. */
  readonly alpha: number
  /** How likely a version that is worse by more than is allowed may pass. */
  readonly passAlpha: number
  /** By how much the share of failures may exceed that of the old version, 0..1. */
  readonly maxErrorIncrease: number
  /** The same for slow answers. */
  readonly maxSlowIncrease: number
  /** A good answer that took longer is slow. Null: longer than the old version's own 99th percentile of earlier windows. */
  readonly slowerThanMs: number | null
  /** So much of the rollout's beginning is left out of the verdict, not of the guards. */
  readonly warmupMs: number
  /** The most that may fail where nothing is there to compare with, 0..1; null: no such guard. */
  readonly maxErrorShare: number | null
  /** The most of the copies that may be answered differently, 0..1; null: differences are shown and judge nothing. */
  readonly maxDifferent: number | null
  /** The blast cap: so many failed user requests beyond what the old version has over the same time, and the new one is out. */
  readonly maxFailures: number
  /** With fewer requests of the new version `maxErrorShare` does not judge. */
  readonly minRequests: number
  /** A version that gets requests and answers none for so long is out. */
  readonly silenceMs: number
}

export const DEFAULT_ANALYSIS: AnalysisSettings = {
  failureStatuses: [[500, 599]],
  alpha: 0.001,
  passAlpha: 0.05,
  maxErrorIncrease: 0.005,
  maxSlowIncrease: 0.02,
  slowerThanMs: null,
  warmupMs: 0,
  maxErrorShare: 0.1,
  maxDifferent: null,
  maxFailures: 50,
  minRequests: 20,
  silenceMs: 2_000
}
