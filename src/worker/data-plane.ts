/**
 * What all connections and exchanges of a worker share, and what their contexts say of it.
 */
import { AfterTurn, TurnQueue } from '../net/turns.ts'
import { BODY_READ_BYTES, BufferPool, SMALL_READ_BYTES } from '../net/buffer-pool.ts'
import { ByteBudget } from '../net/byte-budget.ts'
import { createReadBuffer } from '../net/byte-stream.ts'
import type { ReadBuffer } from '../net/byte-stream.ts'
import { CidrSet } from '../core/cidr-set.ts'
import type { Clock } from '../core/clock.ts'
import { Deadlines } from '../net/deadlines.ts'
import type { WorkerIo } from '../net/worker-io.ts'
import type { BodyPiece, HttpRequest, KeptRequest, RequestEdits } from '../http/http-request.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import { RequestHead } from '../http1/request-head.ts'
import { editedHead } from '../http1/rewrite-request-head.ts'
import { keepRequest, plainHead, withHead } from '../http1/request-writer.ts'
import { ResponseHead } from '../http1/response-head.ts'
import { RESPONSE_HEADROOM } from '../http1/rewrite-response-head.ts'
import { RouteTable } from '../routing/route-table.ts'
import { StickyKey } from '../routing/sticky-key.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import { FIRST_READ_BYTES, READ_BYTES } from '../upstream/upstream-context.ts'
import type { UpstreamContext } from '../upstream/upstream-context.ts'
import type { DownstreamContext } from '../downstream/downstream-context.ts'
import { AttemptFailures } from '../exchange/attempt-lease.ts'
import { HttpDate, ResponseFields } from '../http/http-response.ts'
import { LoopGuard } from '../exchange/loop-guard.ts'
import { RecentRequests } from '../exchange/recent-requests.ts'
import { RequestIds } from '../http/request-ids.ts'
import type { RouteRuntime } from '../exchange/route-runtime.ts'
import type { DataPlaneSettings } from '../contract/data-plane-options.ts'
import { READ_TAILROOM } from '../http1/chunk-framing.ts'
import { shedMemory } from './memory-watch.ts'

/** What one read may bring between bodies: what can't be used up at once has to be kept. */
const SHARED_READ_BYTES = 16_384
/** More than the lines that a route and its version add (src/config/filter-schema.ts). */
const MAX_EDIT_LINES = 64
const MAX_EDIT_BYTES = MAX_EDIT_LINES * 4_352
/** Buffers of each kind kept for re-use: of the large ones, 4 MiB. */
const MAX_FREE_BUFFERS = 32

/** What a worker gives its data plane. */
export interface DataPlaneDeps {
  readonly clock: Clock
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  readonly accessLog: AccessLog
  readonly io: WorkerIo
  /** Tells this process from all others; nothing does by default. */
  readonly instance?: string
}

export class DataPlane implements DownstreamContext, UpstreamContext {
  readonly clock: Clock
  readonly io: WorkerIo
  readonly deadlines = new Deadlines()
  readonly #afterTurn = new AfterTurn()
  /** What is kept for clients and endpoints. Beyond its limit it is what takes the most that has to go, when this turn is over. */
  readonly budget: ByteBudget
  /** Clients that have sent more than one turn serves. */
  readonly turns = new TurnQueue()
  readonly buffers = new BufferPool({
    headroom: RESPONSE_HEADROOM + FIRST_READ_BYTES, length: READ_BYTES, tailroom: READ_TAILROOM
  }, MAX_FREE_BUFFERS)

  /** For bodies of requests, and what clients send through tunnels. */
  readonly bodyBuffers = new BufferPool({ headroom: RESPONSE_HEADROOM, length: BODY_READ_BYTES, tailroom: READ_TAILROOM }, MAX_FREE_BUFFERS)
  /** The same, when they come in small pieces. */
  readonly smallBuffers = new BufferPool({
    headroom: RESPONSE_HEADROOM, length: SMALL_READ_BYTES, tailroom: READ_TAILROOM
  }, MAX_FREE_BUFFERS)

