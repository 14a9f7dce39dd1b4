/**
 * What holds for all requests of a worker, in the units that the code uses; 0 sets no limit.
 */

import type { ShadowLimits } from './mirror-spec.ts'

/** Which of the fields responses get. */
export interface ResponseFieldPolicy {
  readonly requestId: boolean
  readonly version: boolean
}

/** The options of the data plane, in the units the code uses; 0 sets no limit. */
export interface DataPlaneSettings {
  readonly trustedProxies: readonly string[]
  readonly responseFields: ResponseFieldPolicy
  readonly timeoutsMs: {
    readonly firstByte: number
    readonly tlsHandshake: number
    readonly requestHead: number
    readonly requestBody: number
    readonly keepAliveIdle: number
    readonly upstreamConnect: number
    readonly upstreamResponse: number
    readonly upstreamIdle: number
    readonly tunnelIdle: number
    /** How long the tunnels of an endpoint may go on that is not used any more. */
    readonly tunnelGrace: number
    readonly streamIdle: number
  }
  readonly limits: {
    readonly maxHeadBytes: number
    readonly maxHeaderFields: number
    readonly maxUriBytes: number
    readonly maxBodyBytes: number
    /** Bytes per second. */
    readonly minBodyRate: number
    readonly maxConcurrentRequests: number
    readonly maxRequestsPerConnection: number
    readonly maxConnections: number
    readonly maxConnectionsPerListener: number
    readonly maxConnectionsPerClient: number
    readonly maxIdleUpstream: number
    /** What the worker may keep for its clients and endpoints. */
    readonly maxBufferedBytes: number
    /** How often a request may come through this Weir. */
    readonly maxPasses: number
  }
  readonly shadow: ShadowLimits
}

/** What a worker has to know besides its routes. */
export interface DataPlaneOptions extends DataPlaneSettings {
  readonly accessLog: { readonly mode: 'off' | 'sampled' | 'on', readonly sampleRate: number }
}

/**
 * What a worker thread gets at its start.
 */

/** How streams reach the kernel: over handles of Node that it does not document, or by the events of its streams. */
export type IoMode = 'direct' | 'events'

/** What the configuration says. */
export type IoChoice = 'auto' | 'events'

/** What a worker knows before its first message. */
export interface WorkerData {
  readonly workerId: number
  /** The worker page of the shared counters. */
  readonly page: SharedArrayBuffer
  /** The connections of all workers, by listener and client; see src/downstream/connection-ledger.ts. */
  readonly ledger: SharedArrayBuffer
  readonly io: IoChoice
  /** Tells this process from all others, the same for all its workers; see src/exchange/loop-guard.ts. */
  readonly instance: string
}
