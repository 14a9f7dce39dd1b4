/**
 * One HTTP/1.1 connection to an endpoint: takes requests one after the other, parses responses, and ends itself as soon as
 * anything on it can't be trusted. Hot.
 */
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../net/byte-stream.ts'
import type { TimerHandle } from '../core/clock.ts'
import type { Deadlined, Sheddable } from '../net/deadlines.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { faultText, FAULT } from '../http1/parse-fault.ts'
import { BODY } from '../http1/request-head.ts'
import type { BodyPiece, HttpRequest, KeptRequest, RequestEdits } from '../http/http-request.ts'
import { keepBytes, pieceBytes, writeRequest } from '../http1/request-writer.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { acceptedUpgrade } from '../http1/connection-options.ts'
import { awaitReset, ConnectionFacts, MAX_KEPT_OUT_BYTES } from './connection-facts.ts'
import type { ConnectionHome } from './transport.ts'
import { type CallEvents, LOGIN, type RequestTerms, type TunnelEvents, type UpstreamCall } from './upstream-call.ts'
import { PartialResponse } from '../http1/line-collector.ts'
import { ReadPace } from './read-pace.ts'
import { ResponseBody } from '../http1/body-reader.ts'
import { ResponseBuffers } from './response-buffers.ts'
import { FIRST_READ_BYTES, type UpstreamContext } from './upstream-context.ts'

const PHASE = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4, closed: 5 } as const
const MAX_INTERIM = 32
const NO_TERMS: RequestTerms = { idempotent: true, toHead: false, offered: '', logsIn: false }

