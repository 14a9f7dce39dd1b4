/**
 * One HTTP/1.1 connection to an endpoint: takes requests one after the other, parses responses, and ends itself as soon as
 * anything on it can't be trusted. Hot.
 */
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../core/byte-stream.ts'
import type { TimerHandle } from '../core/clock.ts'
import type { Deadlined, Sheddable } from '../core/deadlines.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { faultText, FAULT } from '../http1/parse-fault.ts'
import { BODY } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { acceptedUpgrade } from '../http1/upgrade.ts'
import { awaitReset } from './await-reset.ts'
import { ConnectionFacts, MAX_KEPT_OUT_BYTES } from './connection-facts.ts'
import type { ConnectionHome } from './connection-home.ts'
import { LOGIN } from './login.ts'
import { PartialResponse } from './partial-response.ts'
import { ReadPace } from './read-pace.ts'
import { ResponseBody } from './response-body.ts'
import { ResponseBuffers } from './response-buffers.ts'
import type { RequestTerms, ResponseSink } from './response-sink.ts'
import type { TunnelSink } from './tunnel-sink.ts'
import { FIRST_READ_BYTES } from './upstream-context.ts'
import type { UpstreamContext } from './upstream-context.ts'

const PHASE = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4, closed: 5 } as const
const MAX_INTERIM = 32
const NO_TERMS: RequestTerms = { idempotent: true, toHead: false, offered: '', logsIn: false }

