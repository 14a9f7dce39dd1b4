/**
 * What an exchange takes down about itself while it lasts; reused for each request of a client connection.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import type { RetryReason } from '../telemetry/counter-layout.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** The reasons of failed attempts are logged up to so many characters: a request that waits may have many. */
const MAX_RETRIED = 48

export class ExchangeFacts {
  /** The exchange is under way. */
  active = false
  route: RouteRuntime | null = null
  version: VersionRuntime | null = null
  stickyKind: StickyKeyKind = 'random'
  keyHash = 0
  /** The epoch of the split that the version was drawn by; -1 without a route. */
  epoch = -1
  /** What the worker's RequestIds call it. */
  requestNumber = 0
  minor = 1
  /** The status sent to the client, or 499. */
  status = 0
  error: ProxyErrorCode | null = null
  fault = ''
  /** What was wrong with the latest attempt that failed. */
  attemptFault = ''
  bytesIn = 0
  bytesOut = 0
  startMs = 0
  connectMs = -1
  firstByteMs = -1
  attempts = 0
  reused = false
  /** Why attempts before the last one failed, in order, with commas between. */
  retried = ''
  /** The version whose failure sent the request to another one; empty when it was not. */
  failedOverFrom = ''
  /** The version of the split, which had no endpoint, so that another one was asked; empty when it had. */
  fallbackFrom = ''

  /** Is the body larger than the route allows, as far as it has come, or by the length that the head tells? */
  protected tooLarge (length: number): boolean {
    const maxBytes = this.route?.policy.maxBodyBytes ?? 0
    return maxBytes > 0 && (length > maxBytes || this.bytesIn > maxBytes)
  }

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
    this.epoch = -1
    this.minor = minor
    this.status = 0
    this.error = null
    this.fault = ''
    this.attemptFault = ''
    this.bytesIn = bytesIn
    this.bytesOut = 0
    this.startMs = nowMs
    this.connectMs = -1
    this.firstByteMs = -1
    this.attempts = 0
    this.reused = false
    this.retried = ''
    this.failedOverFrom = ''
    this.fallbackFrom = ''
  }

  /** An attempt has failed, and another one follows. */
  noteFailedAttempt (reason: RetryReason = 'reset'): void {
    if (this.retried.length < MAX_RETRIED) this.retried = this.retried === '' ? `${reason}` : `${this.retried},${reason}`
  }
}
