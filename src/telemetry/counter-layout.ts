/**
 * The layout of the shared-memory counters, as indexes into Float64Arrays over SharedArrayBuffers.
 *
 * Each worker owns one worker page and a number of segments; only the worker writes them and the control plane reads them.
 * Doubles are written whole on 64-bit machines and count exactly up to 2^53, so no atomics are needed. A segment holds
 * SLOTS_PER_SEGMENT slots; a slot counts for one version of one route.
 */
import { indexByName, PROXY_ERROR_CODES } from '../core/proxy-error.ts'
import { RETRY_REASONS, type RetryReason } from '../contract/route-policy.ts'

/** Upper bounds of the latency buckets in seconds; the last bucket, without bound, follows them. */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30
]

/** Indexes of a slot: what is counted for one version of one route. */
export const SLOT = {
  /** Finished requests by status class: 1xx (101) at +0 … 5xx at +4. Weir's own error responses are included. */
  requestsByClass: 0,
  /** Requests in flight now. */
  inFlight: 5,
  /** Body bytes from clients, without framing. */
  requestBodyBytes: 6,
  /** Body bytes to clients, without framing. */
  responseBodyBytes: 7,
  /** Connections opened to endpoints. */
  upstreamConnects: 8,
  /** Requests that went out on a kept-alive connection. */
  upstreamReuses: 9,
  /** Requests served by this version because the chosen one was empty. */
  fallbacks: 10,
  /** Requests that wait for an endpoint. */
  held: 11,
  /** Sum of the durations of finished requests, in seconds. */
  latencySumS: 12,
  /** Finished requests by duration, one for each bound and one past them. Not cumulative. */
  latencyBuckets: 13,
  /** Connections that were upgraded and are tunnels now. */
  tunnels: 13 + LATENCY_BOUNDS_S.length + 1,
  /** Upgrades so far. */
  tunnelsTotal: 13 + LATENCY_BOUNDS_S.length + 2,
  /** Attempts that were not made because the retry budget was used up. */
  retriesRefused: 13 + LATENCY_BOUNDS_S.length + 3,
  /** Requests that another version answered because this one failed. */
  failovers: 13 + LATENCY_BOUNDS_S.length + 4,
  /** Endpoints ejected so far. */
  ejections: 13 + LATENCY_BOUNDS_S.length + 5,
  /** Attempts after the first by what the one before failed of, in the order of RETRY_REASONS. */
  retries: 13 + LATENCY_BOUNDS_S.length + 6,
  /** Failures by code, in the order of PROXY_ERROR_CODES. */
  errors: 13 + LATENCY_BOUNDS_S.length + 6 + RETRY_REASONS.length
} as const

/** Where attempts after a failure of this kind are counted in a slot. */
export const RETRIES: Readonly<Record<RetryReason, number>> = indexByName(RETRY_REASONS, SLOT.retries)

/** The version whose slot counts what a route answers before it chooses one. No version has this name. */
export const ROUTE_ITSELF = ''
/** What such a slot counts. */
export const TURNED_AWAY_REASONS = ['denied', 'limited', 'redirected', 'homeless'] as const
/** Where, below what other slots say of this moment. */
export const TURNED_AWAY: Readonly<Record<typeof TURNED_AWAY_REASONS[number], number>> = indexByName(TURNED_AWAY_REASONS)

/** Doubles in a slot. */
export const SLOT_LENGTH = 96
export const SLOTS_PER_SEGMENT = 128
export const SEGMENT_BYTES = SLOT_LENGTH * SLOTS_PER_SEGMENT * Float64Array.BYTES_PER_ELEMENT

/** Why a client connection is not accepted. */
export const REFUSAL_REASONS = ['worker_limit', 'listener_limit', 'client_limit', 'descriptors', 'system'] as const
export type RefusalReason = typeof REFUSAL_REASONS[number]

/** Why Weir closes a client connection that is between requests, or has not come to its first one. */
export const CLOSE_REASONS = [
  'first_byte_timeout', 'keep_alive_timeout', 'max_requests', 'proxy_header', 'tls_handshake', 'login_ended', 'memory'
] as const
export type CloseReason = typeof CLOSE_REASONS[number]

const UNROUTED = 16 + REFUSAL_REASONS.length + CLOSE_REASONS.length

/** Indexes of the worker page: what is counted for a worker as a whole. */
export const WORKER = {
  /** Client connections accepted. */
  connectionsAccepted: 0,
  /** Client connections open now. */
  connectionsOpen: 1,
  /** Connections to endpoints open now. */
  upstreamOpen: 2,
  /** Connections to endpoints idle now. */
  upstreamIdle: 3,
  /** How late the last tick of the worker's coarse timer was, in seconds. */
  loopLagS: 4,
  /** The latest tick since the start, in seconds. */
  loopLagMaxS: 5,
  /** Access log lines dropped because the writer could not keep up. */
  accessLogDropped: 6,
  /** Share of the time that the event loop was busy since the last tick: 0 to 1. */
  loopUtilization: 7,
  /** TLS handshakes with clients that were completed. */
  tlsHandshakes: 8,
  /** Those among them that resumed a session. */
  tlsResumed: 9,
  /** Bytes that are kept for clients and endpoints now, and that may be. */
  bufferedBytes: 10,
  bufferedBytesLimit: 11,
  /** Requests that were refused, and connections that were closed, because that was too much. */
  shedRequests: 12,
  shedConnections: 13,
  /** Client connections refused, in the order of REFUSAL_REASONS. */
  connectionsRefused: 16,
  /** Client connections closed by Weir, in the order of CLOSE_REASONS. */
  connectionsClosed: 16 + REFUSAL_REASONS.length,
  /** Requests that were answered before a version was chosen, by status class, as in SLOT.requestsByClass. */
  unroutedByClass: UNROUTED,
  /** Failures before a version was chosen, by code. */
  unroutedErrors: UNROUTED + 5
} as const

/** Doubles in a worker page. */
export const WORKER_LENGTH = 96

/** Where refusals for a reason are counted in the worker page. */
export const REFUSED: Readonly<Record<RefusalReason, number>> = indexByName(REFUSAL_REASONS, WORKER.connectionsRefused)

/** Where connections closed for a reason are counted in the worker page. */
export const CLOSED: Readonly<Record<CloseReason, number>> = indexByName(CLOSE_REASONS, WORKER.connectionsClosed)

if (SLOT.errors + PROXY_ERROR_CODES.length > SLOT_LENGTH || WORKER.unroutedErrors + PROXY_ERROR_CODES.length > WORKER_LENGTH) {
  throw new RangeError('the table of errors has outgrown the counter layout: raise SLOT_LENGTH or WORKER_LENGTH')
}

/**
 * The view of one slot.
 * @param segments the worker's segments, in order
 */
export function slotView (segments: readonly SharedArrayBuffer[], slot: number): Float64Array {
  const segment = segments[Math.floor(slot / SLOTS_PER_SEGMENT)]
  if (segment === undefined) throw new RangeError(`slot ${slot} is past the ${segments.length} segments of the worker`)
  return new Float64Array(segment, (slot % SLOTS_PER_SEGMENT) * SLOT_LENGTH * Float64Array.BYTES_PER_ELEMENT, SLOT_LENGTH)
}