  /** Where client connections read when no body is on its way. */
  readonly sharedBuffer: ReadBuffer = createReadBuffer(RESPONSE_HEADROOM, SHARED_READ_BYTES, READ_TAILROOM)
  readonly page: Float64Array
  readonly accessLog: AccessLog
  readonly date: HttpDate
  readonly requestIds = new RequestIds()
  readonly loops: LoopGuard
  responseFields: ResponseFields
  readonly failures = new AttemptFailures()
  readonly recent = new RecentRequests(this.requestIds)
  readonly stickyKey = new StickyKey()
  /** The routes by name. */
  routes: ReadonlyMap<string, RouteRuntime> = new Map()
  table: RouteTable<RouteRuntime> = new RouteTable<RouteRuntime>([])
  settings: DataPlaneSettings
  timeoutsMs: DataPlaneSettings['timeoutsMs']
  maxIdleUpstream: number
  trustedProxies: CidrSet
  requestHead: RequestHead
  /** For a second look at a request that has been sent. */
  #keptHead: RequestHead
  responseHead: ResponseHead
  /**
   * A recent reading of the clock, for deadlines, which need no better one: as old as the last request's start or end, or
   * the worker's last tick.
   */
  recentMs: number
  /** Tells of a defect of Weir itself: the request that met it fails, and the others go on. */
  reportDefect: (error: unknown) => void = () => {}
  /** Descriptors that the connections of this worker may have; what is beyond them is for the rest of Weir. */
  maxDescriptors = Infinity
  /** Requests in flight. */
  inFlight = 0
  /** The worker is on its way out: connections are not kept. */
  draining = false

  constructor ({ clock, page, accessLog, io, instance = '' }: DataPlaneDeps, settings: DataPlaneSettings) {
    this.clock = clock
    this.io = io
    this.recentMs = clock.nowMs()
    this.page = page
    this.accessLog = accessLog
    this.loops = new LoopGuard(instance)
    this.date = new HttpDate(clock)
    this.settings = settings
    this.timeoutsMs = settings.timeoutsMs
    this.maxIdleUpstream = settings.limits.maxIdleUpstream
    this.budget = new ByteBudget(settings.limits.maxBufferedBytes, () => { this.afterReads(() => { shedMemory(this, this.recentMs) }) })
    this.trustedProxies = new CidrSet(settings.trustedProxies)
    this.requestHead = new RequestHead(settings.limits)
    this.#keptHead = keptHeadFor(settings)
    this.responseHead = new ResponseHead(settings.limits)
    this.responseFields = new ResponseFields(settings.responseFields, this.requestIds)
  }

  /** Reads the clock. */
  readClock (): number {
    this.recentMs = this.clock.nowMs()
    return this.recentMs
  }

  /** Puts other options in force; connections meet them with their next request. */
  configure (settings: DataPlaneSettings): void {
    this.settings = settings
    this.timeoutsMs = settings.timeoutsMs
    this.maxIdleUpstream = settings.limits.maxIdleUpstream
    this.budget.configure(settings.limits.maxBufferedBytes)
    this.trustedProxies = new CidrSet(settings.trustedProxies)
    this.requestHead = new RequestHead(settings.limits)
    this.#keptHead = keptHeadFor(settings)
    this.responseHead = new ResponseHead(settings.limits)
    this.responseFields = new ResponseFields(settings.responseFields, this.requestIds)
  }

  keepRequest (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest {
    return keepRequest(request, edits, piece)
  }

  plainHead (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): Buffer {
    return plainHead(request, edits, piece)
  }

  edited (kept: KeptRequest, plain: Buffer, edits: FieldEdits | null): KeptRequest {
    const head = this.#keptHead
    head.reset(plain, 0)
    // One of HTTP/1.0 may have an empty Host, which is a fault; it is read to its end all the same.
    head.parse(plain.length)
    return withHead(kept, edits === null || !head.whole ? plain : editedHead(head, edits))
  }

  keptHead (bytes: Buffer, length: number): HttpRequest | null {
    const head = this.#keptHead
    head.reset(bytes, 0)
    return head.parse(length) === 1 ? head : null
  }

  afterReads (callback: () => void): void {
    this.#afterTurn.add(callback)
  }
}

/** A sent head carries our own fields besides the client's, and those of edits: all that a route and a version may add. */
function keptHeadFor ({ limits }: DataPlaneSettings): RequestHead {
  return new RequestHead({
    maxHeadBytes: limits.maxHeadBytes * 2 + 4096 + MAX_EDIT_BYTES,
    maxHeaderFields: limits.maxHeaderFields + 16 + MAX_EDIT_LINES,
    maxUriBytes: limits.maxUriBytes + 1
  })
}
