/**
 * What the control plane and a worker say to each other. All of it is plain data that structured clone can carry.
 */
import type { Endpoint } from '../core/endpoint.ts'
import type { EndpointChange } from '../core/endpoint-set.ts'
import type { IoChoice, IoMode } from '../core/worker-io.ts'
import type { BreakerLimits } from '../health/circuit-breaker.ts'
import type { HealthReason } from '../health/endpoint-health.ts'
import type { RetryBudgetPolicy } from '../health/retry-budget.ts'
import type { HealthPolicy } from '../health/version-health.ts'
import type { RetryReason } from '../telemetry/counter-layout.ts'
import type { DataPlaneSettings } from '../proxy/data-plane.ts'
import type { ChoiceAnswer, ChoiceQuestion } from '../proxy/explain-choice.ts'
import type { RecallAnswer } from '../proxy/recall-request.ts'
import type { TlsMaterial } from '../proxy/tls-material.ts'
import type { OwnLimits } from '../proxy/route-limits.ts'
import type { UpstreamTls } from '../upstream/transport.ts'
import type { AffinityConfig, ListenerConfig, MatchConfig, RouteConfig } from '../config/schema.ts'

/** What a worker has to know besides its routes. */
export interface DataPlaneOptions extends DataPlaneSettings {
  readonly accessLog: { readonly mode: 'off' | 'sampled' | 'on', readonly sampleRate: number }
}

/** One version as a worker needs it. */
export interface VersionSpec {
  readonly name: string
  /** The slot of the shared counters: the same number in every worker. */
  readonly slot: number
  /** How its endpoints are reached; plain TCP without it. */
  readonly tls?: UpstreamTls
}

/** What a route's configuration says of its requests, in the units that the code uses. */
export interface RoutePolicySpec extends OwnLimits {
  readonly whenEmpty: RouteConfig['whenEmpty']
  /** The protocols that clients may switch to. */
  readonly upgrades: readonly string[]
  /** The Host of a request that names none. */
  readonly defaultHost: string
  readonly hold: { readonly maxRequests: number, readonly maxBytes: number, readonly maxAgeMs: number }
  readonly retries: {
    readonly attempts: number
    readonly on: readonly RetryReason[]
    readonly perTryTimeoutMs: number
    readonly idempotentOnly: boolean
    readonly bufferBytes: number
    readonly budget: RetryBudgetPolicy
  }
  readonly failover: { readonly to: string, readonly on: readonly RetryReason[] } | null
  readonly health: HealthPolicy
  readonly circuitBreaker: BreakerLimits & { readonly perEndpoint: BreakerLimits }
}

/** One route as a worker needs it. Weights and endpoints come in messages of their own. */
export interface RouteSpec {
  readonly name: string
  readonly match: MatchConfig
  readonly affinity: AffinityConfig
  readonly balancing: RouteConfig['balancing']
  readonly policy: RoutePolicySpec
  readonly versions: readonly VersionSpec[]
}

/** Replaces the options and all routes. Rare: at the start and after a reload. */
export interface RoutesMessage {
  readonly type: 'routes'
  readonly options: DataPlaneOptions
  readonly routes: readonly RouteSpec[]
  /** The worker's own counter segments; slots point into them. */
  readonly segments: readonly SharedArrayBuffer[]
}

/** The weights of one route, by version name. The only message of a weight change. */
export interface SplitMessage {
  readonly type: 'split'
  readonly route: string
  readonly epoch: number
  readonly weights: Readonly<Record<string, number>>
}

/** All endpoints of one version of one route. */
export interface EndpointsMessage {
  readonly type: 'endpoints'
  readonly route: string
  readonly version: string
  readonly endpoints: readonly Endpoint[]
}

/** What is different about the endpoints of one version since the last message about them. */
export interface EndpointChangeMessage {
  readonly type: 'endpoint-change'
  readonly route: string
  readonly version: string
  readonly change: EndpointChange
}

/** What the active checks of one version find to fail now; an endpoint that is not named passes, or was not probed yet. */
export interface ChecksMessage {
  readonly type: 'checks'
  readonly route: string
  readonly version: string
  readonly failing: readonly FailedCheck[]
}

export interface FailedCheck {
  /** `address:port` */
  readonly endpoint: string
  /** When it began to fail, in milliseconds since the Unix epoch: the threads have no other time in common. */
  readonly sinceWallMs: number
  readonly detail: string
}

