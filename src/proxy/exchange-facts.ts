/**
 * What an exchange takes down about itself while it lasts; reused for each request of a client connection.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

export class ExchangeFacts {
  /** The exchange is under way. */
  active = false
  route: RouteRuntime | null = null
  version: VersionRuntime | null = null
  stickyKind: StickyKeyKind = 'random'
  minor = 1
  /** The status sent to the client, or 499. */
  status = 0
  error: ProxyErrorCode | null = null
  fault = ''
  bytesIn = 0
  bytesOut = 0
  startMs = 0
  connectMs = -1
  firstByteMs = -1
  attempts = 0
  reused = false
  /** Why other attempts were made, in order, with commas between. */
  retried = ''
  /** The version whose failure sent the request to another one; empty when it was not. */
  failedOverFrom = ''

  /**
   * A request begins.
   * @param minor the client's minor version
   * @param bytesIn what has come of the body
   */
  protected startFacts (minor: number, bytesIn: number, nowMs: number): void {
    this.active = true
    this.route = null
    this.version = null
    this.stickyKind = 'random'
    this.minor = minor
    this.status = 0
    this.error = null
    this.fault = ''
    this.bytesIn = bytesIn
    this.bytesOut = 0
    this.startMs = nowMs
    this.connectMs = -1
    this.firstByteMs = -1
    this.attempts = 0
    this.reused = false
    this.retried = ''
    this.failedOverFrom = ''
  }
}
