/**
 * What the control plane and a worker say to each other. All of it is plain data that structured clone can carry.
 */
import type { Endpoint, EndpointChange } from '../core/endpoint.ts'
import type { ListenerSpec, TlsMaterial } from './listener-spec.ts'
import type { VersionMatchSpec } from './placement-spec.ts'
import type { HealthReasonKind } from './route-policy.ts'
import type { MirrorOverride } from './mirror-spec.ts'
import type { RouteSpec } from './route-spec.ts'
import type { ShadowReport } from './shadow-report.ts'
import type { EvidenceReport, RouteWatch } from './rollout-watch.ts'
import type { DataPlaneOptions, IoMode } from './data-plane-options.ts'
import type { ClientSample } from './client-sample.ts'
import type { ChoiceAnswer, ChoiceQuestion, RecallAnswer } from './questions.ts'

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
  /** Mixed with the configured salt, so that another one draws another cohort; '' changes nothing. */
  readonly salt: string
  /** Of a rollout: takes the place of the match that the route has for this version; without it that one holds. */
  readonly match?: VersionMatchSpec
}

/** What to look at on a route while a rollout of it runs; null ends it. */
export interface WatchMessage {
  readonly type: 'watch'
  readonly route: string
  readonly watch: RouteWatch | null
}

/** What is copied of a route's requests from now on, whatever its file says; null: what the file says. */
export interface MirrorMessage {
  readonly type: 'mirror'
  readonly route: string
  readonly override: MirrorOverride | null
}

/** Takes one endpoint out of use, as an outlier is: the verdict on a rollout says that it alone fails. */
export interface EjectMessage {
  readonly type: 'eject'
  readonly route: string
  readonly version: string
  /** `address:port` */
  readonly endpoint: string
  readonly forMs: number
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

/** Who is on a list of a route. Rare: members come and go in the table itself, which all threads share (src/placement/member-table.ts). */
export interface ListMessage {
  readonly type: 'list'
  readonly route: string
  readonly list: string
  readonly table: SharedArrayBuffer
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

/** What a reload changes, to be acted on in one turn, in this order: no request sees a part of it. */
interface TogetherMessage {
  readonly type: 'together'
  readonly messages: readonly SingleMessage[]
}

/** Opens the listeners. */
export interface ListenMessage {
  readonly type: 'listen'
  readonly listeners: readonly ListenerSpec[]
  /** Several workers share each port. */
  readonly reusePort: boolean
}

/** Stop accepting, finish what is in flight, answer `drained`. */
interface DrainMessage {
  readonly type: 'drain'
  readonly timeoutMs: number
}

/** The control plane is done with so many bytes of the access log. */
interface AccessLogWrittenMessage {
  readonly type: 'access-log-written'
  readonly bytes: number
}

/** Asks what the worker would do with a request. */
interface ExplainMessage {
  readonly type: 'explain'
  /** Comes back with the answer. */
  readonly id: number
  readonly question: ChoiceQuestion
}

/** Asks what the worker remembers of a request. */
interface RecallMessage {
  readonly type: 'recall'
  readonly id: number
  readonly requestId: string
}

/** Asks which clients a route has had lately. */
interface ClientsMessage {
  readonly type: 'clients'
  readonly id: number
  readonly route: string
}

/** What a worker can be told by itself. */
export type SingleMessage = RoutesMessage | SplitMessage | WatchMessage | MirrorMessage | EjectMessage | EndpointsMessage |
  EndpointChangeMessage | ListMessage | ChecksMessage | CertificatesMessage | TicketKeysMessage | ListenMessage | DrainMessage |
  AccessLogWrittenMessage | ExplainMessage | RecallMessage | ClientsMessage

export type ControlMessage = SingleMessage | TogetherMessage

/** A split has been applied: every request read after this uses it. */
interface AppliedMessage {
  readonly type: 'applied'
  readonly route: string
  readonly epoch: number
}

interface ListeningMessage { readonly type: 'listening' }

/** How the worker's streams of one kind reach the kernel: at its start, and again when it uses TLS for the first time. */
interface IoMessage {
  readonly type: 'io'
  readonly mode: IoMode
}

/** A listener could not be opened. */
interface ListenFailedMessage {
  readonly type: 'listen-failed'
  readonly listener: string
  readonly reason: string
}

interface DrainedMessage {
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
  readonly kind: HealthReasonKind
  readonly sinceMs: number
  /** Null when it waits for an event. */
  readonly untilMs: number | null
  readonly detail: string
}

/** What the watch of a route has seen since the last report. */
export interface EvidenceMessage {
  readonly type: 'evidence'
  readonly route: string
  /** Of the watch. */
  readonly id: string
  readonly report: EvidenceReport
}

/** What has come of a route's copies since the last report. */
export interface ShadowMessage {
  readonly type: 'shadow'
  readonly route: string
  /** The version that has got them. */
  readonly to: string
  readonly report: ShadowReport
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

export interface SampledMessage {
  readonly type: 'sampled'
  readonly id: number
  /** Null when the worker has no such route. */
  readonly sample: ClientSample | null
}

export type WorkerMessage = ExplainedMessage | SampledMessage | RecalledMessage | AppliedMessage | ListeningMessage | IoMessage |
  ListenFailedMessage | DrainedMessage | AccessLogMessage | LogMessage | HealthMessage | EvidenceMessage | ShadowMessage