export class UpstreamConnection extends ConnectionFacts implements ByteStreamHandler, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  /** Where it rests between requests: at its endpoint's pool, or with the client that has logged in on it. */
  endpoint: ConnectionHome<UpstreamConnection>
  readonly #context: UpstreamContext
  readonly #stream: ByteStream
  readonly #buffers: ResponseBuffers
  readonly #pace: ReadPace
  #inRead = false
  readonly #flushHeld = (): void => { this.#onHeldAlone() }
  #sink: ResponseSink | null = null
  #phase: number = PHASE.connecting
  #tunnel: TunnelSink | null = null
  #terms: RequestTerms = NO_TERMS
  readonly #body = new ResponseBody()
  #interims = 0
  #sawBytes = false
  /** The request has left in one piece: the endpoint has received all of it, or nothing. */
  #inOnePiece = false
  /** The endpoint has closed: did it receive the request? */
  #doubt: TimerHandle | null = null
  #partial: PartialResponse | null = null
  readonly #startedMs: number
  #idleMs = 0

  constructor (endpoint: ConnectionHome<UpstreamConnection>, context: UpstreamContext, connectMs = context.timeoutsMs.upstreamConnect) {
    super(context.budget)
    this.endpoint = endpoint
    this.#context = context
    this.#buffers = new ResponseBuffers(context.buffers, context.budget)
    this.recharge()
    this.#startedMs = context.clock.nowMs()
    this.deadlineMs = this.#startedMs + connectMs
    context.deadlines.add(this)
    endpoint.opening()
    this.#stream = endpoint.dialer.dial(this, this.#buffers.current, () => { this.#onConnected() })
    this.#pace = new ReadPace(this.#stream, context.turns, context.reportDefect)
  }

  get connecting (): boolean { return this.#phase === PHASE.connecting }
  get writePending (): boolean { return this.#stream.writePending }
  /** Has anything of a response to the current request arrived? */
  get sawBytes (): boolean { return this.#sawBytes }

  /** Hands the connection to an exchange. */
  assign (sink: ResponseSink, terms: RequestTerms): void {
    this.#sink = sink
    this.#terms = terms
    this.#sawBytes = false
    this.sent = false
    this.#interims = 0
    if (terms.logsIn) this.login = LOGIN.sent
    if (this.#phase === PHASE.idle) {
      this.deadlineMs = 0
      this.#phase = PHASE.head
    }
  }

  protected get otherBytes (): number {
    return this.#buffers.memoryBytes + (this.#partial?.memoryBytes ?? 0)
  }

  /** Writes what lies in `out`; false while the kernel has not taken all of it. */
  sendOut (): boolean {
    this.#inOnePiece = this.outLength <= this.endpoint.segmentBytes
    const taken = this.#stream.write(this.out.subarray(0, this.outLength))
    this.sent = !this.#stream.writeRefused
    return taken
  }

  /** Writes what lies in `out` when everything that has come in by now is handled; then onUpstreamDrain is called. */
  sendSoon (): void {
    this.#context.afterReads(() => {
      if (this.#sink === null || this.sent || this.#phase !== PHASE.head) return
      if (this.sendOut()) this.#sink.onUpstreamDrain()
    })
  }

  write (bytes: Buffer): boolean {
    this.#inOnePiece = false
    return this.#stream.write(bytes)
  }

  pause (): void { this.#pace.hold() }

  resume (): void { this.#pace.letGo() }

  /** Sends a FIN after what has been written; the endpoint may still send. */
  end (): void { this.#stream.end() }

  /**
   * The buffer that was read into last still belongs to a pending write: it is left to it. Call from within onResponseBody.
   * @returns the bytes of memory that are left
   */
  abandonBuffer (): number {
    const { length } = this.#buffers.current.memory
    // The stream can change buffers during a read only: without one, the connection is not used again.
    if (!this.#inRead) this.keep = false
    else this.#readInto(this.#buffers.abandon())
    return length
  }

  #onConnected (): void {
    this.deadlineMs = 0
    this.connectMs = this.#context.clock.nowMs() - this.#startedMs
    if (this.#phase !== PHASE.connecting) return
    if (this.#sink === null) {
      this.destroy()
      return
    }
    this.#phase = PHASE.head
    this.endpoint.opened()
    this.#sink.onUpstreamReady()
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    this.#sawBytes = true
    if (end - start === FIRST_READ_BYTES && this.#phase === PHASE.head && this.#buffers.mayGrow && this.#partial === null) {
      this.#hold(buf, start, end)
      return
    }
    const from = start - this.#buffers.takeHeld()
    this.#inRead = true
    this.#onRead(buf, from, end)
    // Of interim responses, and of a head in part, there are copies.
    if (this.#phase === PHASE.head || this.#pace.resting || ((this.#phase === PHASE.body || this.#phase === PHASE.tunnel) && !this.#pace.held && this.#buffers.tooLarge)) this.#returnLarge()
    this.#inRead = false
  }

  /**
   * The read has filled the small buffer, so there is more: the kernel is asked again at once, into a large buffer, and what
   * is there already waits in the room before it. Head and body then leave in one write.
   */
  #hold (buf: Buffer, start: number, end: number): void {
    this.#readInto(this.#buffers.hold(buf, start, end))
    this.#context.afterReads(this.#flushHeld)
  }

  /** There was no more after all: what is held has to go on alone. */
  #onHeldAlone (): void {
    if (this.#buffers.held === 0 || this.#phase === PHASE.closed) return
    const { memory, offset } = this.#buffers.current
    this.#onRead(memory, offset - this.#buffers.takeHeld(), offset)
  }

  #onRead (buf: Buffer, start: number, end: number): void {
    if (this.#phase === PHASE.body) this.#onBody(buf, start, end)
    else if (this.#phase === PHASE.tunnel) this.#onTunnel(buf, start, end)
    else if (this.#phase === PHASE.head && this.sent && this.#sink !== null) this.#onHead(buf, start, end)
    else if (this.#phase === PHASE.head) this.#fail('upstream_reset', 'it spoke before it was asked')
    else this.destroy() // Bytes that nobody asked for: they must not become the next client's answer.
  }

  #onHead (buf: Buffer, start: number, end: number): void {
    let partial = this.#partial
    const head = partial === null ? this.#context.responseHead : partial.head
    let outcome = partial === null ? head.parse(buf, start, end) : partial.add(buf, start, end)
    const to = partial === null ? end : partial.end
    while (outcome > 0 && head.status < 200) {
      if (head.status === 101) return this.#upgrade(head, to)
      if (head.offersLogin) this.login ||= LOGIN.offered
      if (++this.#interims > MAX_INTERIM) return this.#fail('upstream_malformed', faultText(FAULT.too_many_interim))
      this.#sink?.onInterimHead(head)
      if (this.#sink === null) return
      partial = null
      outcome = head.parse(head.fields.buf, head.end, to)
    }
    if (outcome < 0) return this.#fail('upstream_malformed', faultText(outcome))
    if (outcome > 0) {
      this.#partial = null
      if (partial !== null) this.recharge()
      return this.#beginBody(head, to)
    }
    this.#partial = partial ?? (head.start === to ? null : new PartialResponse(head, to))
    this.recharge()
  }

  #upgrade (head: ResponseHead, to: number): void {
    const sink = this.#sink
    const protocol = acceptedUpgrade(head, this.#terms.offered)
    if (protocol === undefined || sink === null) return this.#fail('upstream_malformed', faultText(FAULT.unrequested_upgrade))
    const { end: from, fields: { buf } } = head
    this.#partial = null
    this.#phase = PHASE.tunnel
    this.#tunnel = sink.onUpgrade(head, protocol)
    this.endpoint.tunnelChanged(this, true)
    this.#sink = null
    if (from < to) this.#onTunnel(buf, from, to)
  }

  #onTunnel (buf: Buffer, start: number, end: number): void {
    this.#tunnel?.onTunnelBytes(buf, start, end)
    if (!this.#inRead || this.#phase !== PHASE.tunnel) return
    // A large buffer is for large messages: a tunnel that is idle most of the time does not keep one.
    if (end - start < FIRST_READ_BYTES && !this.#pace.held) this.#returnLarge()
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
    this.#sink?.onResponseHead(head, framing)
    if (this.#sink !== null) this.#onBody(buf, bodyStart, to)
  }

  #onBody (buf: Buffer, start: number, end: number): void {
    const bodyEnd = this.#body.read(buf, start, end)
    if (bodyEnd < 0) this.#fail('upstream_malformed', faultText(bodyEnd))
    else if (this.#body.done) this.#complete(buf, start, bodyEnd)
    else {
      this.#pace.decoded(end - start, bodyEnd - start)
      this.#sink?.onResponseBody(buf, start, bodyEnd, false)
    }
  }

  /** The response is whole. */
  #complete (buf: Buffer, start: number, end: number): void {
    // What came behind it must not become the next client's answer.
    if (this.#body.surplus) this.keep = false
    const sink = this.#sink
    this.#sink = null
    this.#phase = PHASE.idle
    this.served++
    sink?.onResponseBody(buf, start, end, true)
  }

  /** The trailer lines of the response that has just ended. */
  get trailers (): Buffer | undefined {
    return this.#body.trailers
  }

  /**
   * The exchange is over. Keeps the connection for another request if response and request have both ended well.
   * @param requestComplete everything of the request has been sent
   */
  release (requestComplete: boolean): void {
    this.#sink = null
    if (this.#phase === PHASE.closed) return
    this.deadlineMs = this.#context.recentMs + this.#idleMs
    if (!requestComplete || !this.keep || this.#phase !== PHASE.idle || this.#stream.writePending || !this.endpoint.park(this)) return this.destroy()
    this.#returnLarge()
    if (this.out.length > MAX_KEPT_OUT_BYTES) this.dropOut()
    this.#stream.resume()
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
    this.#onHeldAlone()
    if (this.#phase === PHASE.tunnel) {
      this.#tunnel?.onTunnelEnd()
      return
    }
    if (this.#phase === PHASE.body && this.#body.framing === BODY.untilClose && this.#sink !== null) {
      const { memory, offset } = this.#buffers.current
      this.keep = false
      this.#complete(memory, offset, offset)
      return
    }
    if (this.#phase === PHASE.head && this.#mayBeTooLate) this.#awaitReset()
    else this.#lost()
  }

  /** Is it worth while to know whether the request was received? */
  get #mayBeTooLate (): boolean {
    return this.sent && this.#inOnePiece && !this.#terms.idempotent && !this.#sawBytes && !this.#stream.writePending
  }

  #awaitReset (): void {
    this.#doubt = awaitReset(this.#stream, this.#context.clock, reset => {
      if (!reset || !this.#inOnePiece) return this.#lost()
      this.sent = false
      this.#fail('upstream_reset', 'closed by the endpoint before the request came')
    })
  }

  onDrain (): void {
    this.#sink?.onUpstreamDrain()
    this.#tunnel?.onUpstreamDrain()
  }

  onClose (error: string | undefined): void {
    this.#onHeldAlone()
    this.#lost(error ?? 'closed')
  }

  onDefect (error: unknown): void {
    this.#context.reportDefect(error)
    this.#fail('internal_error', 'a defect in handling the response')
  }

  onDeadline (): void {
    if (this.#phase === PHASE.connecting) this.#fail('upstream_connect_timeout', 'timeouts.upstreamConnect')
    else if (this.#tunnel !== null) this.#tunnel.abort('tunnel_drained', 'drain.tunnels')
    else this.destroy()
  }

  sheddable (): Sheddable | undefined {
    return this.#phase === PHASE.idle && this.#sink === null ? { rank: 0, bytes: this.account.bytes, movedMs: 0 } : undefined
  }

  shed (): void { this.destroy() }

  /** The connection ended before it should have. */
  #lost (reason = 'closed by the endpoint'): void {
    if (this.#phase === PHASE.connecting) this.#fail(this.endpoint.dialer.failed(reason), reason)
    else if (this.#phase === PHASE.tunnel || (this.#phase === PHASE.body && this.#sink !== null)) this.#fail('upstream_truncated', reason)
    else this.#fail('upstream_reset', reason)
  }

  #fail (code: ProxyErrorCode, fault: string): void {
    const sink = this.#sink ?? this.#tunnel
    this.destroy()
    sink?.onUpstreamFailed(code, fault)
  }

  /** Ends the connection with a reset, so that the endpoint can't take what it has got for complete. */
  reset (): void {
    // The stream may tell of its end at once: whoever asked for it knows.
    this.#sink = null
    this.#tunnel = null
    if (this.#phase !== PHASE.closed) this.#stream.reset()
    this.destroy()
  }

  /** The endpoint is not used any more: its tunnel has so long to end. */
  endTunnelAfter (graceMs: number): void {
    this.deadlineMs = Math.max(1, this.#context.recentMs + graceMs)
  }

  /** The tunnel has been ended from both sides: the connection goes by itself as soon as its FIN is out. */
  finish (): void {
    this.#tunnel = null
    this.#stream.end()
    this.deadlineMs = this.#context.recentMs + this.#context.timeoutsMs.upstreamIdle
  }

  /** Ends the connection at once. */
  destroy (): void {
    if (this.#phase === PHASE.closed) return
    if (this.#phase === PHASE.idle) this.endpoint.unpark(this)
    else if (this.#phase === PHASE.connecting) this.endpoint.opened()
    else if (this.#phase === PHASE.tunnel) this.endpoint.tunnelChanged(this, false)
    this.#phase = PHASE.closed
    this.#sink = null
    this.#tunnel = null
    this.deadlineMs = 0
    this.#context.deadlines.remove(this)
    this.#doubt?.cancel()
    this.account.close()
    this.endpoint.closed()
    this.#stream.destroy()
  }
}
