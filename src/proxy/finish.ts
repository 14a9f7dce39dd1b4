/**
 * The end of every exchange, exactly once: counters, what is remembered, and the access log.
 */
import { PROXY_ERROR_INDEX } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { keyHashText } from '../routing/key-hash-text.ts'
import { LATENCY_BOUNDS_S, SLOT, WORKER } from '../telemetry/counter-layout.ts'
import type { DataPlane } from './data-plane.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import type { VersionRuntime } from './route-runtime.ts'

const SWITCHING = 101

/** Adds to a counter of a shared page. */
export function count (page: Float64Array, index: number, change: number): void {
  page[index] = (page[index] ?? 0) + change
}

/** Counts and logs an exchange that is over. */
export function finish (plane: DataPlane, record: ExchangeRecord): void {
  const durationMs = plane.readClock() - record.startMs
  const version = record.version
  if (version === null) {
    count(plane.page, WORKER.unroutedByClass + classOf(record.status), 1)
    if (record.error !== null) count(plane.page, WORKER.unroutedErrors + PROXY_ERROR_INDEX[record.error], 1)
  } else {
    // An upgraded connection may last for days; what took its time is the answer to the request.
    countVersion(version.counters, record, (record.status === SWITCHING ? record.firstByteMs : durationMs) / 1000)
  }
  plane.recent.add(record, durationMs)
  if (plane.accessLog.wants(record.status, record.error !== null)) log(plane, record, durationMs)
}

/** The place of a status among the classes; what is above 599 counts as a 5xx (RFC 9110 section 15). */
function classOf (status: number): number {
  return Math.min(5, Math.floor(status / 100)) - 1
}

function countVersion (counters: Float64Array, record: ExchangeRecord, seconds: number): void {
  count(counters, SLOT.inFlight, -1)
  count(counters, SLOT.requestBodyBytes, record.bytesIn)
  count(counters, SLOT.responseBodyBytes, record.bytesOut)
  countOutcome(counters, record.status, seconds)
  if (record.error !== null) count(counters, SLOT.errors + PROXY_ERROR_INDEX[record.error], 1)
}

function countOutcome (counters: Float64Array, status: number, seconds: number): void {
  count(counters, SLOT.requestsByClass + classOf(status), 1)
  count(counters, SLOT.latencySumS, seconds)
  let bucket = 0
  while (bucket < LATENCY_BOUNDS_S.length && seconds > (LATENCY_BOUNDS_S[bucket] ?? 0)) bucket++
  count(counters, SLOT.latencyBuckets + bucket, 1)
}

/** What a version has made of a request that another version answers in its place. */
export interface Charge {
  readonly code: ProxyErrorCode | null
  readonly status: number
  readonly startMs: number
  readonly nowMs: number
}

/** Counts the failure of a request for the version that it was chosen for, although another one answers it. */
export function chargeVersion (version: VersionRuntime, { code, status, startMs, nowMs }: Charge): void {
  countOutcome(version.counters, status, (nowMs - startMs) / 1000)
  if (code !== null) count(version.counters, SLOT.errors + PROXY_ERROR_INDEX[code], 1)
}

function log (plane: DataPlane, record: ExchangeRecord, durationMs: number): void {
  const head = record.requestHead()
  plane.accessLog.record({
    wallMs: plane.clock.wallMs() - durationMs,
    route: record.route?.name ?? '',
    version: record.version?.name ?? '',
    endpoint: record.endpoint,
    method: head?.method() ?? '',
    host: head?.host() ?? '',
    path: head?.path() ?? '',
    protocol: record.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1',
    status: record.status,
    error: record.error ?? '',
    fault: record.fault,
    stickyKey: record.route === null ? '' : record.stickyKind,
    keyHash: record.route === null || record.stickyKind === 'random' ? '' : keyHashText(record.keyHash),
    epoch: record.epoch,
    requestId: record.requestId === '' ? plane.requestIds.text(record.requestNumber) : record.requestId,
    clientIp: record.clientIp,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs,
    connectMs: record.connectMs,
    firstByteMs: record.firstByteMs,
    attempts: record.attempts,
    reused: record.reused,
    retried: record.retried,
    fallbackFrom: record.fallbackFrom,
    failedOverFrom: record.failedOverFrom
  })
}
