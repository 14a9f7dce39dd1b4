/**
 * One HTTP/1.1 connection to an endpoint: takes requests one after the other, parses responses, and ends itself as soon as
 * anything on it can't be trusted. Hot.
 */
import { TcpStream } from '../core/tcp-stream.ts'
import { createReadBuffer } from '../core/byte-stream.ts'
import type { ByteStreamHandler, ReadBuffer } from '../core/byte-stream.ts'
import type { Deadlined } from '../core/deadlines.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { ChunkedDecoder } from '../http1/chunked-decoder.ts'
import { faultText, FAULT } from '../http1/parse-fault.ts'
import { BODY } from '../http1/request-head.ts'
import { RESPONSE_HEADROOM } from '../http1/rewrite-response-head.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { ConnectionHome } from './connection-home.ts'
import type { ResponseSink } from './response-sink.ts'
import { FIRST_READ_BYTES, READ_TAILROOM } from './upstream-context.ts'
import type { UpstreamContext } from './upstream-context.ts'

const PHASE = { connecting: 0, idle: 1, head: 2, body: 3, closed: 4 } as const
const MAX_INTERIM = 32
const FIRST_OUT_BYTES = 2_048

export class UpstreamConnection implements ByteStreamHandler, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  readonly endpoint: ConnectionHome<UpstreamConnection>
  /** Requests answered so far: more than 0 means that the connection is a kept-alive one. */
  served = 0
  /** The request being sent: its head and what came with it. Kept until the response has begun, so that it can be sent again. */
  out: Buffer
  outLength = 0
  /** When the connection was opened, and how long that took; -1 until it is open. */
  connectMs = -1
  readonly #context: UpstreamContext
  readonly #stream: TcpStream
  /** The connection's own buffer, where a response begins. */
  #small: ReadBuffer
  /** A large buffer on loan. */
  #large: ReadBuffer | null = null
  /** Bytes that lie before the window of the large buffer and wait for the next read, to be handled with it. */
  #held = 0
  #inRead = false
  readonly #flushHeld = (): void => { this.#onHeldAlone() }
  #sink: ResponseSink | null = null
  #phase: number = PHASE.connecting
  #toHead = false
  #keep = true
  #framing: number = BODY.none
  #remaining = 0
  #interims = 0
  #sawBytes = false
  #decoder: ChunkedDecoder | null = null
  #partialHead: Buffer | null = null
  #partialLength = 0
  readonly #startedMs: number

  constructor (endpoint: ConnectionHome<UpstreamConnection>, context: UpstreamContext) {
    this.endpoint = endpoint
    this.#context = context
    this.out = Buffer.allocUnsafeSlow(FIRST_OUT_BYTES)
    this.#small = createSmallBuffer()
    this.#startedMs = context.clock.nowMs()
    this.deadlineMs = this.#startedMs + context.timeoutsMs.upstreamConnect
    context.deadlines.add(this)
    context.page[WORKER.upstreamOpen] = (context.page[WORKER.upstreamOpen] ?? 0) + 1
    this.#stream = TcpStream.connect(endpoint, this, this.#small, () => { this.#onConnected() })
  }

  get connecting (): boolean { return this.#phase === PHASE.connecting }
  get writePending (): boolean { return this.#stream.writePending }
  /** Has anything of a response to the current request arrived? */
  get sawBytes (): boolean { return this.#sawBytes }

  /**
   * Hands the connection to an exchange.
   * @param toHead the request is a HEAD: its response has no body
   */
  assign (sink: ResponseSink, toHead: boolean): void {
    this.#sink = sink
    this.#toHead = toHead
    this.#sawBytes = false
    this.#interims = 0
    if (this.#phase === PHASE.idle) {
      this.deadlineMs = 0
      this.#phase = PHASE.head
    }
  }

  /** Makes `out` at least so large, keeping nothing. */
  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.out = Buffer.allocUnsafeSlow(Math.max(bytes, this.out.length * 2))
    this.outLength = 0
  }

  /** Writes what lies in `out`; false while the kernel has not taken all of it. */
  sendOut (): boolean {
    return this.#stream.write(this.out.subarray(0, this.outLength))
  }

  write (bytes: Buffer): boolean {
    return this.#stream.write(bytes)
  }

  pause (): void { this.#stream.pause() }
  resume (): void { this.#stream.resume() }

  /** The buffer that was read into last still belongs to a pending write: it is left to it. Call from within onResponseBody. */
  abandonBuffer (): void {
    if (!this.#inRead) {
      // The stream can change buffers during a read only: without one, the connection is not used again.
      this.#keep = false
      return
    }
    if (this.#large === null) this.#small = createSmallBuffer()
    this.#large = null
    this.#stream.readInto(this.#small)
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
    this.#sink.onUpstreamReady()
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    this.#sawBytes = true
    if (end - start === FIRST_READ_BYTES && this.#phase === PHASE.head && this.#large === null && this.#partialHead === null) {
      this.#hold(buf, start, end)
      return
    }
    const from = start - this.#held
    this.#held = 0
    this.#inRead = true
    this.#onRead(buf, from, end)
    this.#inRead = false
  }

  /**
   * The read has filled the small buffer, so there is more: the kernel is asked again at once, into a large buffer, and what
   * is there already waits in the room before it. Head and body then leave in one write.
   */
  #hold (buf: Buffer, start: number, end: number): void {
    const large = this.#context.buffers.take()
    const length = end - start
    buf.copy(large.memory, large.offset - length, start, end)
    this.#large = large
    this.#held = length
    this.#stream.readInto(large)
    this.#context.afterReads(this.#flushHeld)
  }

  /** There was no more after all: what is held has to go on alone. */
  #onHeldAlone (): void {
    const held = this.#held
    const large = this.#large
    if (held === 0 || large === null || this.#phase === PHASE.closed) return
    this.#held = 0
    this.#onRead(large.memory, large.offset - held, large.offset)
  }

  #onRead (buf: Buffer, start: number, end: number): void {
    if (this.#phase === PHASE.body) this.#onBody(buf, start, end)
    else if (this.#phase === PHASE.head && this.#sink !== null) this.#onHead(buf, start, end)
    else this.destroy() // Bytes that nobody asked for: they must not become the next client's answer.
  }

  #onHead (buf: Buffer, start: number, end: number): void {
    let from = start
    let to = end
    let source = buf
    if (this.#partialHead !== null) {
      source = this.#appendPartial(buf, start, end)
      from = RESPONSE_HEADROOM
      to = this.#partialLength
    }
    const head = this.#context.responseHead
    for (;;) {
      const outcome = head.parse(source, from, to)
      if (outcome < 0) return this.#fail('upstream_malformed', faultText(outcome))
      if (outcome === 0) return this.#keepPartial(source, from, to)
      if (head.status >= 200) break
      if (head.status === 101) return this.#fail('upstream_malformed', faultText(FAULT.unrequested_upgrade))
      if (++this.#interims > MAX_INTERIM) return this.#fail('upstream_malformed', faultText(FAULT.too_many_interim))
      from = head.end
      this.#sink?.onInterimHead(head)
      if (this.#sink === null) return
      if (from === to) {
        this.#partialHead = null
        return
      }
    }
    this.#partialHead = null
    this.#beginBody(source, to)
  }

  #beginBody (source: Buffer, to: number): void {
    const head = this.#context.responseHead
    const bodyStart = head.end
    this.#framing = head.framing(this.#toHead)
    this.#keep = head.keepsAlive() && this.#framing !== BODY.untilClose
    this.#remaining = head.length
    if (this.#framing === BODY.chunked) {
      this.#decoder ??= new ChunkedDecoder()
      this.#decoder.reset()
    }
    this.#phase = PHASE.body
    this.#sink?.onResponseHead(head, this.#framing)
    if (this.#sink !== null) this.#onBody(source, bodyStart, to)
  }

  #onBody (buf: Buffer, start: number, end: number): void {
    switch (this.#framing) {
      case BODY.length: {
        const available = end - start
        if (available < this.#remaining) {
          this.#remaining -= available
          this.#sink?.onResponseBody(buf, start, end, false)
          return
        }
        this.#complete(buf, start, start + this.#remaining, end)
        return
      }
      case BODY.chunked: {
        const decoder = this.#decoder
        if (decoder === null) return
        const length = decoder.decode(buf, start, end)
        if (length < 0) return this.#fail('upstream_malformed', faultText(length))
        if (decoder.done) this.#complete(buf, start, start + length, end - (decoder.consumed - length))
        else this.#sink?.onResponseBody(buf, start, start + length, false)
        return
      }
      case BODY.untilClose:
        this.#sink?.onResponseBody(buf, start, end, false)
        return
      default:
        this.#complete(buf, start, start, end)
    }
  }

  /** The response is whole at `bodyEnd`; bytes up to `end` beyond it belong to nobody, so the connection is not used again. */
  #complete (buf: Buffer, start: number, bodyEnd: number, end: number): void {
    if (end > bodyEnd) this.#keep = false
    const sink = this.#sink
    this.#sink = null
    this.#phase = PHASE.idle
    this.served++
    sink?.onResponseBody(buf, start, bodyEnd, true)
  }

  /** The trailer lines of the response that has just ended. */
  get trailers (): Buffer | undefined {
    return this.#framing === BODY.chunked ? this.#decoder?.trailers : undefined
  }

  /**
   * The exchange is over. Keeps the connection for another request if response and request have both ended well.
   * @param requestComplete everything of the request has been sent
   */
  release (requestComplete: boolean): void {
    this.#sink = null
    if (this.#phase === PHASE.closed) return
    if (!requestComplete || !this.#keep || this.#phase !== PHASE.idle || this.#stream.writePending || !this.endpoint.park(this)) {
      this.destroy()
      return
    }
    this.#returnLarge()
    this.#stream.resume()
    this.deadlineMs = this.#context.recentMs + this.#context.timeoutsMs.upstreamIdle
  }

  /** Gives the large buffer back. Only a read in progress can change buffers; otherwise it is kept for the next response. */
  #returnLarge (): void {
    const large = this.#large
    if (large === null || !this.#inRead) return
    this.#large = null
    this.#stream.readInto(this.#small)
    this.#context.buffers.give(large)
  }

  #keepPartial (source: Buffer, from: number, to: number): void {
    const length = to - from
    if (source === this.#partialHead && from === RESPONSE_HEADROOM) return
    const room = Buffer.allocUnsafeSlow(RESPONSE_HEADROOM + Math.max(4096, length * 2) + 16)
    source.copy(room, RESPONSE_HEADROOM, from, to)
    this.#partialHead = room
    this.#partialLength = RESPONSE_HEADROOM + length
  }

  #appendPartial (buf: Buffer, start: number, end: number): Buffer {
    let partial = this.#partialHead ?? Buffer.alloc(0)
    const needed = this.#partialLength + (end - start) + 16
    if (partial.length < needed) {
      const larger = Buffer.allocUnsafeSlow(needed * 2)
      partial.copy(larger, 0, 0, this.#partialLength)
      partial = larger
      this.#partialHead = larger
    }
    buf.copy(partial, this.#partialLength, start, end)
    this.#partialLength += end - start
    return partial
  }

  onEnd (): void {
    this.#onHeldAlone()
    if (this.#phase === PHASE.body && this.#framing === BODY.untilClose && this.#sink !== null) {
      const { memory, offset } = this.#large ?? this.#small
      this.#keep = false
      this.#complete(memory, offset, offset, offset)
      return
    }
    this.#lost('closed by the endpoint')
  }

  onDrain (): void {
    this.#sink?.onUpstreamDrain()
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
    else this.destroy()
  }

  /** The connection ended before it should have. */
  #lost (reason: string): void {
    if (this.#phase === PHASE.connecting) this.#fail('upstream_connect_failed', reason)
    else if (this.#phase === PHASE.body && this.#sink !== null) this.#fail('upstream_truncated', reason)
    else this.#fail('upstream_reset', reason)
  }

  #fail (code: ProxyErrorCode, fault: string): void {
    const sink = this.#sink
    this.#sink = null
    this.destroy()
    sink?.onUpstreamFailed(code, fault)
  }

  /** Ends the connection at once. */
  destroy (): void {
    if (this.#phase === PHASE.closed) return
    if (this.#phase === PHASE.idle) this.endpoint.unpark(this)
    this.#phase = PHASE.closed
    this.#sink = null
    this.deadlineMs = 0
    const { page, deadlines } = this.#context
    deadlines.remove(this)
    page[WORKER.upstreamOpen] = (page[WORKER.upstreamOpen] ?? 0) - 1
    this.#stream.destroy()
  }
}

function createSmallBuffer (): ReadBuffer {
  return createReadBuffer(RESPONSE_HEADROOM, FIRST_READ_BYTES, READ_TAILROOM)
}