export class UpstreamConnection extends ConnectionFacts implements UpstreamCall, ByteStreamHandler, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  /** Where it rests between requests: at its endpoint's pool, or with the client that has logged in on it. */
  home: ConnectionHome<UpstreamConnection>
  readonly #context: UpstreamContext
  readonly #stream: ByteStream
  readonly #buffers: ResponseBuffers
  readonly #pace: ReadPace
  #inRead = false
  readonly #flushCarried = (): void => { this.#guard(false) }
  readonly #goOnInPartial = (): void => { this.#guard(true) }
  #sink: CallEvents | null = null
  #phase: number = PHASE.connecting
  #tunnel: TunnelEvents | null = null
  #terms: RequestTerms = NO_TERMS
  readonly #body = new ResponseBody()
  #interims = 0
  /** The request has left in one piece: the endpoint has received all of it, or nothing. */
  #inOnePiece = false
  /** The endpoint has closed: did it receive the request? */
  #doubt: TimerHandle | null = null
  /**
   * What has come of a response and is not told yet: a head in part, or what waits behind an interim response until that has been taken.
   * Then, until a pending write is done, where the first piece of the body lies.
   */
  #partial: PartialResponse | null = null
  readonly #startedMs: number
  #idleMs = 0

  constructor (home: ConnectionHome<UpstreamConnection>, context: UpstreamContext, connectMs = context.timeoutsMs.upstreamConnect) {
    super(context.budget)
    this.home = home
    this.#context = context
    this.#buffers = new ResponseBuffers(context.buffers, context.budget)
    this.recharge()
    this.#startedMs = context.clock.nowMs()
    this.deadlineMs = this.#startedMs + connectMs
    context.deadlines.add(this)
    home.opening()
    this.#stream = home.dialer.dial(this, this.#buffers.current, () => { this.#onConnected() })
    this.#pace = new ReadPace(this.#stream, context.turns, context.reportDefect)
  }

  get writePending (): boolean { return this.#stream.writePending }

  assign (events: CallEvents, terms: RequestTerms): void {
    this.#sink = events
    this.#terms = terms
    this.sawBytes = false
    this.sent = false
    this.whole = true
    this.#interims = 0
    if (terms.logsIn) this.login = LOGIN.sent
    if (this.#phase === PHASE.idle) {
      this.deadlineMs = 0
      this.#phase = PHASE.head
    }
  }

  begin (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest {
    writeRequest(this, request, edits, piece)
    return this
  }

  get kept (): KeptRequest { return this }

  repeat ({ out, outLength, headLength, chunked }: KeptRequest): void {
    this.headLength = headLength
    this.chunked = chunked
    this.replaceOut(out, outLength)
  }

  protected get otherBytes (): number {
    return this.#buffers.memoryBytes + (this.#partial?.memoryBytes ?? 0)
  }

  send (): boolean {
    this.#inOnePiece = this.outLength <= this.home.segmentBytes
    const taken = this.#stream.write(this.out.subarray(0, this.outLength))
    this.sent = !this.#stream.writeRefused
    return taken
  }

  sendSoon (): void {
    this.#context.afterReads(() => {
      if (this.#sink === null || this.sent || this.#phase !== PHASE.head) return
      if (this.send()) this.#sink.onCallDrain()
    })
  }

  body (piece: BodyPiece, maxKept: number): boolean {
    const bytes = pieceBytes(this, piece)
    if (bytes.length === 0) return true
    if (this.whole) {
      this.whole = keepBytes(this, bytes, maxKept)
      this.recharge()
    }
    return this.write(bytes)
  }

  write (bytes: Buffer): boolean {
    this.#inOnePiece = false
    return this.#stream.write(bytes)
  }

  pause (): void { this.#pace.pause() }

  resume (): void {
    if (this.#partial === null) this.#pace.resume()
    else this.#context.afterReads(this.#goOnInPartial)
  }

  /** What waits for the end of a turn is in no read that would catch what it throws. */
  #guard (wanted: boolean): void {
    try {
      if (wanted) this.#onMoreWanted()
      else this.#onCarriedAlone()
    } catch (error) {
      this.onDefect(error)
    }
  }

  /** Whoever gets the bytes wants more, of which there are some already. */
  #onMoreWanted (): void {
    const partial = this.#partial
    if (this.#phase === PHASE.closed) return
    this.#pace.resume()
    if (this.#phase === PHASE.head && this.#sink !== null && partial !== null) this.#onParsed(partial.head, partial.parse(), partial.end)
    else this.#keepPartial(null)
  }

  end (): void { this.#stream.end() }

  #onConnected (): void {
    this.deadlineMs = 0
    this.connectMs = this.#context.clock.nowMs() - this.#startedMs
    if (this.#phase !== PHASE.connecting) return
    if (this.#sink === null) {
      this.cancel()
      return
    }
    this.#phase = PHASE.head
    this.connecting = false
    this.home.opened()
    this.#sink.onCallReady()
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    this.sawBytes = true
    if (end - start === FIRST_READ_BYTES && this.#phase === PHASE.head && this.#buffers.mayGrow && this.#partial === null) {
      this.#carry(buf, start, end)
      return
    }
    const from = start - this.#buffers.takeCarried()
    this.#inRead = true
    this.#onRead(buf, from, end)
    // Of interim responses, and of what came in part, there are copies.
    if (this.#phase === PHASE.head || this.#partial !== null || this.#pace.resting) {
      this.#returnLarge()
    } else if (this.#phase === PHASE.body || this.#phase === PHASE.tunnel) {
      if (!this.#pace.paused && this.#buffers.tooLarge) this.#returnLarge()
    }
    this.#inRead = false
  }

  /**
   * The read has filled the small buffer, so there is more: the kernel is asked again at once, into a large buffer, and what
   * is there already waits in the room before it. Head and body then leave in one write.
   */
  #carry (buf: Buffer, start: number, end: number): void {
    this.#readInto(this.#buffers.carry(buf, start, end))
    this.#context.afterReads(this.#flushCarried)
  }

  /** There was no more after all: what is carried goes on alone. */
  #onCarriedAlone (): void {
    if (this.#buffers.carried === 0 || this.#phase === PHASE.closed) return
    const { memory, offset } = this.#buffers.current
    this.#onRead(memory, offset - this.#buffers.takeCarried(), offset)
  }

  #onRead (buf: Buffer, start: number, end: number): void {
    if (this.#phase === PHASE.body) this.#onBody(buf, start, end)
    else if (this.#phase === PHASE.tunnel) this.#onTunnel(buf, start, end)
    else if (this.#phase === PHASE.head && this.sent && this.#sink !== null) this.#onHead(buf, start, end)
    else if (this.#phase === PHASE.head) this.#fail('upstream_reset', 'it spoke before it was asked')
    else this.cancel() // Bytes that nobody asked for: they must not become the next client's answer.
  }

  #onHead (buf: Buffer, start: number, end: number): void {
    const partial = this.#partial
    const head = partial === null ? this.#context.responseHead : partial.head
    const outcome = partial === null ? head.parse(buf, start, end) : partial.add(buf, start, end)
    this.#onParsed(head, outcome, partial === null ? end : partial.end)
  }

  /** A head was parsed in bytes that end at `to`, with this outcome. */
  #onParsed (head: ResponseHead, parsed: number, to: number): void {
    let partial = this.#partial
    let outcome = parsed
    while (outcome > 0 && head.status < 200) {
      if (head.status === 101) return this.#upgrade(head, to)
      if (head.offersLogin) this.login ||= LOGIN.offered
      if (++this.#interims > MAX_INTERIM) return this.#fail('upstream_malformed', faultText(FAULT.too_many_interim))
      this.#sink?.onInterim(head)
      if (this.#sink === null) return
      partial = null
      const { buf } = head.fields
      head.reset(buf, head.end)
      // Copies of all that came in one read would be kept otherwise.
      outcome = this.#pace.paused ? 0 : head.parseOn(to)
    }
    if (outcome < 0) return this.#fail('upstream_malformed', faultText(outcome))
    if (outcome > 0) return this.#beginBody(head, to)
    this.#keepPartial(partial ?? (head.start === to ? null : new PartialResponse(head, to)))
  }

  #keepPartial (partial: PartialResponse | null): void {
    this.#partial = partial
    this.recharge()
  }

  #upgrade (head: ResponseHead, to: number): void {
    const sink = this.#sink
    const protocol = acceptedUpgrade(head, this.#terms.offered)
    if (protocol === undefined || sink === null) return this.#fail('upstream_malformed', faultText(FAULT.unrequested_upgrade))
    const { end: from, fields: { buf } } = head
    this.#phase = PHASE.tunnel
    this.#tunnel = sink.onSwitch(head, protocol)
    this.home.tunnelChanged(this, true)
    this.#sink = null
    if (from < to) this.#onTunnel(buf, from, to)
    if (this.#partial !== null && !this.#pace.paused) this.#keepPartial(null)
  }

  #onTunnel (buf: Buffer, start: number, end: number): void {
    this.#tunnel?.onTunnelBytes(buf, start, end)
    if (!this.#inRead || this.#phase !== PHASE.tunnel) return
    // A large buffer is for large messages: a tunnel that is idle most of the time does not keep one.
    if (end - start < FIRST_READ_BYTES && !this.#pace.paused) this.#returnLarge()
    else if (end - start >= FIRST_READ_BYTES && this.#buffers.mayGrow) this.#readInto(this.#buffers.enlarge())
  }

  #beginBody (head: ResponseHead, to: number): void {
    const { end: bodyStart, fields: { buf } } = head
    const framing = head.framing(this.#terms.toHead)
    this.keep = head.keepsAlive() && framing !== BODY.untilClose
    this.#idleMs = head.idleTimeMs(this.#context.timeoutsMs.upstreamIdle)
    this.#body.begin(framing, head.length)
    this.#phase = PHASE.body
    if (head.offersLogin) this.login ||= LOGIN.offered
    head.bodyFraming = framing
    this.#sink?.onHead(head)
    if (this.#sink !== null) this.#onBody(buf, bodyStart, to)
    if (this.#partial !== null && !(this.#phase === PHASE.body && this.#pace.paused)) this.#keepPartial(null)
  }

  #onBody (buf: Buffer, start: number, end: number): void {
    const bodyEnd = this.#body.read(buf, start, end)
    if (bodyEnd < 0) this.#fail('upstream_malformed', faultText(bodyEnd))
    else if (this.#body.done) this.#complete(buf, start, bodyEnd)
    else {
      this.#pace.decoded(end - start, bodyEnd - start)
      this.#sink?.onBody(buf, start, bodyEnd)
    }
  }

  /** The response is whole. */
  #complete (buf: Buffer, start: number, end: number): void {
    // What came behind it must not become the next client's answer.
    if (this.#body.surplus) this.keep = false
    const sink = this.#sink
    this.#sink = null
    this.#phase = PHASE.idle
    this.reused = true
    sink?.onEnd(buf, start, end, this.#body.trailers)
  }

  /** To be called from within onEnd: buffers can be changed during a read only. */
  release (complete: boolean, taken: boolean): number {
    this.#sink = null
    const left = taken ? 0 : this.#abandonBuffer()
    if (this.#phase !== PHASE.closed) this.#rest(complete)
    return left
  }

  /** Waits for another request, if it can be used for one. */
  #rest (complete: boolean): void {
    this.deadlineMs = this.#context.recentMs + this.#idleMs
    if (!complete || !this.keep || this.#phase !== PHASE.idle || this.#stream.writePending || !this.home.park(this)) return this.cancel()
    this.#returnLarge()
    if (this.out.length > MAX_KEPT_OUT_BYTES) this.dropOut()
    if (this.#pace.paused) this.#pace.resume()
  }

  /** The memory where the last piece lies still belongs to a pending write: it is left to it. @returns its bytes */
  #abandonBuffer (): number {
    if (this.#partial !== null) return this.#partial.memoryBytes
    const { length } = this.#buffers.current.memory
    // The stream can change buffers during a read only: without one, the connection is not used again.
    if (this.#inRead) this.#readInto(this.#buffers.abandon())
    else this.keep = false
    return length
  }

  /** Gives the large buffer back. Only a read in progress can change buffers; otherwise it is kept for the next response. */
  #returnLarge (): void {
    const small = this.#inRead ? this.#buffers.shrink() : null
    if (small !== null) this.#readInto(small)
  }

  #readInto (buffer: ReadBuffer): void {
    this.#stream.readInto(buffer)
    this.recharge()
  }

  onEnd (): void {
    this.ended = true
    this.#onCarriedAlone()
    // Behind a write that was refused the end may be a reset, which the write has used up: what seems whole could be cut.
    if (this.#stream.writeRefused && this.#phase !== PHASE.head) return this.#lost()
    if (this.#phase === PHASE.tunnel) return this.#tunnel?.onTunnelEnd()
    if (this.#phase === PHASE.body && this.#body.framing === BODY.untilClose && this.#sink !== null) {
      const { memory, offset } = this.#buffers.current
      this.keep = false
      return this.#complete(memory, offset, offset)
    }
    if (this.#phase === PHASE.head && this.#mayBeTooLate) this.#awaitReset()
    else this.#lost()
  }

  /** Is it worth while to know whether the request was received? */
  get #mayBeTooLate (): boolean {
    return this.sent && this.#inOnePiece && !this.#terms.idempotent && !this.sawBytes && !this.#stream.writePending
  }

  #awaitReset (): void {
    this.#doubt = awaitReset(this.#stream, this.#context.clock, reset => {
      if (!reset || !this.#inOnePiece) return this.#lost()
      this.sent = false
      this.#fail('upstream_reset', 'closed by the endpoint before the request came')
    })
  }

  onDrain (): void {
    this.#sink?.onCallDrain()
    this.#tunnel?.onCallDrain()
  }

  onClose (error: string | undefined): void {
    this.#onCarriedAlone()
    this.#lost(error ?? 'closed')
  }

  onDefect (error: unknown): void {
    this.#context.reportDefect(error)
    this.#fail('internal_error', 'a defect in handling the response')
  }

  onDeadline (): void {
    if (this.#phase === PHASE.connecting) this.#fail('upstream_connect_timeout', 'timeouts.upstreamConnect')
    else if (this.#tunnel !== null) this.#tunnel.abort('tunnel_drained', 'drain.tunnels')
    else this.cancel()
  }

  sheddable (): Sheddable | undefined {
    return this.#phase === PHASE.idle && this.#sink === null ? { rank: 0, bytes: this.account.bytes, movedMs: 0 } : undefined
  }

  shed (): void { this.cancel() }

  /** The connection ended before it should have. */
  #lost (reason = 'closed by the endpoint'): void {
    if (this.#phase === PHASE.connecting) this.#fail(this.home.dialer.failed(reason), reason)
    else if (this.#phase === PHASE.tunnel || (this.#phase === PHASE.body && this.#sink !== null)) this.#fail('upstream_truncated', reason)
    else this.#fail('upstream_reset', reason)
  }

  #fail (code: ProxyErrorCode, fault: string): void {
    const sink = this.#sink ?? this.#tunnel
    this.cancel()
    sink?.onFailed(code, fault)
  }

  reset (): void {
    // The stream may tell of its end at once: whoever asked for it knows.
    this.#sink = null
    this.#tunnel = null
    if (this.#phase !== PHASE.closed) this.#stream.reset()
    this.cancel()
  }

  endTunnelAfter (graceMs: number): void {
    if (this.deadlineMs === 0) this.deadlineMs = Math.max(1, this.#context.recentMs + graceMs)
  }

  /** The connection goes by itself as soon as its FIN is out. */
  finish (): void {
    this.#tunnel = null
    this.#stream.end()
    this.deadlineMs = this.#context.recentMs + this.#context.timeoutsMs.upstreamIdle
  }

  cancel (): void {
    if (this.#phase === PHASE.closed) return
    if (this.#phase === PHASE.idle) this.home.unpark(this)
    else if (this.#phase === PHASE.connecting) this.home.opened()
    else if (this.#phase === PHASE.tunnel) this.home.tunnelChanged(this, false)
    this.#phase = PHASE.closed
    this.connecting = false
    this.#sink = null
    this.#tunnel = null
    this.deadlineMs = 0
    this.#context.deadlines.remove(this)
    this.#doubt?.cancel()
    this.account.close()
    this.home.closed()
    this.#stream.destroy()
  }
}
