/**
 * What all exchanges of a worker share: the routes in force, the options, and objects that are reused because each of them is done with
 * before the call that fills it returns.
 */
import type { DataPlaneSettings } from '../contract/data-plane-options.ts'
import type { CidrSet } from '../core/cidr-set.ts'
import type { Clock } from '../core/clock.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { HttpDate, ResponseFields } from '../http/http-response.ts'
import type { BodyPiece, HttpRequest, KeptRequest, RequestEdits } from '../http/http-request.ts'
import type { RequestIds } from '../http/request-ids.ts'
import type { ByteBudget } from '../net/byte-budget.ts'
import type { Deadlines } from '../net/deadlines.ts'
import type { RouteTable } from '../routing/route-table.ts'
import type { StickyKey } from '../routing/sticky-key.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import type { LoopGuard } from './loop-guard.ts'
import type { AttemptFailures } from './attempt-lease.ts'
import type { RecentRequests } from './recent-requests.ts'
import type { RouteRuntime } from './route-runtime.ts'

export interface ExchangeContext {
  readonly clock: Clock
  /**
   * A recent reading of the clock, for deadlines, which need no better one: as old as the last request's start or end, or
   * the worker's last tick.
   */
  readonly recentMs: number
  readonly deadlines: Deadlines
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  readonly accessLog: AccessLog
  readonly date: HttpDate
  readonly requestIds: RequestIds
  readonly responseFields: ResponseFields
  readonly failures: AttemptFailures
  readonly recent: RecentRequests
  readonly stickyKey: StickyKey
  /** The routes by name. */
  readonly routes: ReadonlyMap<string, RouteRuntime>
  readonly table: RouteTable<RouteRuntime>
  readonly settings: DataPlaneSettings
  readonly trustedProxies: CidrSet
  /** Requests in flight. */
  inFlight: number
  /** Reads the clock. */
  readClock (): number
  /** What the worker keeps for clients and endpoints. */
  readonly budget: ByteBudget
  readonly loops: LoopGuard
  /** Keeps a request for which there is no call yet, and what has come of its body. */
  keepRequest (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest
  /** The head of a request as it would be sent, for a second look and for other edits: see `edited`. It costs a copy. */
  plainHead (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): Buffer
  /**
   * A kept request with other edits in its head.
   * @param plain the head without any, as plainHead gives it
   */
  edited (kept: KeptRequest, plain: Buffer, edits: FieldEdits | null): KeptRequest
  /**
   * The head of a request that was sent and lies in `bytes[0, length)`; null when it is not whole. Valid until the next call. It costs a
   * parse.
   */
  keptHead (bytes: Buffer, length: number): HttpRequest | null
}
