/**
 * What an exchange shares with others, without a worker: no connections, no codec. A request that is kept is a line of text.
 */
import type { DataPlaneSettings } from '../../src/contract/data-plane-options.ts'
import { CidrSet } from '../../src/core/cidr-set.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AttemptFailures } from '../../src/exchange/attempt-lease.ts'
import type { ExchangeContext } from '../../src/exchange/exchange-context.ts'
import { LoopGuard } from '../../src/exchange/loop-guard.ts'
import { RecentRequests } from '../../src/exchange/recent-requests.ts'
import type { RouteRuntime } from '../../src/exchange/route-runtime.ts'
import type { BodyPiece, HttpRequest, KeptRequest, RequestEdits } from '../../src/http/http-request.ts'
import { HttpDate, ResponseFields } from '../../src/http/http-response.ts'
import { RequestIds } from '../../src/http/request-ids.ts'
import { ByteBudget } from '../../src/net/byte-budget.ts'
import { Deadlines } from '../../src/net/deadlines.ts'
import { AfterTurn } from '../../src/net/turns.ts'
import { RouteTable } from '../../src/routing/route-table.ts'
import { StickyKey } from '../../src/routing/sticky-key.ts'
import { AccessLog } from '../../src/telemetry/access-log.ts'
import { WORKER_LENGTH } from '../../src/telemetry/counter-layout.ts'

/** Waits of half a minute, and no limits. */
const SETTINGS: DataPlaneSettings = {
  trustedProxies: [],
  responseFields: { requestId: false, version: false },
  timeoutsMs: {
    firstByte: 30_000,
    tlsHandshake: 30_000,
    requestHead: 30_000,
    requestBody: 30_000,
    keepAliveIdle: 30_000,
    upstreamConnect: 30_000,
    upstreamResponse: 30_000,
    upstreamIdle: 30_000,
    tunnelIdle: 30_000,
    tunnelGrace: 30_000,
    streamIdle: 30_000
  },
  limits: {
    maxHeadBytes: 0,
    maxHeaderFields: 0,
    maxUriBytes: 0,
    maxBodyBytes: 0,
    minBodyRate: 0,
    maxConcurrentRequests: 0,
    maxRequestsPerConnection: 0,
    maxConnections: 0,
    maxConnectionsPerListener: 0,
    maxConnectionsPerClient: 0,
    maxIdleUpstream: 0,
    maxBufferedBytes: 1_048_576,
    maxPasses: 1
  },
  shadow: { maxRequests: 64, maxBytes: 65_536, maxLoopLagMs: 0, maxLoopUtilization: 1 }
}

export class MemoryContext implements ExchangeContext {
  readonly clock: Clock
  readonly deadlines = new Deadlines()
  readonly page = new Float64Array(WORKER_LENGTH)
  readonly accessLog: AccessLog
  readonly date: HttpDate
  readonly requestIds = new RequestIds()
  readonly failures = new AttemptFailures()
  readonly recent = new RecentRequests(this.requestIds)
  readonly stickyKey = new StickyKey()
  readonly trustedProxies = new CidrSet([])
  readonly budget = new ByteBudget(1_048_576, () => {})
  readonly loops = new LoopGuard('')
  readonly responseFields: ResponseFields
  readonly settings: DataPlaneSettings
  routes: ReadonlyMap<string, RouteRuntime> = new Map()
  table = new RouteTable<RouteRuntime>([])
  recentMs: number
  inFlight = 0
  readonly #afterTurn = new AfterTurn()
  /** By the memory in which they are kept. */
  readonly #heads = new WeakMap<Buffer, HttpRequest>()

  constructor (clock: Clock, limits: Partial<DataPlaneSettings['limits']> = {}) {
    const settings = { ...SETTINGS, limits: { ...SETTINGS.limits, ...limits } }
    this.clock = clock
    this.settings = settings
    this.recentMs = clock.nowMs()
    this.date = new HttpDate(clock)
    this.responseFields = new ResponseFields(settings.responseFields, this.requestIds)
    this.accessLog = new AccessLog({ policy: { mode: 'off', sampleRate: 0 }, random: () => 0, send: () => {}, page: this.page })
  }

  readClock (): number {
    this.recentMs = this.clock.nowMs()
    return this.recentMs
  }

  afterReads (callback: () => void): void { this.#afterTurn.add(callback) }

  keepRequest (request: HttpRequest, _edits: RequestEdits, piece: BodyPiece): KeptRequest {
    const head = Buffer.from(`${request.method()} ${request.path()} `)
    const out = Buffer.concat([head, piece.buf.subarray(piece.start, piece.end)])
    this.#heads.set(out, request)
    return { out, outLength: out.length, headLength: head.length, chunked: false }
  }

  plainHead (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): Buffer {
    const { out, headLength } = this.keepRequest(request, edits, piece)
    return out.subarray(0, headLength)
  }

  edited (kept: KeptRequest): KeptRequest { return kept }

  keptHead (bytes: Buffer): HttpRequest | null { return this.#heads.get(bytes) ?? null }
}
