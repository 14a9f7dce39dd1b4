/**
 * What is taken down about one request while it lasts: what the counters, the access log and the ring of recent requests are written from.
 * The object of an exchange is reused for its next request. Hot.
 */
import type { PlacementKind } from '../contract/placement-spec.ts'
import type { StickyKeyKind } from '../contract/questions.ts'
import type { RetryReason } from '../contract/route-policy.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { FirstFailure, JudgedRequest } from './outcome-watch.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'
import type { WayIn } from '../actions/redirect-target.ts'
import type { CidrSet } from '../core/cidr-set.ts'
import type { HttpRequest, RequestEdits } from '../http/http-request.ts'
import type { PlacedFacts } from '../placement/placement.ts'

/**
 * Where the requests of a client connection come from, and what an endpoint is told of it.
 */

/** Who has sent a request, as far as peers that are trusted say. */
export interface RequestIdentity {
  /** The address of the client. */
  clientIp: string
  /** The id that a trusted proxy has given the request; empty when Weir has to. */
  requestId: string
}

export interface RequestOrigin {
  /** Was the request whose edits were asked for last encrypted on its way to Weir, or to the trusted proxy before it? */
  readonly isSecure: boolean
  /** Finds out who has sent a request, and writes it to `identity`. */
  identify (request: HttpRequest, trustedProxies: CidrSet, identity: RequestIdentity): void
  /** How the client has come, as far as peers that are trusted say. */
  wayIn (request: HttpRequest): WayIn
  /**
   * What the endpoint gets besides the request's own fields. Valid until the next call.
   * @param requestId its id, unless a trusted proxy has given it one
   * @param defaultHost for a request that names no host
   */
  edits (request: HttpRequest, identity: RequestIdentity, requestId: Buffer, defaultHost: string): RequestEdits
}

/** The reasons of failed attempts are logged up to 48 characters: a request that waits may have many. */
const MAX_RETRIED = 48

export class RequestFacts implements RequestIdentity, JudgedRequest, PlacedFacts {
  clientIp = ''
  requestId = ''
  /** What the worker's RequestIds call it. */
  requestNumber = 0
  /** Of the client's side: `HTTP/1.1`. */
  protocol = 'HTTP/1.1'
  route: RouteRuntime | null = null
  version: VersionRuntime | null = null
  stickyKind: StickyKeyKind = 'none'
  keyHash = 0
  /** The epoch of the split that the version was drawn by; -1 without a route. */
  epoch = -1
  /** The key of the endpoint that was tried last; empty when there was none. */
  endpoint = ''
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
  /** What of the route's placement chose the version; empty when that was the split. */
  placement: PlacementKind = ''
  /** The list, or the version. */
  placedBy = ''
  /** Both are of the request with this number alone, so that a request that goes well has nothing to reset. */
  #firstFailure: FirstFailure | null = null
  #failedNumber = 0
  #placedNumber = 0
  #cookieNumber = 0

  /** Null when the first attempt has not failed, or is the last one. */
  get firstFailure (): FirstFailure | null {
    return this.#failedNumber === this.requestNumber ? this.#firstFailure : null
  }

  /** The client's key did not choose the version. */
  get placed (): boolean { return this.#placedNumber === this.requestNumber }

  /** The client has no cookie of Weir's, and gets one with its answer. */
  get owesCookie (): boolean { return this.#cookieNumber === this.requestNumber }

  /**
   * A request begins.
   * @param bytesIn what has come of the body
   */
  begin (requestNumber: number, protocol: string, bytesIn: number, nowMs: number): void {
    this.requestNumber = requestNumber
    this.protocol = protocol
    this.route = null
    this.version = null
    this.stickyKind = 'none'
    this.epoch = -1
    this.endpoint = ''
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
    this.placement = ''
    this.placedBy = ''
  }

  /** Is the body larger than its route or its version allows, as far as it has come or by what the head announces? */
  isTooLarge (announced: number): boolean {
    const bytes = Math.max(announced, this.bytesIn)
    const maxBytes = this.route === null ? 0 : this.route.policy.maxBodyBytes
    const ownMaxBytes = this.version === null ? 0 : this.version.maxBodyBytes
    return (maxBytes > 0 && bytes > maxBytes) || (ownMaxBytes > 0 && bytes > ownMaxBytes)
  }

  /** It has failed. @param status what the client gets, or 499 */
  fail (code: ProxyErrorCode, fault: string, status: number): void {
    this.error = code
    this.fault = fault
    this.status = status
  }

  /** Something else than the client's key has chosen the version. @param kind empty for what is no placement of the route */
  notePlaced (kind: PlacementKind = '', by = ''): void {
    this.#placedNumber = this.requestNumber
    this.placement = kind
    this.placedBy = by
  }

  noteCookieOwed (): void { this.#cookieNumber = this.requestNumber }

  /** An attempt that has failed gives way to another one: if it is the first, it is remembered. */
  noteFirstFailure (): void {
    if (this.#failedNumber === this.requestNumber) return
    this.#failedNumber = this.requestNumber
    const { version, fallbackFrom, endpoint, epoch } = this
    this.#firstFailure = { version: version === null || fallbackFrom !== '' ? '' : version.name, endpoint, epoch }
  }

  /** An attempt has failed, and another one follows. */
  noteFailedAttempt (reason: RetryReason = 'reset'): void {
    if (this.retried.length < MAX_RETRIED) this.retried = this.retried === '' ? `${reason}` : `${this.retried},${reason}`
  }
}
