/**
 * What is known of an exchange when it is over: what the counters and the access log are written from.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

export interface ExchangeRecord {
  readonly route: RouteRuntime | null
  readonly version: VersionRuntime | null
  /** The key of the endpoint that was tried last; empty when there was none. */
  readonly endpoint: string
  readonly stickyKind: StickyKeyKind
  readonly clientIp: string
  readonly minor: number
  /** The status sent to the client, or 499. */
  readonly status: number
  readonly error: ProxyErrorCode | null
  readonly fault: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly startMs: number
  readonly connectMs: number
  readonly firstByteMs: number
  readonly attempts: number
  readonly reused: boolean
  /** Why other attempts were made, in order, with commas between. */
  readonly retried: string
  /** The version whose failure sent the request to another one; empty when it was not. */
  readonly failedOverFrom: string
  /** The request's head, parsed again from what was sent; null when it was never complete. Costs: for the access log and errors only. */
  requestHead (): RequestHead | null
}
