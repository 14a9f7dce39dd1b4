/**
 * The end of every request, exactly once: counters, what is remembered, and the access log.
 */
import { PROXY_ERROR_INDEX, type ProxyErrorCode } from '../core/proxy-error.ts'
import { keyHashText } from '../routing/sticky-key.ts'
import { LATENCY_BOUNDS_S, SLOT, WORKER } from '../telemetry/counter-layout.ts'
import type { HttpRequest } from '../http/http-request.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { RequestFacts } from './request-facts.ts'
import type { VersionRuntime } from './route-runtime.ts'

const SWITCHING = 101

/** Adds to a counter of a shared page. */
export function count (page: Float64Array, index: number, change: number): void {
  page[index] = (page[index] ?? 0) + change
}

/** Where the head of a request that is over can still be had. It costs a parse: only the access log looks. */
export interface HeadSource {
  /** Null when it was never complete. */
  requestHead (): HttpRequest | null
}

/** Counts and logs a request that is over. */
export function finish (context: ExchangeContext, facts: RequestFacts, heads: HeadSource): void {
  const nowMs = context.readClock()
  const durationMs = nowMs - facts.startMs
  const { version, status } = facts
  if (version === null) {
    count(context.page, WORKER.unroutedByClass + classOf(status), 1)
    if (facts.error !== null) count(context.page, WORKER.unroutedErrors + PROXY_ERROR_INDEX[facts.error], 1)
  } else {
    // An upgraded connection may last for days; what took its time is the answer to the request.
    countVersion(version.counters, facts, (status === SWITCHING ? facts.firstByteMs : durationMs) / 1000)
    const { route, placed } = facts
    // Not in a function of its own: a call for each request would cost more than what it does.
    if (route !== null && (placed || facts.stickyKind === 'random')) route.clients.noteOther(version.index, placed, nowMs)
    else route?.clients.note(facts.keyHash, version.index, nowMs)
    // A tunnel was judged when it began.
    if (status !== SWITCHING) facts.route?.watch?.add(facts)
  }
  context.recent.add(facts, durationMs)
  const { accessLog } = context
  if (accessLog.enabled && accessLog.wants(status, facts.error !== null)) log(context, facts, { durationMs, head: heads.requestHead() })
}

/** The place of a status among the classes; what is above 599 counts as a 5xx (RFC 9110 section 15). */
function classOf (status: number): number {
  return Math.min(5, Math.floor(status / 100)) - 1
}

function countVersion (counters: Float64Array, facts: RequestFacts, seconds: number): void {
  // Stores in place: a call for each would cost more than all of them.
  counters[SLOT.inFlight] = (counters[SLOT.inFlight] ?? 0) - 1
  counters[SLOT.requestBodyBytes] = (counters[SLOT.requestBodyBytes] ?? 0) + facts.bytesIn
  counters[SLOT.responseBodyBytes] = (counters[SLOT.responseBodyBytes] ?? 0) + facts.bytesOut
  countOutcome(counters, facts.status, seconds)
  if (facts.error !== null) count(counters, SLOT.errors + PROXY_ERROR_INDEX[facts.error], 1)
}

function countOutcome (counters: Float64Array, status: number, seconds: number): void {
  const byClass = SLOT.requestsByClass + classOf(status)
  counters[byClass] = (counters[byClass] ?? 0) + 1
  counters[SLOT.latencySumS] = (counters[SLOT.latencySumS] ?? 0) + seconds
  let bucket = 0
  while (bucket < LATENCY_BOUNDS_S.length && seconds > (LATENCY_BOUNDS_S[bucket] ?? 0)) bucket++
  const at = SLOT.latencyBuckets + bucket
  counters[at] = (counters[at] ?? 0) + 1
}

/** What a version has made of a request that another version answers in its place. */
interface Charge {
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

function log (
  context: ExchangeContext, facts: RequestFacts, { durationMs, head }: { readonly durationMs: number, readonly head: HttpRequest | null }
): void {
  const { route } = facts
  context.accessLog.record({
    wallMs: context.clock.wallMs() - durationMs,
    route: route?.name ?? '',
    version: facts.version?.name ?? '',
    endpoint: facts.endpoint,
    method: head?.method() ?? '',
    host: head?.host() ?? '',
    path: head?.path() ?? '',
    protocol: facts.protocol,
    status: facts.status,
    error: facts.error ?? '',
    fault: facts.fault,
    stickyKey: facts.stickyKind === 'none' ? '' : facts.stickyKind,
    keyHash: facts.stickyKind === 'none' || facts.stickyKind === 'random' ? '' : keyHashText(facts.keyHash),
    epoch: facts.epoch,
    requestId: facts.requestId === '' ? context.requestIds.text(facts.requestNumber) : facts.requestId,
    clientIp: facts.clientIp,
    bytesIn: facts.bytesIn,
    bytesOut: facts.bytesOut,
    durationMs,
    connectMs: facts.connectMs,
    firstByteMs: facts.firstByteMs,
    attempts: facts.attempts,
    reused: facts.reused,
    retried: facts.retried,
    fallbackFrom: facts.fallbackFrom,
    failedOverFrom: facts.failedOverFrom,
    placement: facts.placement,
    placedBy: facts.placedBy
  })
}

/**
 * The limits that need no route, for a request that is in flight already.
 * @returns why it is refused; null when it is not
 */
export function refuseRequest (
  { inFlight, budget, loops, page, settings: { limits } }: ExchangeContext, request: HttpRequest
): ProxyErrorCode | null {
  const { maxConcurrentRequests } = limits
  if (budget.used >= budget.refuseFrom) {
    count(page, WORKER.shedRequests, 1)
    return 'memory_exhausted'
  }
  if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests) return 'overloaded'
  return request.hasVia && loops.hasGoneRound(request, limits.maxPasses) ? 'loop_detected' : null
}
