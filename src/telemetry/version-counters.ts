import { CLOSE_REASONS, LATENCY_BOUNDS_S, REFUSAL_REASONS, SLOT, WORKER } from './counter-layout.ts'
import { PROXY_ERROR_CODES } from '../core/proxy-error.ts'
import { RETRY_REASONS } from '../contract/route-policy.ts'

/** Status classes 1xx … 5xx. */
export const CODE_CLASSES: readonly string[] = ['1xx', '2xx', '3xx', '4xx', '5xx']

/** What was counted for one version of one route, summed over the workers. Counters never go backwards. */
export type VersionCounters = Readonly<ReturnType<typeof versionCounters>>

/** Requests that endpoints have not answered to the end: in flight are those too that wait for an endpoint, and tunnels. */
export function unansweredRequests ({ inFlight, held, tunnels }: Pick<VersionCounters, 'inFlight' | 'held' | 'tunnels'>): number {
  return Math.max(0, inFlight - held - tunnels)
}

/** What was counted for one worker as a whole. Counters go on when a dead worker is replaced; the rest starts anew. */
export type WorkerCounters = Readonly<ReturnType<typeof workerCounters>>

/** Names the doubles of one slot; SLOT says what each of them counts. */
export function versionCounters (slot: Float64Array) {
  return {
    /** In the order of CODE_CLASSES. */
    requestsByClass: range(slot, SLOT.requestsByClass, CODE_CLASSES.length),
    inFlight: slot[SLOT.inFlight] ?? 0,
    requestBodyBytes: slot[SLOT.requestBodyBytes] ?? 0,
    responseBodyBytes: slot[SLOT.responseBodyBytes] ?? 0,
    upstreamConnects: slot[SLOT.upstreamConnects] ?? 0,
    upstreamReuses: slot[SLOT.upstreamReuses] ?? 0,
    /** In the order of RETRY_REASONS. */
    retries: range(slot, SLOT.retries, RETRY_REASONS.length),
    retriesRefused: slot[SLOT.retriesRefused] ?? 0,
    failovers: slot[SLOT.failovers] ?? 0,
    held: slot[SLOT.held] ?? 0,
    ejections: slot[SLOT.ejections] ?? 0,
    fallbacks: slot[SLOT.fallbacks] ?? 0,
    tunnels: slot[SLOT.tunnels] ?? 0,
    tunnelsTotal: slot[SLOT.tunnelsTotal] ?? 0,
    latencySumS: slot[SLOT.latencySumS] ?? 0,
    /** One for each of LATENCY_BOUNDS_S and one past them. */
    latencyBuckets: range(slot, SLOT.latencyBuckets, LATENCY_BOUNDS_S.length + 1),
    /** In the order of PROXY_ERROR_CODES. */
    errors: range(slot, SLOT.errors, PROXY_ERROR_CODES.length)
  }
}

/** Names the doubles of one worker page; WORKER says what each of them counts. */
export function workerCounters (page: Float64Array) {
  return {
    connectionsAccepted: page[WORKER.connectionsAccepted] ?? 0,
    connectionsOpen: page[WORKER.connectionsOpen] ?? 0,
    tlsHandshakes: page[WORKER.tlsHandshakes] ?? 0,
    tlsResumed: page[WORKER.tlsResumed] ?? 0,
    bufferedBytes: page[WORKER.bufferedBytes] ?? 0,
    bufferedBytesLimit: page[WORKER.bufferedBytesLimit] ?? 0,
    shedRequests: page[WORKER.shedRequests] ?? 0,
    shedConnections: page[WORKER.shedConnections] ?? 0,
    /** In the order of REFUSAL_REASONS. */
    connectionsRefused: range(page, WORKER.connectionsRefused, REFUSAL_REASONS.length),
    /** In the order of CLOSE_REASONS. */
    connectionsClosed: range(page, WORKER.connectionsClosed, CLOSE_REASONS.length),
    upstreamOpen: page[WORKER.upstreamOpen] ?? 0,
    upstreamIdle: page[WORKER.upstreamIdle] ?? 0,
    loopLagS: page[WORKER.loopLagS] ?? 0,
    loopLagMaxS: page[WORKER.loopLagMaxS] ?? 0,
    loopUtilization: page[WORKER.loopUtilization] ?? 0,
    accessLogDropped: page[WORKER.accessLogDropped] ?? 0,
    /** In the order of CODE_CLASSES. */
    unroutedByClass: range(page, WORKER.unroutedByClass, CODE_CLASSES.length),
    /** In the order of PROXY_ERROR_CODES. */
    unroutedErrors: range(page, WORKER.unroutedErrors, PROXY_ERROR_CODES.length)
  }
}

function range (doubles: Float64Array, start: number, length: number): readonly number[] {
  return Array.from(doubles.subarray(start, start + length))
}
