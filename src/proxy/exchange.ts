/**
 * One request and its response: route, version, endpoint, attempts, and the bytes both ways. One object per client
 * connection, reused for each of its requests. Hot.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { chunkEnd, chunkStart, chunkStartBytes, lastChunk, lastChunkWith } from '../http1/chunk-framing.ts'
import { BODY } from '../http1/request-head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../http1/rewrite-request-head.ts'
import { rewriteResponseHead } from '../http1/rewrite-response-head.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'
import type { ResponseSink } from '../upstream/response-sink.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import type { DataPlane } from './data-plane.ts'
import type { Downstream } from './downstream.ts'
import { errorResponse } from './error-response.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { count, finish } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { interimResponse } from './interim-response.ts'
import { prefersText } from './prefers-text.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** How the response's body goes to the client. */
const RELAY = { plain: 0, chunked: 1, untilClose: 2 } as const
/** What the deadline of the connection is for. */
const WAIT = { response: 0, requestBody: 1, stream: 2 } as const
const MAX_ATTEMPTS = 3
const NO_BYTES = Buffer.alloc(0)

/** A piece of a request's body, unframed, in `buf[start, end)`, with free room around it for chunk framing. */
export interface BodyPiece {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly last: boolean
  /** The trailer lines, with the last piece. */
  readonly trailers: Buffer | undefined
}

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
  #wait: number = WAIT.response
  #relay: number = RELAY.plain
  #headFrom = -1
  #headSent = false
  #upstreamBlocked = false
  #downstreamBlocked = false

  constructor (plane: DataPlane, downstream: Downstream, forwarding: Forwarding) {
    this.#plane = plane
    this.#downstream = downstream
    this.#forwarding = forwarding
  }

  get endpoint (): string { return this.#endpointPool?.key ?? '' }
  get clientIp (): string { return this.#forwarding.clientIp }
  /** Is a response on its way to the client? */
  get responding (): boolean { return this.active && this.#headSent }

  /** Takes a request whose head is complete, with what has come of its body. `head` and `piece` are valid during the call only. */
  begin (head: RequestHead, piece: BodyPiece): void {
    this.#reset(head, piece)
    const plane = this.#plane
    const { maxConcurrentRequests, maxBodyBytes } = plane.settings.limits
    plane.inFlight++
    if (maxConcurrentRequests > 0 && plane.inFlight > maxConcurrentRequests) this.#fail('overloaded', '')
    else if (maxBodyBytes > 0 && (head.length > maxBodyBytes || this.bytesIn > maxBodyBytes)) this.#fail('body_too_large', '')
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
    this.startMs = this.#plane.clock.nowMs()
    this.connectMs = -1
    this.firstByteMs = -1
    this.attempts = 0
    this.reused = false
    this.#head = head
    this.#endpointPool = null
    this.#connection = null
    this.#toHead = head.methodIs('HEAD')
    this.#idempotent = this.#toHead || head.methodIs('GET') || isIdempotent(head)
    this.#keepAlive = head.keepsAlive()
    this.#requestFraming = head.framing()
    this.#requestDone = piece.last
    this.#relay = RELAY.plain
    this.#headFrom = -1
    this.#headSent = false
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
    const split = route.split
    const chosen = split.choose(key.hash)
    let version = route.versions[chosen]
    if (version === undefined) return this.#fail('no_endpoint', 'every version has weight 0')
    if (version.pool.empty && route.whenEmpty === 'fallback') {
      version = route.versions[split.chooseAvailable(key.hash, route.available())] ?? version
      if (!version.pool.empty) count(version.counters, SLOT.fallbacks, 1)
    }
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
    connection.reserveOut(rewrittenHeadBound(head, additions) + bodyLength + trailers + 32)
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
    if (connection.connecting) {
      this.#holdBody()
    } else {
      this.#sendOut(connection)
    }
  }

  #sendOut (connection: UpstreamConnection): void {
    if (!connection.sendOut()) this.#holdBody()
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
    if (!this.#headSent) this.#waitFor(WAIT.requestBody)
  }

  /** Another piece of the request's body. Its buffer is lent until the exchange asks for more. */
  requestBody (piece: BodyPiece): void {
    const connection = this.#connection
    if (connection === null) return
    this.bytesIn += piece.end - piece.start
    const { maxBodyBytes } = this.#plane.settings.limits
    if (maxBodyBytes > 0 && this.bytesIn > maxBodyBytes) return this.#giveUp('body_too_large', '')
    if (piece.last) this.#requestDone = true
    if (!this.#headSent) this.#waitFor(piece.last ? WAIT.response : WAIT.requestBody)
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
    this.firstByteMs = this.#plane.clock.nowMs() - this.startMs
    let additions = head.hasDate ? '' : `Date: ${this.#plane.date.now()}\r\n`
    if (framing === BODY.chunked || framing === BODY.untilClose) {
      if (this.minor === 0) {
        this.#relay = RELAY.untilClose
        this.#keepAlive = false
      } else {
        this.#relay = RELAY.chunked
        additions += 'Transfer-Encoding: chunked\r\n'
      }
    } else if (head.rewriteLength) {
      additions += `Content-Length: ${head.length}\r\n`
    }
    if (this.#plane.draining) this.#keepAlive = false
    if (!this.#keepAlive) additions += 'Connection: close\r\n'
    else if (this.minor === 0) additions += 'Connection: keep-alive\r\n'
    this.#headFrom = rewriteResponseHead(head, additions)
  }

  onResponseBody (buf: Buffer, start: number, end: number, last: boolean): void {
    this.bytesOut += end - start
    let from = start
    let to = end
    let trailers: Buffer | undefined
    const framed = this.#relay === RELAY.chunked && end > start
    if (this.#headFrom >= 0) {
      // The head moves out of the way before the size line is written where it ended.
      from = this.#headFrom
      if (framed) {
        from -= chunkStartBytes(end - start)
        buf.copyWithin(from, this.#headFrom, start)
      }
      this.#headFrom = -1
      this.#headSent = true
    }
    if (this.#relay === RELAY.chunked) {
      if (last) trailers = this.#connection?.trailers
      if (framed) {
        const sizeLine = chunkStart(buf, start, end)
        from = Math.min(from, sizeLine)
        to = chunkEnd(buf, end)
      }
      if (last && trailers === undefined && to > start) to = lastChunk(buf, to)
      else if (last) trailers = lastChunkWith(trailers ?? NO_BYTES)
    }
    let taken = from === to || this.#downstream.write(buf.subarray(from, to))
    if (trailers !== undefined) taken = this.#downstream.write(trailers) && taken
    if (last) this.#complete(taken)
    else this.#afterPiece(taken)
  }

  #afterPiece (taken: boolean): void {
    if (this.#requestDone) this.#waitFor(WAIT.stream)
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
      if (!taken) connection.exchangeBuffer()
      connection.release(this.#requestDone)
    }
    this.#end(this.#keepAlive && this.#requestDone && !this.#plane.draining)
  }

  onUpstreamFailed (code: ProxyErrorCode, fault: string): void {
    const connection = this.#connection
    if (connection === null) return
    if (this.#headSent || this.#headFrom >= 0) return this.#cut('upstream_truncated', fault)
    if (this.#mayRepeat(code, connection) && this.#repeat(connection)) return
    this.#fail(code, fault)
  }

  /** RFC 9110 section 9.2.2, RFC 9112 section 9.3.1: what was not sent may be repeated, and so may an idempotent request that a kept-alive connection lost. */
  #mayRepeat (code: ProxyErrorCode, connection: UpstreamConnection): boolean {
    if (this.attempts >= MAX_ATTEMPTS) return false
    const rule = proxyErrorRow(code).retry
    if (rule === 'unsent') return true
    return rule === 'idempotent' && this.#idempotent && this.#requestDone && this.#isWhole(connection) &&
      connection.served > 0 && !connection.sawBytes
  }

  /** Does `out` hold the whole request? */
  #isWhole (connection: UpstreamConnection): boolean {
    return this.bytesIn === 0 || connection.outLength > this.bytesIn
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
      case WAIT.requestBody: return this.#giveUp(this.#upstreamBlocked ? 'upstream_timeout' : 'request_timeout', 'timeouts.requestBody')
      case WAIT.response: return this.#giveUp('upstream_timeout', 'timeouts.upstreamResponse')
      default: return this.#giveUp(this.#downstreamBlocked ? 'client_gone' : 'upstream_idle_timeout', 'timeouts.streamIdle')
    }
  }

  /** The client's bytes turned out not to be a request body. */
  requestMalformed (code: ProxyErrorCode, fault: string): void {
    this.#giveUp(code, fault)
  }

  /** The client has gone. */
  downstreamGone (): void {
    if (!this.active) return
    this.#connection?.destroy()
    this.#connection = null
    this.error = 'client_gone'
    this.status = this.#headSent ? this.status : 499
    this.#end(false)
  }

  /** Ends the exchange with the endpoint and answers, or cuts the answer that has begun. */
  #giveUp (code: ProxyErrorCode, fault: string): void {
    if (!this.active) return
    this.#connection?.destroy()
    if (this.#headSent) this.#cut(code, fault)
    else this.#fail(code, fault)
  }

  /** The client has a part of the response already. */
  #cut (code: ProxyErrorCode, fault: string): void {
    this.error = code
    this.fault = fault
    this.#connection = null
    this.#downstream.abort(this.#relay === RELAY.untilClose)
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
    this.#connection = null
    this.#headSent = true
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

/** RFC 9110 section 9.2.2. */
function isIdempotent (head: RequestHead): boolean {
  return head.methodIs('PUT') || head.methodIs('DELETE') || head.methodIs('OPTIONS') || head.methodIs('TRACE')
}

/** Writes a piece as a chunk to `out`; returns the position behind. */
function appendChunk (piece: BodyPiece, out: Buffer, at: number): number {
  let pos = at
  const length = piece.end - piece.start
  if (length > 0) {
    pos += out.write(`${length.toString(16)}\r\n`, pos, 'latin1')
    piece.buf.copy(out, pos, piece.start, piece.end)
    pos = chunkEnd(out, pos + length)
  }
  if (!piece.last) return pos
  if (piece.trailers === undefined) return lastChunk(out, pos)
  return pos + lastChunkWith(piece.trailers).copy(out, pos)
}

/** Frames a piece as a chunk in its own buffer. */
function framePiece (piece: BodyPiece): Buffer {
  let from = piece.start
  let to = piece.end
  if (to > from) {
    from = chunkStart(piece.buf, piece.start, piece.end)
    to = chunkEnd(piece.buf, piece.end)
  }
  if (!piece.last) return piece.buf.subarray(from, to)
  if (piece.trailers === undefined) return piece.buf.subarray(from, lastChunk(piece.buf, to))
  return Buffer.concat([piece.buf.subarray(from, to), lastChunkWith(piece.trailers)])
}
