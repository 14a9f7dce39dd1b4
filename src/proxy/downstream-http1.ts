/**
 * One client connection that speaks HTTP/1.1: bytes → request heads and bodies → exchange, answers in order. Hot.
 *
 * While no body is on its way the connection reads into a buffer that all connections of the worker share; what can't be
 * used up during the call is copied out of it. A body is read into a buffer of the connection's own.
 */
import type { ByteStream, ByteStreamHandler } from '../core/byte-stream.ts'
import type { Deadlined } from '../core/deadlines.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { faultCode, faultText } from '../http1/parse-fault.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { CLOSED } from '../telemetry/counter-layout.ts'
import type { Admission } from './admission.ts'
import { BodyBuffer } from './body-buffer.ts'
import { BodyReader } from './body-reader.ts'
import type { DataPlane } from './data-plane.ts'
import type { ClientSide, Downstream } from './downstream.ts'
import { Exchange } from './exchange.ts'
import { failedRequest } from './failed-request.ts'
import { failureAnswer } from './failure-answer.ts'
import { count, finish } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { PartialHead } from './partial-head.ts'

const PHASE = { head: 0, body: 1, answering: 2, tunnel: 3, lingering: 4, closed: 5 } as const
/** Requests sent ahead that are kept; more stay in the kernel until the answer is out. */
const MAX_PIPELINED_BYTES = 65_536
/** After an early answer the rest of the request is read and dropped for so long, so that a reset does not destroy the answer. */
const LINGER_MS = 2_000
const MAX_LINGER_BYTES = 1_048_576
/**
 * A client that has sent a FIN is gone, or it is a rare one that only ends its side and waits for the answer. Until something
 * is written to it nothing tells one from the other, so the answer is waited for no longer than this.
 */
const HALF_CLOSED_MS = 2_000
/**
 * While the worker drains, an idle connection stays open for so long. A request that was on its way when the drain began, or
 * that follows an answer which could not say `Connection: close` any more, is answered; only then is the client told.
 */
const DRAIN_IDLE_MS = 500

