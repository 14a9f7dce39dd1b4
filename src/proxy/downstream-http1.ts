/**
 * One client connection that speaks HTTP/1.1: bytes → request heads and bodies → exchange, answers in order. Hot.
 */
import type { ByteStream, ByteStreamHandler } from '../core/byte-stream.ts'
import type { Deadlined, Sheddable } from '../core/deadlines.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { TurnTaker } from '../core/turn-queue.ts'
import { faultCode, faultText } from '../http1/parse-fault.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { CLOSED } from '../telemetry/counter-layout.ts'
import type { Admission } from './admission.ts'
import { BodyReader } from './body-reader.ts'
import { ClientReading } from './client-reading.ts'
import type { DataPlane } from './data-plane.ts'
import type { ClientSide, Downstream } from './downstream.ts'
import { Exchange } from './exchange.ts'
import { count } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { Linger } from './linger.ts'
import type { PartialHead } from './partial-head.ts'
import { refuse } from './refused-request.ts'

const PHASE = { head: 0, body: 1, answering: 2, tunnel: 3, lingering: 4, closed: 5 } as const
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
/** What may be left of a connection that had to end for want of memory: its last answer. */
const SHED_REST_BYTES = 4_096

export class DownstreamHttp1 implements ByteStreamHandler, Downstream, Deadlined, TurnTaker {
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
  readonly #reading: ClientReading
  /** It has asked for a turn. */
  #awaitsTurn = false
  #peerEnded = false
  /** When something of the request or the answer moved last. */
  #movedMs = 0
  readonly #linger = new Linger()

  /** @param admission the connection's place, which is given up when it is gone */
  constructor (plane: DataPlane, forwarding: Forwarding, admission: Admission) {
    this.#plane = plane
    this.#forwarding = forwarding
    this.#admission = admission
    this.#reading = new ClientReading(plane)
    this.#exchange = new Exchange(plane, this, forwarding, admission.listener.redirectPort)
  }

