/** What the engine of rollouts needs of the rest of Weir. */
import type { AnalysisFacts } from '../analysis/analysis.ts'
import type { Verdict } from '../analysis/verdict.ts'
import type { AnalysisSettings } from '../analysis/analysis-settings.ts'
import type { StoredEvidence } from '../analysis/stored-evidence.ts'
import type { EvidenceReport, RouteWatch } from '../contract/rollout-watch.ts'
import type { Clock } from '../core/clock.ts'
import type { Leadership } from '../core/leadership.ts'
import type { EventLog } from '../core/logger.ts'
import type { TrafficControl } from './traffic-control.ts'

/** The workers, who watch and report. */
interface RolloutWatcher {
  /** What they look at on a route; null: nothing any more. */
  watch (route: string, watch: RouteWatch | null): void
  /** Orders that an endpoint, named `address:port`, gets no requests for a while. */
  eject (ejection: { readonly route: string, readonly version: string, readonly endpoint: string, readonly forMs: number }): void
}

/** What was counted of a version since Weir started. */
export interface CountedVersion {
  readonly requests: number
  /** Answered with a status of 500 and more. */
  readonly serverErrors: number
  /** By duration: one for each of LATENCY_BOUNDS_S, and one past them. */
  readonly latencyBuckets: readonly number[]
}

export interface RolloutFacts {
  /** All endpoints that a version is known to have are ready, and it has one at least. */
  isReady (route: string, version: string): boolean
  /** The endpoints of a version that requests go to, in one worker at least, as `address:port`. */
  usedEndpoints (route: string, version: string): readonly string[]
  /** Requests that endpoints of a version have not answered to the end. */
  inFlight (route: string, version: string): number
  /** Undefined for a version that is not counted. */
  tally (route: string, version: string): CountedVersion | undefined
  /** Each client of the route stays with its version: failures are counted by client. */
  isSticky (route: string): boolean
}

/** What judges a rollout; Analysis is one. */
export interface RolloutAnalysis {
  add (report: EvidenceReport, shareOf: (epoch: number) => number | undefined, nowMs: number, source: string): void
  tick (facts: AnalysisFacts): void
  verdict (facts: AnalysisFacts): Verdict
  baseline (from: { readonly requests: number, readonly failures: number }): void
  stored (): StoredEvidence
}

/**
 * @param stored what another one has given; left out for a rollout that begins
 */
export type AnalysisFactory = (settings: AnalysisSettings, nowMs: number, stored?: StoredEvidence) => RolloutAnalysis

/** Whose evidence a verdict rests on. */
export interface EvidenceCoverage {
  /** Replicas, this one among them, whose evidence is in it. */
  readonly replicas: number
  /** Those that there are, as far as is known. */
  readonly of: number
  /** Those that are left out, and why. */
  readonly missing: ReadonlyArray<{ readonly name?: string, readonly address: string, readonly reason: string }>
  /** Why there may be others; undefined when all are known. */
  readonly unknown?: string
}

/** What each live rollout is given. */
export interface LiveRolloutDeps {
  readonly clock: Clock
  readonly log: EventLog
  /** Steps are made where it is held; every replica may fail. */
  readonly leadership: Leadership
  readonly traffic: Pick<TrafficControl, 'route' | 'change' | 'cutOff'>
  readonly watcher: RolloutWatcher
  readonly facts: RolloutFacts
  readonly createAnalysis: AnalysisFactory
  /** Names the book of what this replica sees of a rollout: another name each time. Absent where there are no other replicas. */
  readonly bookName?: () => string
  /** How often time and evidence are stored, in milliseconds. */
  readonly keepEveryMs: number
}