export class DownstreamHttp1 implements ByteStreamHandler, Downstream, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  readonly #plane: DataPlane
  readonly #forwarding: Forwarding
  readonly #admission: Admission
  readonly #exchange: Exchange
  #stream: ByteStream | null = null
  #phase: number = PHASE.head
  readonly #body = new BodyReader()
  #tunnel: ClientSide | null = null
  /** Requests so far. */
  #requests = 0
  readonly #bodyBuffer: BodyBuffer
  /** A head that has not come whole yet. */
  #partial: PartialHead | null = null
  /** Bytes that belong to the next requests. */
  #pipelined: Buffer | null = null
  /** The bytes that #process is at: what is left of them needs no copy. */
  #working: Buffer | null = null
  #processing = false
  #peerEnded = false
  #lingered = 0

  /** @param admission the connection's place, which is given up when it is gone */
  constructor (plane: DataPlane, forwarding: Forwarding, admission: Admission) {
    this.#plane = plane
    this.#forwarding = forwarding
    this.#admission = admission
    this.#bodyBuffer = new BodyBuffer(plane)
    this.#exchange = new Exchange(plane, this, forwarding, admission.listener.redirectPort)
  }

  /** Begins to serve the stream. */
  start (stream: ByteStream): void {
    this.#stream = stream
    this.#plane.deadlines.add(this)
    this.waitFor(this.#plane.settings.timeoutsMs.firstByte)
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    switch (this.#phase) {
      case PHASE.head:
        if (this.#pipelined !== null) return this.#stash(buf, start, end)
        this.#onHeadBytes(buf, start, end)
        if (this.#pipelined !== null && this.#phase === PHASE.head) this.#process()
        return
      case PHASE.body: return this.#onBodyBytes(buf, start, end)
      case PHASE.answering: return this.#stash(buf, start, end)
      case PHASE.tunnel: return this.#onTunnelBytes(buf, start, end)
      case PHASE.lingering: return this.#linger(end - start)
      default:
    }
  }

  /** Works off requests that have been sent ahead. */
  #process (): void {
    if (this.#processing) return
    this.#processing = true
    while (this.#phase === PHASE.head && this.#pipelined !== null && this.#stream?.writePending === false) {
      const bytes = this.#pipelined
      this.#pipelined = null
      this.#working = bytes
      this.#onHeadBytes(bytes, 0, bytes.length)
    }
    this.#working = null
    this.#processing = false
    if (this.#phase !== PHASE.head) return
    if (this.#pipelined !== null) return this.#waitIdle()
    this.#stream?.resume()
    if (this.#peerEnded) this.#close()
  }

  #onHeadBytes (buf: Buffer, start: number, end: number): void {
    if (this.#partial !== null) return this.#onPartialHead(this.#partial, buf, start, end)
    const head = this.#plane.requestHead
    head.reset(buf, start)
    const outcome = head.parse(end)
    if (outcome === 1) this.#onHead(head, end)
    else if (outcome < 0) this.#refuse(faultCode(outcome), faultText(outcome), head)
    else this.#keepPartial(buf, start, end)
  }

  /** The head has not come whole: what there is has to be kept. */
  #keepPartial (buf: Buffer, start: number, end: number): void {
    this.#partial = new PartialHead(this.#plane.settings.limits, buf, start, end)
    this.waitFor(this.#plane.settings.timeoutsMs.requestHead)
  }

  #onPartialHead (partial: PartialHead, buf: Buffer, start: number, end: number): void {
    const outcome = partial.add(buf, start, end)
    if (outcome === 0) return
    this.#partial = null
    if (outcome === 1) this.#onHead(partial.head, partial.length)
    else this.#refuse(faultCode(outcome), faultText(outcome), partial.head)
  }

  /** The head is complete; `end` is the end of the bytes that are there. */
  #onHead (head: RequestHead, end: number): void {
    const body = this.#body
    const buf = head.fields.buf
    body.begin(head)
    const fault = body.read(buf, head.end, end)
    if (fault < 0) return this.#refuse(faultCode(fault), faultText(fault), head)
    if (body.consumed < end) this.#stash(buf, body.consumed, end)
    else this.#stream?.resume() // It may have been paused for what was sent ahead, which is used up.
    this.#phase = body.last ? PHASE.answering : PHASE.body
    if (!body.last) this.#readBody()
    this.#exchange.begin(head, { buf, start: head.end, end: body.end, last: body.last, trailers: body.trailers }, this.#mayFollow())
  }

  /** Counts a request; may another one follow it on this connection? */
  #mayFollow (): boolean {
    const { maxRequestsPerConnection } = this.#plane.settings.limits
    if (++this.#requests !== maxRequestsPerConnection) return true
    count(this.#plane.page, CLOSED.max_requests, 1)
    return false
  }

  #onBodyBytes (buf: Buffer, start: number, end: number): void {
    const body = this.#body
    const fault = body.read(buf, start, end)
    if (fault < 0) return this.#exchange.giveUp(faultCode(fault), faultText(fault))
    // Before the exchange writes framing behind the piece.
    if (body.consumed < end) this.#stash(buf, body.consumed, end)
    const { last } = body
    if (last) this.#phase = PHASE.answering
    this.#exchange.requestBody({ buf, start, end: body.end, last, trailers: body.trailers })
    if (last) this.#bodyRead()
    else this.#fitBuffer(end - start)
  }

  startTunnel (tunnel: ClientSide): void {
    const sentAhead = this.#pipelined
    this.#pipelined = null
    this.#tunnel = tunnel
    this.#phase = PHASE.tunnel
    this.#stream?.resume()
    if (sentAhead !== null) tunnel.onClientBytes(sentAhead)
    if (this.#peerEnded) tunnel.onClientEnd()
  }

  endTunnel (): void { this.#stream?.end() }

  #onTunnelBytes (buf: Buffer, start: number, end: number): void {
    const bytes = buf.subarray(start, end)
    const { inUse } = this.#bodyBuffer
    // What all connections read into can't wait for the endpoint.
    const taken = this.#tunnel?.onClientBytes(inUse ? bytes : Buffer.from(bytes)) === true
    const next = inUse ? this.#bodyBuffer.fit(bytes.length, !taken) : this.#bodyBuffer.beginWithin(bytes.length)
    if (next !== null) this.#stream?.readInto(next)
  }

  /** From now on reads go to a buffer of the connection's own. */
  #readBody (): void {
    this.#stream?.readInto(this.#bodyBuffer.begin())
  }

  #fitBuffer (length: number): void {
    const buffer = this.#bodyBuffer.fit(length, this.#exchange.requestPending)
    if (buffer !== null) this.#stream?.readInto(buffer)
  }

  /** The body is complete: the next read may share. */
  #bodyRead (): void {
    if (!this.#bodyBuffer.inUse) return
    this.#stream?.readInto(this.#plane.sharedBuffer)
    this.#bodyBuffer.end(this.#exchange.requestPending)
  }

  #stash (buf: Buffer, start: number, end: number): void {
    const rest = buf.subarray(start, end)
    const bytes = buf === this.#working ? rest : Buffer.from(rest)
    this.#pipelined = this.#pipelined === null ? bytes : Buffer.concat([this.#pipelined, bytes])
    if (this.#pipelined.length > MAX_PIPELINED_BYTES) this.#stream?.pause()
  }

  /** Bytes that are no request: answered and closed, without an exchange. */
  #refuse (code: ProxyErrorCode, fault: string, head: RequestHead): void {
    const { clock, date } = this.#plane
    finish(this.#plane, failedRequest(code, fault, { clientIp: this.#forwarding.clientIp, startMs: clock.nowMs() }))
    this.#stream?.write(failureAnswer(code, fault, { accept: undefined, toHead: head.beginsAsHead, keep: false, minor: 1, date: date.now() }))
    this.#beginLinger()
  }

  write (bytes: Buffer): boolean {
    return this.#stream?.write(bytes) ?? true
  }

  pauseBody (): void { this.#stream?.pause() }
  resumeBody (): void { this.#stream?.resume() }

  waitFor (timeoutMs: number): void {
    this.deadlineMs = this.#plane.recentMs + (this.#mayBeGone() ? Math.min(timeoutMs, HALF_CLOSED_MS) : timeoutMs)
  }

  /** As long as a write waits for the client, the client is there. */
  #mayBeGone (): boolean {
    return this.#peerEnded && this.#phase !== PHASE.tunnel && this.#stream?.writePending === false
  }

  exchangeEnded (keep: boolean): void {
    if (this.#phase === PHASE.closed) return
    if (!keep) {
      this.#beginLinger()
      return
    }
    this.#phase = PHASE.head
    if (this.#pipelined !== null) this.#process()
    else if (this.#peerEnded) this.#close()
    else this.#waitIdle()
  }

  abort (reset: boolean): void {
    if (reset) this.#stream?.reset()
    else this.#stream?.destroy()
    this.#closed()
  }

  /** The answer is out and the connection is not kept: a FIN, and what still comes is read and dropped for a while. */
  #beginLinger (): void {
    this.#dropRequest()
    if (this.#peerEnded) {
      this.#close()
      return
    }
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#stream?.resume()
    this.#waitForReader(LINGER_MS)
  }

  #linger (bytes: number): void {
    this.#lingered += bytes
    if (this.#lingered > MAX_LINGER_BYTES) this.#destroy()
  }

  /** Sends a FIN; what was written goes out first. */
  #close (): void {
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#waitForReader(LINGER_MS)
  }

  /** The end of the answer may still wait for a slow reader; what comes behind it has so long. */
  #waitForReader (thenMs: number): void {
    this.waitFor(this.#stream?.writePending === true ? this.#plane.settings.timeoutsMs.streamIdle : thenMs)
  }

  #dropRequest (): void {
    this.#pipelined = null
    this.#partial = null
    if (this.#bodyBuffer.inUse) this.#stream?.readInto(this.#plane.sharedBuffer)
    // A connection that ends in mid-body may leave a write behind.
    this.#bodyBuffer.end(true)
  }

  onEnd (): void {
    this.#peerEnded = true
    switch (this.#phase) {
      case PHASE.head:
        if (this.#pipelined === null) this.#destroyOrClose()
        return
      case PHASE.body:
        // The body will never be complete: nobody may take it for whole.
        this.#exchange.downstreamGone()
        this.#destroy()
        return
      case PHASE.answering:
        if (this.#mayBeGone()) this.deadlineMs = Math.min(this.deadlineMs, this.#plane.clock.nowMs() + HALF_CLOSED_MS)
        return
      case PHASE.tunnel:
        this.#tunnel?.onClientEnd()
        return
      default: this.#destroyOrClose()
    }
  }

  #destroyOrClose (): void {
    if (this.#stream?.writePending === true) this.#close()
    else this.#destroy()
  }

  onDrain (): void {
    this.#exchange.downstreamDrained()
    if (this.#phase === PHASE.tunnel) this.#tunnel?.onClientDrain()
    else if (this.#phase === PHASE.head && this.#pipelined !== null) this.#process()
    else if (this.#phase === PHASE.lingering && this.#peerEnded) this.#destroy()
    else if (this.#phase === PHASE.lingering) this.#waitForReader(LINGER_MS)
    else if (this.#isIdle()) this.#waitIdle()
  }

  onClose (): void {
    this.#exchange.downstreamGone()
    this.#closed()
  }

  onDefect (error: unknown): void {
    this.#plane.reportDefect(error)
    if (this.#exchange.active) this.#exchange.giveUp('internal_error', 'a defect in handling the request')
    else this.#destroy()
  }

  onDeadline (): void {
    switch (this.#phase) {
      case PHASE.head:
        if (this.#stream?.writePending === true) this.abort(true)
        else if (this.#partial !== null) this.#refuse('request_timeout', 'timeouts.requestHead', this.#partial.head)
        else this.#closeIdle()
        return
      case PHASE.tunnel:
        this.#tunnel?.onDeadline()
        return
      case PHASE.body:
      case PHASE.answering:
        if (!this.#mayBeGone()) return this.#exchange.onDeadline()
        // What the client has got so far must not look complete.
        this.abort(true)
        return this.#exchange.downstreamGone()
      default: this.abort(this.#stream?.writePending === true)
    }
  }

  #closeIdle (): void {
    if (!this.#plane.draining) count(this.#plane.page, this.#requests === 0 ? CLOSED.first_byte_timeout : CLOSED.keep_alive_timeout, 1)
    this.#destroy()
  }

  /** The worker is going: an idle connection ends soon, a busy one after its answer, or now when the time is `over`. */
  drain (over: boolean): void {
    if (over) this.#exchange.giveUp('shutting_down', 'drain.timeout')
    else if (this.#isIdle()) this.#waitIdle()
  }

  #isIdle (): boolean {
    return this.#phase === PHASE.head && this.#partial === null && this.#pipelined === null
  }

  #waitIdle (): void {
    this.#waitForReader(this.#plane.draining ? DRAIN_IDLE_MS : this.#plane.settings.timeoutsMs.keepAliveIdle)
  }

  #destroy (): void {
    this.#stream?.destroy()
    this.#closed()
  }

  #closed (): void {
    if (this.#phase === PHASE.closed) return
    this.#phase = PHASE.closed
    this.#tunnel = null
    this.deadlineMs = 0
    this.#dropRequest()
    this.#plane.deadlines.remove(this)
    this.#admission.close()
  }
}
