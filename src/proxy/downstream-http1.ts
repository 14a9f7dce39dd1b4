/**
 * One client connection that speaks HTTP/1.1: bytes → request heads and bodies → exchange, answers in order. Hot.
 *
 * While no body is on its way the connection reads into a buffer that all connections of the worker share; what can't be
 * used up during the call is copied out of it. A body is read into a buffer of the connection's own.
 */
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../core/byte-stream.ts'
import type { Deadlined } from '../core/deadlines.ts'
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { ChunkedDecoder } from '../http1/chunked-decoder.ts'
import { faultCode, faultText } from '../http1/parse-fault.ts'
import { BODY } from '../http1/request-head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { DataPlane } from './data-plane.ts'
import type { Downstream } from './downstream.ts'
import { errorResponse } from './error-response.ts'
import { Exchange } from './exchange.ts'
import { count, finish } from './finish.ts'
import { failedRequest } from './failed-request.ts'
import type { Forwarding } from './forwarding.ts'
import { PartialHead } from './partial-head.ts'

const PHASE = { head: 0, body: 1, answering: 2, lingering: 3, closed: 4 } as const
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
  readonly #exchange: Exchange
  #stream: ByteStream | null = null
  #phase: number = PHASE.head
  #framing: number = BODY.none
  #remaining = 0
  #decoder: ChunkedDecoder | null = null
  /** The connection's own buffer while a body is read. */
  #bodyBuffer: ReadBuffer | null = null
  /** A head that has not come whole yet. */
  #partial: PartialHead | null = null
  /** Bytes that belong to the next requests. */
  #pipelined: Buffer | null = null
  /** The bytes that #process is at: what is left of them needs no copy. */
  #working: Buffer | null = null
  #processing = false
  #peerEnded = false
  #lingered = 0

  constructor (plane: DataPlane, forwarding: Forwarding) {
    this.#plane = plane
    this.#forwarding = forwarding
    this.#exchange = new Exchange(plane, this, forwarding)
  }

  /** Begins to serve the stream. */
  start (stream: ByteStream): void {
    this.#stream = stream
    this.#plane.deadlines.add(this)
    this.waitFor(this.#plane.settings.timeoutsMs.requestHead)
    count(this.#plane.page, WORKER.connectionsAccepted, 1)
    count(this.#plane.page, WORKER.connectionsOpen, 1)
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
    if (this.#phase !== PHASE.head || this.#pipelined !== null) return
    this.#stream?.resume()
    if (this.#peerEnded) this.#close()
  }

  #onHeadBytes (buf: Buffer, start: number, end: number): void {
    if (this.#partial !== null) return this.#onPartialHead(this.#partial, buf, start, end)
    const head = this.#plane.requestHead
    head.reset(buf, start)
    const outcome = head.parse(end)
    if (outcome === 1) this.#onHead(head, end)
    else if (outcome < 0) this.#refuse(faultCode(outcome), faultText(outcome))
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
    else this.#refuse(faultCode(outcome), faultText(outcome))
  }

  /** The head is complete; `end` is the end of the bytes that are there. */
  #onHead (head: RequestHead, end: number): void {
    const buf = head.fields.buf
    const start = head.end
    this.#framing = head.framing()
    let bodyEnd = start
    let consumed = start
    let last = true
    let trailers: Buffer | undefined
    if (this.#framing === BODY.length) {
      const length = Math.min(head.length, end - start)
      bodyEnd = consumed = start + length
      this.#remaining = head.length - length
      last = this.#remaining === 0
    } else if (this.#framing === BODY.chunked) {
      const decoder = this.#decoder ??= new ChunkedDecoder()
      decoder.reset()
      const length = decoder.decode(buf, start, end)
      if (length < 0) return this.#refuse(faultCode(length), faultText(length))
      bodyEnd = start + length
      consumed = start + decoder.consumed
      last = decoder.done
      trailers = decoder.trailers
    }
    if (consumed < end) this.#stash(buf, consumed, end)
    else this.#stream?.resume() // It may have been paused for what was sent ahead, which is used up.
    this.#phase = last ? PHASE.answering : PHASE.body
    if (!last) this.#readBody()
    this.#exchange.begin(head, { buf, start, end: bodyEnd, last, trailers })
  }

  #onBodyBytes (buf: Buffer, start: number, end: number): void {
    let bodyEnd = end
    let consumed = end
    let last = false
    let trailers: Buffer | undefined
    if (this.#framing === BODY.length) {
      bodyEnd = consumed = Math.min(end, start + this.#remaining)
      this.#remaining -= bodyEnd - start
      last = this.#remaining === 0
    } else {
      const decoder = this.#decoder
      if (decoder === null) return
      const length = decoder.decode(buf, start, end)
      if (length < 0) return this.#exchange.giveUp(faultCode(length), faultText(length))
      bodyEnd = start + length
      consumed = start + decoder.consumed
      last = decoder.done
      trailers = decoder.trailers
    }
    // Before the exchange writes framing behind the piece.
    if (consumed < end) this.#stash(buf, consumed, end)
    if (last) this.#phase = PHASE.answering
    this.#exchange.requestBody({ buf, start, end: bodyEnd, last, trailers })
    if (last) this.#bodyRead()
  }

  /** From now on reads go to a buffer of the connection's own. */
  #readBody (): void {
    this.#bodyBuffer = this.#plane.buffers.take()
    this.#stream?.readInto(this.#bodyBuffer)
  }

  /** The body is complete: the next read may share. */
  #bodyRead (): void {
    const buffer = this.#bodyBuffer
    if (buffer === null) return
    this.#bodyBuffer = null
    this.#stream?.readInto(this.#plane.sharedBuffer)
    if (!this.#exchange.requestPending) this.#plane.buffers.give(buffer)
  }

  #stash (buf: Buffer, start: number, end: number): void {
    const rest = buf.subarray(start, end)
    const bytes = buf === this.#working ? rest : Buffer.from(rest)
    this.#pipelined = this.#pipelined === null ? bytes : Buffer.concat([this.#pipelined, bytes])
    if (this.#pipelined.length > MAX_PIPELINED_BYTES) this.#stream?.pause()
  }

  /** Bytes that are no request: answered and closed, without an exchange. */
  #refuse (code: ProxyErrorCode, fault: string): void {
    const row = proxyErrorRow(code)
    const date = this.#plane.date.now()
    finish(this.#plane, failedRequest(code, fault, { clientIp: this.#forwarding.clientIp, startMs: this.#plane.clock.nowMs() }))
    this.#stream?.write(errorResponse(code, {
      text: false, toHead: false, close: true, keepAlive10: false, date, detail: row.source === 'downstream' ? fault : ''
    }))
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
    return this.#peerEnded && this.#stream?.writePending === false
  }

  exchangeEnded (keep: boolean): void {
    if (this.#phase === PHASE.closed) return
    if (!keep) {
      this.#beginLinger()
      return
    }
    this.#phase = PHASE.head
    if (this.#pipelined !== null) {
      this.#process()
      return
    }
    if (this.#peerEnded) {
      this.#close()
      return
    }
    this.#waitIdle()
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
    this.#waitForEnd()
  }

  #linger (bytes: number): void {
    this.#lingered += bytes
    if (this.#lingered > MAX_LINGER_BYTES) this.#destroy()
  }

  /** Sends a FIN; what was written goes out first. */
  #close (): void {
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#waitForEnd()
  }

  /** The end of the answer may still wait for a slow reader. */
  #waitForEnd (): void {
    this.waitFor(this.#stream?.writePending === true ? this.#plane.settings.timeoutsMs.streamIdle : LINGER_MS)
  }

  #dropRequest (): void {
    this.#pipelined = null
    this.#partial = null
    if (this.#bodyBuffer !== null) this.#stream?.readInto(this.#plane.sharedBuffer)
    this.#bodyBuffer = null
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
      default: this.#destroyOrClose()
    }
  }

  #destroyOrClose (): void {
    if (this.#stream?.writePending === true) this.#close()
    else this.#destroy()
  }

  onDrain (): void {
    this.#exchange.downstreamDrained()
    if (this.#phase === PHASE.head && this.#pipelined !== null) this.#process()
    else if (this.#phase === PHASE.lingering && this.#peerEnded) this.#destroy()
    else if (this.#phase === PHASE.lingering) this.#waitForEnd()
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
        if (this.#partial !== null) this.#refuse('request_timeout', 'timeouts.requestHead')
        else this.#destroy()
        return
      case PHASE.body:
      case PHASE.answering:
        if (!this.#mayBeGone()) return this.#exchange.onDeadline()
        this.#exchange.downstreamGone()
        return this.#destroy()
      default: this.#destroy()
    }
  }

  /** The worker is going: an idle connection ends soon, a busy one after its answer. */
  drain (): void {
    if (this.#isIdle()) this.#waitIdle()
  }

  #isIdle (): boolean {
    return this.#phase === PHASE.head && this.#partial === null && this.#pipelined === null
  }

  #waitIdle (): void {
    this.waitFor(this.#plane.draining ? DRAIN_IDLE_MS : this.#plane.settings.timeoutsMs.keepAliveIdle)
  }

  #destroy (): void {
    this.#stream?.destroy()
    this.#closed()
  }

  #closed (): void {
    if (this.#phase === PHASE.closed) return
    this.#phase = PHASE.closed
    this.deadlineMs = 0
    this.#dropRequest()
    this.#plane.deadlines.remove(this)
    count(this.#plane.page, WORKER.connectionsOpen, -1)
  }
}
