import type { RouteConfig } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { SourceProblemKind } from '../discovery/endpoint-source.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { EventLog } from '../store/event-log.ts'
import type { ExplainAnswer } from './explain-answer.ts'
import type { TokenBook } from './token-book.ts'

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

/** What a version still has, in all workers together. */
export interface VersionDrainStatus {
  readonly route: string
  readonly version: string
  /** As stored. */
  readonly weight: number
  /** The workers that run, and those of them that apply the weights of now. */
  readonly workers: { readonly running: number, readonly applied: number }
  /** Requests that its endpoints have not answered to the end. */
  readonly inFlight: number
  readonly tunnels: number
  /** Requests that wait for an endpoint. */
  readonly held: number
  readonly endpoints: readonly Endpoint[]
  /** No request is lost when its endpoints are taken away now. */
  readonly safe: boolean
  /** What speaks against it, for people. */
  readonly why: readonly string[]
}

/** Whether clients may be sent here. A reason is one sentence. */
export interface Readiness {
  readonly ready: boolean
  /** What is wrong with Weir itself. */
  readonly own: readonly string[]
  /** Versions that have had no list of their endpoints yet. */
  readonly waiting: number
  /** What is wrong with single versions; most of it does not make Weir unready. Costs a look at every version. */
  readonly ofVersions: () => readonly string[]
}

/** A request that somebody asks about. */
export interface ExplainQuery {
  readonly route: string
  /** The address of the client, after trusted proxies. */
  readonly ip: string
  readonly method: string
  /** Without port, in lower case; empty when the request has none. */
  readonly host: string
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** By name in lower case; several fields of one name joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
}

/** What the admin API needs of the rest of Weir. */
export interface AdminDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly tokens: TokenBook
  readonly traffic: Pick<TrafficControl, 'route' | 'routes' | 'change'>
  /** Undefined when the configuration has no such route. */
  details (route: string): RouteDetails | undefined
  /** Undefined when the configuration has no such route, or the route no such version. */
  drain (route: string, version: string): VersionDrainStatus | undefined
  readiness (): Readiness
  /** A text, or its pieces as they are made. */
  metrics (): Promise<{ readonly contentType: string, readonly body: string | AsyncIterable<Buffer> }>
  /**
   * What the workers would do with a request, without sending anything. Undefined when there is no such route.
   * @throws ProblemError when no worker answers
   */
  explain (query: ExplainQuery): Promise<ExplainAnswer | undefined>
  /**
   * Why a request that is over went where it went. Undefined when there is no such route.
   * @throws ProblemError when no worker remembers it, or none answers
   */
  explainRequest (route: string, requestId: string): Promise<ExplainAnswer | undefined>
}
