/**
 * The traffic state: what every route's weights are, and how they came to be. Immutable; transition.ts makes new ones.
 */
import type { VersionMatchSpec } from '../contract/placement-spec.ts'
import type { Weights } from '../contract/weights.ts'
import type { RolloutEvent, RolloutState } from './rollout-state.ts'

/** Who asked: a client of the API, the configuration file, an editor of the ConfigMap, a step of a rollout, or the analysis. */
export type ChangeSource = 'api' | 'config' | 'kubernetes' | 'step' | 'verdict'

export type ChangeAction = 'weights' | 'switch' | 'undo' | 'config' | 'rollout'

/** One entry of a route's history. */
export interface Revision {
  /** Counts the changes of the route from 1. */
  readonly revision: number
  /** The epoch that the change brought. */
  readonly epoch: number
  readonly actor: string
  readonly reason: string
  readonly source: ChangeSource
  readonly action: ChangeAction
  /** Empty in the revision that first saw the route. */
  readonly before: Weights
  readonly after: Weights
  /** ISO 8601, UTC. */
  readonly at: string
}

/** The traffic state of one route. */
export interface RouteTraffic {
  /** Raised by every change, and never used twice for a route of this name. */
  readonly epoch: number
  readonly revision: number
  readonly weights: Weights
  /** The weights of the configuration file when it last had its say. Its keys are the versions of the route. */
  readonly fileWeights: Weights
  /**
   * What `fileWeights` were before, the latest last, at most `MAX_SUPERSEDED`: who starts with an older file is told by them. Only where
   * replicas share the state.
   */
  readonly supersededFileWeights?: readonly Weights[]
  /** The newest last. Never empty. */
  readonly history: readonly Revision[]
  /** Mixed into the draw of a version, so that each rollout begins with another cohort. Without it, the configured one draws alone. */
  readonly salt?: string
  /** The rollout that runs, or the last one. */
  readonly rollout?: RolloutState
}

export interface TrafficState {
  readonly routes: ReadonlyMap<string, RouteTraffic>
  /** The highest epoch of any route that is gone: a route that comes back starts above it. */
  readonly epochFloor: number
}

/** A route as the configuration file has it. */
export interface ConfiguredRoute {
  readonly name: string
  readonly weights: Weights
}

/** What an operator or a rollout may ask of a route. */
export type TrafficCommand =
  | { readonly type: 'weights', readonly weights: Weights }
  | { readonly type: 'switch', readonly to: string }
  | { readonly type: 'undo', readonly revision?: number }
  | { readonly type: 'rollout', readonly event: RolloutEvent }

/** Who made a change, why, and when. */
export interface ChangeMeta {
  readonly actor: string
  readonly reason: string
  readonly source: ChangeSource
  /** ISO 8601, UTC. */
  readonly at: string
}

/** The revisions that a route keeps. */
export const MAX_HISTORY = 100
/** The revisions that all routes keep together; each route keeps its latest ten in any case. */
export const MAX_HISTORY_TOTAL = 5_000
export const MIN_HISTORY = 10
/** The former weights of the file that each route keeps. */
export const MAX_SUPERSEDED = 8
/** The highest epoch and revision that replicas share: far from where numbers stop to count by one, and above all that Weir comes to. */
export const MAX_COUNT = 1e14

export const EMPTY_TRAFFIC: TrafficState = { routes: new Map(), epochFloor: 0 }

/** Copies that a version gets. */
interface SplitMirror {
  readonly to: string
  /** Of the clients, 0..100. */
  readonly percent: number
}

/** The weights of one route, as the workers get them. */
export interface RouteSplit {
  readonly route: string
  readonly epoch: number
  readonly weights: Weights
  /** Of the rollout, mixed with the configured one; '' without one. */
  readonly salt: string
  /** Of the rollout: takes the place of the match that the configuration has for this version; without it that one holds. */
  readonly match?: VersionMatchSpec
  /** Of the rollout: takes the place of the mirror that the configuration has for the route; without it that one holds. */
  readonly mirror?: SplitMirror
}

/** How far a split has come. */
export interface SplitReceipt {
  /** The workers that should apply it. */
  readonly workers: number
  /** The workers that have said so. Fewer than `workers` when the time was over. */
  readonly applied: number
  readonly tookMs: number
}

/** Sends splits to the data plane. */
export interface SplitPublisher {
  /**
   * Sends a split to every worker, in the order of the calls, before it returns. Sending an epoch again is harmless:
   * workers that have it answer at once.
   * @param timeoutMs how long to wait for the slowest worker
   * @returns resolves when all workers have applied this epoch or a later one, or the time is over; never rejects
   */
  publish (split: RouteSplit, timeoutMs: number): Promise<SplitReceipt>
}
