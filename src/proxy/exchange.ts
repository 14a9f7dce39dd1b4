/**
 * One request and its response: route, version, endpoint, attempts, and the bytes both ways. One object per client
 * connection, reused for each of its requests. Hot.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { BODY } from '../http1/request-head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../http1/rewrite-request-head.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'
import type { ResponseSink } from '../upstream/response-sink.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import { isIdempotent, mayRepeat } from './attempts.ts'
import { appendChunk, framePiece, PIECE_FRAMING_BYTES } from './body-piece.ts'
import type { BodyPiece } from './body-piece.ts'
import { chooseVersion } from './choose-version.ts'
import type { DataPlane } from './data-plane.ts'
import type { Downstream } from './downstream.ts'
import { errorResponse } from './error-response.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { count, finish } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { interimResponse } from './interim-response.ts'
import { optionsAnswer } from './options-answer.ts'
import { prefersText } from './prefers-text.ts'
import { ResponseRelay } from './response-relay.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** What the deadline of the connection is for. */
const WAIT = { response: 0, requestBody: 1, stream: 2 } as const
const NO_BYTES = Buffer.alloc(0)

export class Exchange implements ResponseSink, ExchangeRecord {
  active = false
  route: RouteRuntime | null = null
  version: VersionRuntime | null = null
  stickyKind: StickyKeyKind = 'random'
  minor = 1
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
  readonly #plane: DataPlane
  readonly #downstream: Downstream
  readonly #forwarding: Forwarding
  readonly #relay: ResponseRelay
  #head: RequestHead | null = null
  /** The request as it was sent: a second look at it costs another parse, but only errors and the access log look. */
  #sent: Buffer = NO_BYTES
  #sentLength = 0
  #endpointPool: EndpointPool | null = null
  #connection: UpstreamConnection | null = null
  #keyHash = 0
  #toHead = false
  #idempotent = false
  #keepAlive = true
  #requestFraming: number = BODY.none
  #requestDone = false
  /** The request came whole with its head, so that it lies whole in the connection's `out`. */
  #inOnePiece = false
  #wait: number = WAIT.response
  #upstreamBlocked = false
  #downstreamBlocked = false

  constructor (plane: DataPlane, downstream: Downstream, forwarding: Forwarding) {
    this.#plane = plane
    this.#downstream = downstream
    this.#forwarding = forwarding
    this.#relay = new ResponseRelay(downstream, plane.date)
  }

  get endpoint (): string { return this.#endpointPool?.key ?? '' }
  get clientIp (): string { return this.#forwarding.clientIp }

  /** Takes a request whose head is complete, with what has come of its body. `head` and `piece` are valid during the call only. */
  begin (head: RequestHead, piece: BodyPiece): void {
    this.#reset(head, piece)
    const plane = this.#plane
    const { maxConcurrentRequests, maxBodyBytes } = plane.settings.limits
    plane.inFlight++
    if (maxConcurrentRequests > 0 && plane.inFlight > maxConcurrentRequests) this.#fail('overloaded', '')
    else if (maxBodyBytes > 0 && (head.length > maxBodyBytes || this.bytesIn > maxBodyBytes)) this.#fail('body_too_large', '')
    else if (head.maxForwards === 0) this.#answerHere(head)
    else this.#routeRequest(head, piece)
    this.#head = null
  }

  #reset (head: RequestHead, piece: BodyPiece): void {
    this.active = true
    this.route = null
    this.version = null
    this.stickyKind = 'random'
    this.minor = head.minor
    this.status = 0
    this.error = null
    this.fault = ''
    this.bytesIn = piece.end - piece.start
    this.bytesOut = 0
    this.startMs = this.#plane.readClock()
    this.connectMs = -1
    this.firstByteMs = -1
    this.attempts = 0
    this.reused = false
    this.#head = head
    this.#endpointPool = null
    this.#connection = null
    this.#toHead = head.methodIs('HEAD')
    this.#idempotent = isIdempotent(head)
    this.#keepAlive = head.keepsAlive()
    this.#requestFraming = head.framing()
    this.#requestDone = piece.last
    this.#inOnePiece = piece.last
    this.#relay.reset()
    this.#upstreamBlocked = false
    this.#downstreamBlocked = false
  }

  #routeRequest (head: RequestHead, piece: BodyPiece): void {
    const plane = this.#plane
    const route = plane.table.match(head)
    if (route === undefined) return this.#fail('no_route', '')
    this.route = route
    this.#forwarding.identify(head, plane.trustedProxies)
    const key = plane.stickyKey
    route.stickyKey.resolve(head, this.#forwarding.clientIp, key)
    this.stickyKind = key.kind
    this.#keyHash = key.hash
    const version = chooseVersion(route, key.hash)
    if (version === undefined) return this.#fail('no_endpoint', 'every version has weight 0')
    this.version = version
    count(version.counters, SLOT.inFlight, 1)
    const endpoint = version.pool.pick(key.hash)
    if (endpoint === undefined) return this.#fail('no_endpoint', '')
    this.#waitFor(piece.last ? WAIT.response : WAIT.requestBody)
    this.#attempt(endpoint, endpoint.takeIdle() ?? endpoint.connect())
    this.#writeRequest(head, piece)
  }

  /** Makes a connection the one of the current attempt. */
  #attempt (endpoint: EndpointPool, connection: UpstreamConnection): void {
    const counters = this.version?.counters
    if (counters !== undefined) count(counters, connection.connecting ? SLOT.upstreamConnects : SLOT.upstreamReuses, 1)
    this.attempts++
    this.reused = !connection.connecting
    this.#endpointPool = endpoint
    endpoint.inFlight++
    this.#connection = connection
    connection.assign(this, this.#toHead)
  }

  /** Serialises the head and the first piece into the connection's own memory, where they stay for another attempt. */
  #writeRequest (head: RequestHead, piece: BodyPiece): void {
    const connection = this.#connection
    if (connection === null) return
    const additions = this.#forwarding.additions(head, this.#plane.requestIds, connection.endpoint.key)
    const bodyLength = piece.end - piece.start
    const trailers = piece.trailers === undefined ? 0 : piece.trailers.length
    connection.reserveOut(rewrittenHeadBound(head, additions) + bodyLength + trailers + PIECE_FRAMING_BYTES)
    const out = connection.out
    let pos = rewriteRequestHead(head, additions, out, 0)
    if (this.#requestFraming === BODY.chunked) {
      pos = appendChunk(piece, out, pos)
    } else if (bodyLength > 0) {
      piece.buf.copy(out, pos, piece.start, piece.end)
      pos += bodyLength
    }
    connection.outLength = pos
    this.#sent = out
    this.#sentLength = pos
    if (connection.connecting || !connection.sendOut()) this.#holdBody()
  }

