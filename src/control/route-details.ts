/**
 * What the control plane knows of the routes, for those who ask.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { SourceProblemKind } from '../discovery/endpoint-source.ts'

/** Where the endpoints of a version come from, and how well that works. */
export interface SourceStatus {
  readonly kind: 'static' | 'dns' | 'kubernetes'
  /** `starting`: nothing was heard yet; `stale`: the last known endpoints are used while the source can't be reached. */
  readonly state: 'starting' | 'synced' | 'stale'
  /** `namespace/service:port` for Kubernetes. */
  readonly name?: string
  /** What keeps the version from having endpoints to use, as far as the source can tell. */
  readonly problem?: SourceProblemKind
  /** What is wrong, for people. */
  readonly detail?: string
}

/** How many of the workers. */
export type WorkerShare = 'all' | 'some' | 'none'

/** Something that keeps requests from an endpoint, in so many workers. Times in milliseconds since the Unix epoch. */
export interface HealthReasonSummary {
  readonly kind: 'ejected' | 'check-failed' | 'trial' | 'slow-start'
  readonly workers: number
  /** The earliest over the workers. */
  readonly sinceMs: number
  /** The latest; null when it waits for an event. */
  readonly untilMs: number | null
  readonly detail: string
}

/** What the workers have found out about an endpoint. */
export interface EndpointHealthSummary {
  /** The workers in which it is neither ejected nor failing its active check. */
  readonly available: WorkerShare
  /** One for each kind; empty when nothing keeps requests away. */
  readonly reasons: readonly HealthReasonSummary[]
}

/** What the control plane knows of a version beside its weight. */
export interface VersionDetails {
  readonly name: string
  readonly source: SourceStatus
  readonly endpoints: ReadonlyArray<Endpoint & { readonly health: EndpointHealthSummary }>
  /** Endpoints that may get requests and are available: as the worker sees it that finds the fewest. */
  readonly availableEndpoints: number
  /** Endpoints that requests go to: the available ones, or more when too few are; in the worker that uses the fewest. */
  readonly usedEndpoints: number
  /** The workers that use all endpoints because too few are available. */
  readonly panic: WorkerShare
  /** What the workers counted since they started: requests, and their share of the route's requests from 0 to 1. */
  readonly observed?: { readonly requests: number, readonly share: number }
}

/** What the control plane knows of a route beside its traffic state. */
export interface RouteDetails {
  readonly config: RouteConfig
  readonly versions: readonly VersionDetails[]
}