/** What a listener speaks TLS with: before it is opened, and whenever a file has changed. */
export interface CertificatesMessage {
  readonly type: 'certificates'
  readonly listener: string
  readonly material: TlsMaterial
}

/** The keys of all session tickets, so that any worker resumes the sessions of any other. */
export interface TicketKeysMessage {
  readonly type: 'ticket-keys'
  /** 48 bytes: the name of the keys, then one to authenticate and one to encrypt. */
  readonly keys: Uint8Array
}

/** Opens the listeners. */
export interface ListenMessage {
  readonly type: 'listen'
  readonly listeners: readonly ListenerConfig[]
  /** Several workers share each port. */
  readonly reusePort: boolean
}

/** Stop accepting, finish what is in flight, answer `drained`. */
export interface DrainMessage {
  readonly type: 'drain'
  readonly timeoutMs: number
}

/** The control plane is done with so many bytes of the access log. */
export interface AccessLogWrittenMessage {
  readonly type: 'access-log-written'
  readonly bytes: number
}

/** Asks what the worker would do with a request. */
export interface ExplainMessage {
  readonly type: 'explain'
  /** Comes back with the answer. */
  readonly id: number
  readonly question: ChoiceQuestion
}

/** Asks what the worker remembers of a request. */
export interface RecallMessage {
  readonly type: 'recall'
  readonly id: number
  readonly requestId: string
}

export type ControlMessage = RoutesMessage | SplitMessage | EndpointsMessage | EndpointChangeMessage | ChecksMessage | CertificatesMessage | TicketKeysMessage | ListenMessage | DrainMessage | AccessLogWrittenMessage | ExplainMessage | RecallMessage

/** A split has been applied: every request read after this uses it. */
export interface AppliedMessage {
  readonly type: 'applied'
  readonly route: string
  readonly epoch: number
}

export interface ListeningMessage { readonly type: 'listening' }

/** How the worker's streams of one kind reach the kernel: at its start, and again when it uses TLS for the first time. */
export interface IoMessage {
  readonly type: 'io'
  readonly mode: IoMode
}

/** A listener could not be opened. */
export interface ListenFailedMessage {
  readonly type: 'listen-failed'
  readonly listener: string
  readonly reason: string
}

export interface DrainedMessage {
  readonly type: 'drained'
  /** Client connections that were cut because the time was over. */
  readonly cut: number
}

/** A batch of whole access log lines, each ended by a line feed. */
export interface AccessLogMessage {
  readonly type: 'access-log'
  readonly lines: Uint8Array<ArrayBuffer>
}

/** Something for Weir's own log. */
export interface LogMessage {
  readonly type: 'log'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

/** What keeps requests of this worker from endpoints of one version: all of it, whenever something of it has changed. */
export interface HealthMessage {
  readonly type: 'health'
  readonly route: string
  readonly version: string
  /** So few endpoints are available that all are used. */
  readonly panic: boolean
  /** Those with a reason. */
  readonly endpoints: readonly EndpointHealthReport[]
}

export interface EndpointHealthReport {
  /** `address:port` */
  readonly endpoint: string
  readonly available: boolean
  readonly reasons: readonly HealthReasonReport[]
}

/** As HealthReason, in milliseconds since the Unix epoch. */
export interface HealthReasonReport {
  readonly kind: HealthReason['kind']
  readonly sinceMs: number
  /** Null when it waits for an event. */
  readonly untilMs: number | null
  readonly detail: string
}

export interface ExplainedMessage {
  readonly type: 'explained'
  readonly id: number
  readonly answer: ChoiceAnswer
}

export interface RecalledMessage {
  readonly type: 'recalled'
  readonly id: number
  readonly answer: RecallAnswer
}

export type WorkerMessage = ExplainedMessage | RecalledMessage | AppliedMessage | ListeningMessage | IoMessage | ListenFailedMessage | DrainedMessage | AccessLogMessage | LogMessage | HealthMessage

/** What a worker thread gets at its start. */
export interface WorkerData {
  readonly workerId: number
  /** The worker page of the shared counters. */
  readonly page: SharedArrayBuffer
  /** The connections of all workers, by listener and client; see src/proxy/connection-ledger.ts. */
  readonly ledger: SharedArrayBuffer
  readonly io: IoChoice
  /** Tells this process from all others, the same for all its workers; see src/proxy/loop-guard.ts. */
  readonly instance: string
}