  /** The rest of the request's body waits until the endpoint has taken what there is. */
  #holdBody (): void {
    if (this.#requestDone) return
    this.#upstreamBlocked = true
    this.#downstream.pauseBody()
  }

  #releaseBody (): void {
    if (!this.#upstreamBlocked) return
    this.#upstreamBlocked = false
    this.#downstream.resumeBody()
    this.#waitFor(this.#relay.begun ? WAIT.stream : WAIT.requestBody)
  }

  /** Another piece of the request's body. Its buffer is lent until the exchange asks for more. */
  requestBody (piece: BodyPiece): void {
    const connection = this.#connection
    if (connection === null) return
    this.bytesIn += piece.end - piece.start
    const { maxBodyBytes } = this.#plane.settings.limits
    if (maxBodyBytes > 0 && this.bytesIn > maxBodyBytes) return this.giveUp('body_too_large', '')
    if (piece.last) this.#requestDone = true
    if (this.#relay.begun) this.#waitFor(WAIT.stream)
    else this.#waitFor(piece.last ? WAIT.response : WAIT.requestBody)
    const bytes = this.#requestFraming === BODY.chunked ? framePiece(piece) : piece.buf.subarray(piece.start, piece.end)
    if (bytes.length > 0 && !connection.write(bytes)) this.#holdBody()
  }

  /** Is something of the request still with the kernel's queue, so that its buffer can't be used again? */
  get requestPending (): boolean {
    return this.#connection?.writePending ?? false
  }

  onUpstreamReady (): void {
    const connection = this.#connection
    if (connection === null) return
    this.connectMs = connection.connectMs
    if (connection.sendOut()) this.#releaseBody()
  }

  onUpstreamDrain (): void {
    this.#releaseBody()
  }

  onInterimHead (head: ResponseHead): void {
    // RFC 9110 section 15.2: a 1.0 client does not know of interim responses.
    if (this.minor === 0 || this.#downstreamBlocked) return
    this.#downstream.write(interimResponse(head))
  }

  onResponseHead (head: ResponseHead, framing: number): void {
    this.status = head.status
    if (this.#plane.accessLog.enabled) this.firstByteMs = this.#plane.clock.nowMs() - this.startMs
    this.#keepAlive = this.#relay.head(head, framing, { minor: this.minor, keepAlive: this.#keepAlive && !this.#plane.draining })
  }

  onResponseBody (buf: Buffer, start: number, end: number, last: boolean): void {
    this.bytesOut += end - start
    if (last) this.#complete(this.#relay.lastBody(buf, start, end, this.#connection?.trailers))
    else this.#afterPiece(this.#relay.body(buf, start, end))
  }

  #afterPiece (taken: boolean): void {
    this.#waitFor(WAIT.stream)
    if (taken) return
    this.#downstreamBlocked = true
    this.#connection?.pause()
  }

  /** Everything written to the client has been taken. */
  downstreamDrained (): void {
    if (!this.#downstreamBlocked) return
    this.#downstreamBlocked = false
    this.#waitFor(WAIT.stream)
    this.#connection?.resume()
  }

  #complete (taken: boolean): void {
    const connection = this.#connection
    this.#connection = null
    if (connection !== null) {
      // The last piece still lies in the connection's buffer, which the pending write holds on to.
      if (!taken) connection.abandonBuffer()
      connection.release(this.#requestDone)
    }
    // A drain that began after the head has not been told to the client: the next answer tells it.
    this.#end(this.#keepAlive && this.#requestDone)
  }

  onUpstreamFailed (code: ProxyErrorCode, fault: string): void {
    const connection = this.#connection
    if (connection === null) return
    if (this.#relay.begun) return this.#cut('upstream_truncated', fault)
    const facts = { attempts: this.attempts, idempotent: this.#idempotent, whole: this.#inOnePiece }
    if (mayRepeat({ ...facts, code, reused: connection.served > 0, sawBytes: connection.sawBytes }) && this.#repeat(connection)) return
    this.#fail(code, fault)
  }

  #repeat (before: UpstreamConnection): boolean {
    const version = this.version
    const endpoint = version?.pool.pick(this.#keyHash)
    if (version === null || endpoint === undefined) return false
    this.#leaveEndpoint()
    count(version.counters, SLOT.retries, 1)
    const connection = endpoint.connect()
    connection.out = before.out
    connection.outLength = before.outLength
    this.#attempt(endpoint, connection)
    return true
  }

  #leaveEndpoint (): void {
    if (this.#endpointPool !== null) this.#endpointPool.inFlight--
  }

  /** The deadline of what the exchange waits for has passed. */
  onDeadline (): void {
    switch (this.#wait) {
      case WAIT.requestBody: return this.giveUp(this.#upstreamBlocked ? 'upstream_timeout' : 'request_timeout', 'timeouts.requestBody')
      case WAIT.response: return this.giveUp('upstream_timeout', 'timeouts.upstreamResponse')
      default: return this.giveUp(this.#silentParty(), 'timeouts.streamIdle')
    }
  }

  /** Whose silence it is when nothing moves any more. */
  #silentParty (): ProxyErrorCode {
    if (this.#downstreamBlocked) return 'client_gone'
    return this.#requestDone || this.#upstreamBlocked ? 'upstream_idle_timeout' : 'request_timeout'
  }

  /** The client has gone. */
  downstreamGone (): void {
    if (!this.active) return
    this.#connection?.destroy()
    this.#connection = null
    this.error = 'client_gone'
    this.status = this.#relay.begun ? this.status : 499
    this.#end(false)
  }

  /** Ends the exchange with the endpoint and answers, or cuts the answer that has begun. */
  giveUp (code: ProxyErrorCode, fault: string): void {
    if (!this.active) return
    this.#connection?.destroy()
    if (this.#relay.begun) this.#cut(code, fault)
    else this.#fail(code, fault)
  }

  /** The client has a part of the response already. */
  #cut (code: ProxyErrorCode, fault: string): void {
    this.error = code
    this.fault = fault
    this.#connection = null
    this.#downstream.abort(this.#relay.untilClose)
    this.#end(false)
  }

  #fail (code: ProxyErrorCode, fault: string): void {
    const row = proxyErrorRow(code)
    this.error = code
    this.fault = fault
    this.status = row.status
    const keep = this.#keepAlive && !row.closes && this.#requestDone && !this.#plane.draining
    const head = this.requestHead()
    const response = errorResponse(code, {
      text: prefersText(head?.header('accept')),
      toHead: this.#toHead,
      close: !keep,
      keepAlive10: this.minor === 0,
      date: this.#plane.date.now(),
      detail: row.source === 'downstream' ? fault : ''
    })
    this.#respond(response, keep)
  }

  /** RFC 9110 section 7.6.2: a request that may go no further is answered as its last recipient. */
  #answerHere (head: RequestHead): void {
    if (!head.methodIs('OPTIONS')) return this.#fail('method_not_supported', 'TRACE')
    const keep = this.#keepAlive && this.#requestDone && !this.#plane.draining
    this.status = 200
    this.#respond(optionsAnswer(this.#plane.date.now(), keep, this.minor), keep)
  }

  #respond (response: Buffer, keep: boolean): void {
    this.#connection = null
    this.#relay.begun = true
    this.#downstream.write(response)
    this.#end(keep)
  }

  #end (keep: boolean): void {
    this.active = false
    this.#leaveEndpoint()
    this.#plane.inFlight--
    finish(this.#plane, this)
    this.#sent = NO_BYTES
    this.#sentLength = 0
    this.#downstream.exchangeEnded(keep)
  }

  #waitFor (wait: number): void {
    this.#wait = wait
    const { timeoutsMs } = this.#plane.settings
    switch (wait) {
      case WAIT.requestBody: return this.#downstream.waitFor(timeoutsMs.requestBody)
      case WAIT.response: return this.#downstream.waitFor(timeoutsMs.upstreamResponse)
      default: return this.#downstream.waitFor(timeoutsMs.streamIdle)
    }
  }

  requestHead (): RequestHead | null {
    if (this.#head !== null) return this.#head
    if (this.#sentLength === 0) return null
    const head = this.#plane.sentHead
    head.reset(this.#sent, 0)
    return head.parse(this.#sentLength) === 1 ? head : null
  }
}