  /** Begins to serve the stream. */
  start (stream: ByteStream): void {
    this.#stream = stream
    this.#reading.attach(stream)
    this.#plane.deadlines.add(this)
    this.waitFor(this.#plane.settings.timeoutsMs.firstByte)
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    switch (this.#phase) {
      case PHASE.head:
        // As long as the client does not take the answers before it, no request is begun.
        if (this.#reading.ahead.empty && this.#stream?.writePending === false) return this.#onHeadBytes(buf, start, end)
        return this.#reading.stash(buf, start, end)
      case PHASE.body: return this.#onBodyBytes(buf, start, end)
      case PHASE.answering: return this.#reading.stash(buf, start, end)
      case PHASE.tunnel: return this.#onTunnelBytes(buf, start, end)
      case PHASE.lingering: return this.#waitLingering()
      default:
    }
  }

  /** What one client sends ahead must not keep the others waiting: it is worked off in turns. */
  #awaitTurn (): void {
    if (this.#phase === PHASE.head) this.deadlineMs = 0
    if (this.#awaitsTurn) return
    this.#awaitsTurn = true
    this.#plane.turns.add(this)
  }

  /** Begins the next of the requests that were sent ahead, or reads on in a body. */
  takeTurn (): void {
    this.#awaitsTurn = false
    this.#reading.endRest()
    if (this.#phase === PHASE.head) this.#takeAhead()
  }

  #takeAhead (): void {
    if (this.#stream?.writePending === true) return this.#waitIdle()
    const bytes = this.#reading.ahead.take()
    if (bytes === null) return
    this.#onHeadBytes(bytes, 0, bytes.length)
    this.#reading.ahead.done()
    this.#reading.recharge()
    if (this.#phase !== PHASE.head || !this.#reading.ahead.empty) return
    this.#reading.restart()
    if (this.#peerEnded) this.#close()
  }

  #onHeadBytes (buf: Buffer, start: number, end: number): void {
    const { partial } = this.#reading
    if (partial !== null) return this.#onPartialHead(partial, buf, start, end)
    const head = this.#plane.requestHead
    head.reset(buf, start)
    const outcome = head.parse(end)
    if (outcome === 1) this.#onHead(head, end)
    else if (outcome < 0) this.#refuse(faultCode(outcome), faultText(outcome), head)
    else this.#keepPartial(buf, start, end)
  }

  #keepPartial (buf: Buffer, start: number, end: number): void {
    this.#reading.keepHead(buf, start, end)
    this.waitFor(this.#plane.settings.timeoutsMs.requestHead)
  }

  #onPartialHead (partial: PartialHead, buf: Buffer, start: number, end: number): void {
    const outcome = this.#reading.addToHead(partial, buf, start, end)
    if (outcome === 1) this.#onHead(partial.head, partial.length)
    else if (outcome < 0) this.#refuse(faultCode(outcome), faultText(outcome), partial.head)
  }

  /** The head is complete; `end` is the end of the bytes that are there. */
  #onHead (head: RequestHead, end: number): void {
    const body = this.#body
    const buf = head.fields.buf
    body.begin(head)
    const fault = body.read(buf, head.end, end)
    if (fault < 0) return this.#refuse(faultCode(fault), faultText(fault), head)
    if (body.consumed < end) this.#reading.stash(buf, body.consumed, end)
    else this.#reading.restart() // It may have been paused for what was sent ahead, which is used up.
    this.#phase = body.last ? PHASE.answering : PHASE.body
    if (!body.last) this.#reading.beginBody()
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
    if (body.consumed < end) this.#reading.stash(buf, body.consumed, end)
    const { last } = body
    if (last) this.#phase = PHASE.answering
    this.#exchange.requestBody({ buf, start, end: body.end, last, trailers: body.trailers })
    if (last) this.#reading.endBody(this.#exchange.requestPending)
    else if (!this.#reading.readOn(end - start, body.end - start, this.#exchange.requestPending)) this.#awaitTurn()
  }

  startTunnel (tunnel: ClientSide): void {
    const sentAhead = this.#reading.ahead.take()
    this.#reading.ahead.done()
    this.#tunnel = tunnel
    this.#phase = PHASE.tunnel
    this.#reading.restart()
    if (sentAhead !== null && !tunnel.onClientBytes(sentAhead)) this.#reading.lend(sentAhead.length)
    if (this.#peerEnded) tunnel.onClientEnd()
  }

  endTunnel (): void { this.#stream?.end() }

  #onTunnelBytes (buf: Buffer, start: number, end: number): void {
    const piece = this.#reading.tunnelPiece(buf, start, end)
    const taken = this.#tunnel?.onClientBytes(piece) === true
    this.#reading.readOnInTunnel(end - start, !taken)
  }

  /** Bytes that are no request: answered and closed, without an exchange. */
  #refuse (code: ProxyErrorCode, fault: string, head: RequestHead): void {
    this.#stream?.write(refuse(this.#plane, { code, fault, head, forwarding: this.#forwarding }))
    this.#beginLinger()
  }

  write (bytes: Buffer): boolean {
    if (this.#stream?.write(bytes) !== false) return true
    this.#reading.recharge()
    return false
  }

  owe (bytes: number): void { this.#reading.owe(bytes) }

  pauseBody (): void { this.#reading.hold() }
  resumeBody (): void { this.#reading.letGo() }

  waitFor (timeoutMs: number): void {
    this.#movedMs = this.#plane.recentMs
    this.deadlineMs = this.#movedMs + (this.#mayBeGone() ? Math.min(timeoutMs, HALF_CLOSED_MS) : timeoutMs)
  }

  /** As long as a write waits for the client, the client is there. */
  #mayBeGone (): boolean {
    return (this.#peerEnded || this.#reading.endSeen) && this.#phase !== PHASE.tunnel && this.#stream?.writePending === false
  }

  exchangeEnded (keep: boolean): void {
    if (this.#phase === PHASE.closed) return
    if (this.#reading.lent !== 0) this.#reading.settle()
    if (!keep || this.#exchange.logins.ended) return this.#beginLinger()
    this.#phase = PHASE.head
    if (!this.#reading.ahead.empty) this.#awaitTurn()
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
    this.#reading.drop()
    if (this.#peerEnded) return this.#close()
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#goOnReading()
  }

  #goOnReading (): void {
    this.#exchange.logins.end()
    this.#reading.restart()
    this.#linger.begin(this.#plane.recentMs)
    this.#waitForReader(this.#lingerMs)
  }

  /** Something has come. As long as the client does not take its answer, that gives it no more time. */
  #waitLingering (): void {
    if (this.#stream?.writePending === false) this.waitFor(this.#lingerMs)
  }

  get #lingerMs (): number { return this.#linger.timeMs(this.#plane.recentMs, this.#plane.draining) }

  /** Sends a FIN; what was written goes out first. */
  #close (): void {
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#goOnReading()
  }

  /** The end of the answer may still wait for a slow reader; what comes behind it has so long. */
  #waitForReader (thenMs: number): void {
    this.waitFor(this.#stream?.writePending === true ? this.#plane.settings.timeoutsMs.streamIdle : thenMs)
  }

  onEnd (): void {
    this.#peerEnded = true
    switch (this.#phase) {
      case PHASE.head:
        if (this.#reading.ahead.empty) this.#destroyOrClose()
        return
      case PHASE.body:
        // The body will never be complete: nobody may take it for whole.
        this.#exchange.downstreamGone()
        this.#destroy()
        return
      case PHASE.answering: return this.#hurry()
      case PHASE.tunnel:
        this.#tunnel?.onClientEnd()
        return
      default: this.#destroyOrClose()
    }
  }

  #hurry (): void {
    if (this.#mayBeGone()) this.deadlineMs = Math.min(this.deadlineMs, this.#plane.clock.nowMs() + HALF_CLOSED_MS)
  }

  look (): string | undefined { return this.#reading.look() }

  onEndSeen (): void {
    this.#reading.endSeen = true
    if (this.#exchange.active) this.#hurry()
  }

  #destroyOrClose (): void {
    if (this.#stream?.writePending === true) this.#close()
    else this.#destroy()
  }

  onDrain (): void {
    this.#reading.paid()
    this.#exchange.downstreamDrained()
    if (this.#phase === PHASE.tunnel) this.#tunnel?.onClientDrain()
    else if (this.#phase === PHASE.head && !this.#reading.ahead.empty) this.#awaitTurn()
    else if (this.#phase === PHASE.lingering && this.#peerEnded) this.#destroy()
    else if (this.#phase === PHASE.lingering) this.#goOnReading()
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
        else if (this.#reading.partial !== null) this.#refuse('request_timeout', 'timeouts.requestHead', this.#reading.partial.head)
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

  sheddable (): Sheddable | undefined {
    const bytes = this.#reading.account.bytes + this.#exchange.memoryBytes
    if (bytes === 0) return undefined
    const stuck = this.#reading.partial !== null || this.#reading.ahead.enough || this.#stream?.writePending === true || this.#exchange.bodyHeld
    return { rank: stuck ? 1 : 2, bytes, movedMs: this.#movedMs }
  }

  shed (): void {
    const { partial } = this.#reading
    if (this.#exchange.active) this.#exchange.giveUp('memory_exhausted', 'limits.maxBufferedBytes')
    else if (partial !== null) this.#refuse('memory_exhausted', 'limits.maxBufferedBytes', partial.head)
    else count(this.#plane.page, CLOSED.memory, 1)
    // What waits for a client that does not read is given up with the connection only.
    if (this.#phase === PHASE.closed) return
    if (this.#phase !== PHASE.lingering || this.#reading.account.bytes > SHED_REST_BYTES) this.abort(true)
  }

  /** The worker is going: an idle connection ends soon, a busy one after its answer, or now when the time is `over`. */
  drain (over: boolean): void {
    if (this.#phase === PHASE.lingering) return over ? this.#destroy() : this.#waitLingering()
    if (over) this.#exchange.giveUp('shutting_down', 'drain.timeout')
    else if (this.#isIdle()) this.#waitIdle()
  }

  endIdle (): void { if (this.#isIdle()) this.#close() }

  #isIdle (): boolean {
    return this.#phase === PHASE.head && this.#reading.partial === null && this.#reading.ahead.empty
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
    this.#reading.drop()
    this.#reading.account.close()
    this.#plane.deadlines.remove(this)
    this.#exchange.logins.end()
    this.#admission.close()
  }
}
