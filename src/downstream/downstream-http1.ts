/**
 * One client connection that speaks HTTP/1.1: bytes → request heads and bodies → exchange, answers in order. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { AcceptedSwitch, ClientTunnel, Downstream } from '../exchange/downstream.ts'
import { Exchange } from '../exchange/exchange.ts'
import { count } from '../exchange/finish.ts'
import type { FieldBlock } from '../http/http-request.ts'
import type { HttpResponse, ResponseFields } from '../http/http-response.ts'
import { bodyBytesOf, type OwnAnswer } from '../http/own-answer.ts'
import { BodyReader } from '../http1/body-reader.ts'
import { faultCode, faultText } from '../http1/parse-fault.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { ResponseWriter, type ResponseTarget } from '../http1/response-writer.ts'
import type { ByteStream, ByteStreamHandler } from '../net/byte-stream.ts'
import type { Deadlined, Sheddable } from '../net/deadlines.ts'
import type { TurnTaker } from '../net/turns.ts'
import { CLOSED } from '../telemetry/counter-layout.ts'
import { ClientLogins } from '../upstream/client-logins.ts'
import type { Admission } from './admission.ts'
import { ClientReading, Linger } from './client-reading.ts'
import type { DownstreamContext } from './downstream-context.ts'
import type { Forwarding } from './forwarding.ts'
import { refuse } from './refused-request.ts'

const PHASE = { head: 0, body: 1, responding: 2, tunnel: 3, lingering: 4, closed: 5 } as const
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

export class DownstreamHttp1 implements ByteStreamHandler, ResponseTarget, Downstream, Deadlined, TurnTaker {
  deadlineMs = 0
  deadlineIndex = -1
  readonly #context: DownstreamContext
  readonly #forwarding: Forwarding
  readonly #admission: Admission
  readonly #logins: ClientLogins
  readonly #exchange: Exchange
  readonly #writer: ResponseWriter
  #stream: ByteStream | null = null
  #phase: number = PHASE.head
  readonly #body = new BodyReader()
  #tunnel: ClientTunnel | null = null
  /** Another request may follow on this connection, as far as is known. */
  #keepAlive = true
  /** The client waits for a 100 before it sends the body, or goes without. */
  #expects = false
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
  constructor (context: DownstreamContext, forwarding: Forwarding, admission: Admission) {
    this.#context = context
    this.#forwarding = forwarding
    this.#admission = admission
    this.#reading = new ClientReading(context)
    this.#writer = new ResponseWriter(this, context.date)
    this.#logins = new ClientLogins(() => { this.#endIdle() }, context.page)
    this.#exchange = new Exchange(context, this, {
      origin: forwarding, logins: this.#logins, redirectPort: admission.listener.redirectPort
    })
  }

  /** Begins to serve the stream. */
  start (stream: ByteStream): void {
    this.#stream = stream
    this.#reading.attach(stream)
    this.#context.deadlines.add(this)
    this.#waitFor(this.#context.settings.timeoutsMs.firstByte)
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    switch (this.#phase) {
      case PHASE.head:
        // As long as the client does not take the answers before it, no request is begun.
        if (this.#reading.ahead.empty && this.#stream?.writePending === false) return this.#onHeadBytes(buf, start, end)
        return this.#reading.stash(buf, start, end)
      case PHASE.body: return this.#onBodyBytes(buf, start, end)
      case PHASE.responding: return this.#reading.stash(buf, start, end)
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
    this.#context.turns.add(this)
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
    const reading = this.#reading
    const begins = reading.partial === null
    const outcome = reading.readHead(buf, start, end)
    if (outcome === 1) this.#onHead(reading.head, reading.headBytesEnd)
    else if (outcome < 0) this.#refuse(faultCode(outcome), faultText(outcome), reading.head)
    else if (begins) this.#waitFor(this.#context.settings.timeoutsMs.requestHead)
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
    this.#phase = body.last ? PHASE.responding : PHASE.body
    if (!body.last) this.#reading.beginBody()
    // What is waited for is the exchange's from now on; unless nobody may be there any more.
    this.deadlineMs = 0
    if (this.#reading.endSeen) this.#hurry()
    this.#expects = head.expectsContinue
    this.#keepAlive = head.keepsAlive()
    if (++this.#requests === this.#context.settings.limits.maxRequestsPerConnection) {
      this.#keepAlive = false
      count(this.#context.page, CLOSED.max_requests, 1)
    }
    this.#writer.reset(head.minor, head.methodIs('HEAD'))
    this.#exchange.begin(head, { buf, start: head.end, end: body.end, last: body.last, trailers: body.trailers })
  }

  #onBodyBytes (buf: Buffer, start: number, end: number): void {
    const body = this.#body
    const fault = body.read(buf, start, end)
    if (fault < 0) return this.#exchange.giveUp(faultCode(fault), faultText(fault))
    // Before the exchange writes framing behind the piece.
    if (body.consumed < end) this.#reading.stash(buf, body.consumed, end)
    const { last } = body
    if (last) this.#phase = PHASE.responding
    this.#exchange.requestBody({ buf, start, end: body.end, last, trailers: body.trailers })
    if (last) this.#reading.endBody(this.#exchange.requestPending)
    else if (!this.#reading.readOn(end - start, body.end - start, this.#exchange.requestPending)) this.#awaitTurn()
  }

  switchTo (head: HttpResponse, { protocol, edits }: AcceptedSwitch, tunnel: ClientTunnel): void {
    this.#writeCopy(this.#writer.interimBytes(head, `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`, edits))
    const sentAhead = this.#reading.ahead.take()
    this.#reading.ahead.done()
    this.#tunnel = tunnel
    this.#phase = PHASE.tunnel
    this.deadlineMs = 0
    this.#reading.restart()
    if (sentAhead !== null && !tunnel.onClientBytes(sentAhead)) this.#reading.lend(sentAhead.length)
    if (this.#peerEnded) tunnel.onClientEnd()
  }

  tunnelBytes (bytes: Buffer): boolean { return this.write(bytes) }
  endTunnel (): void { this.#stream?.end() }

  closeTunnel (): void { this.#destroy() }

  #onTunnelBytes (buf: Buffer, start: number, end: number): void {
    const piece = this.#reading.tunnelPiece(buf, start, end)
    const taken = this.#tunnel?.onClientBytes(piece) === true
    this.#reading.readOnInTunnel(end - start, !taken)
  }

  /** Bytes that are no request: answered and closed, without an exchange. */
  #refuse (code: ProxyErrorCode, fault: string, head: RequestHead): void {
    this.#stream?.write(refuse(this.#context, this.#writer, { code, fault, head, forwarding: this.#forwarding }))
    this.#beginLinger()
  }

  write (bytes: Buffer): boolean {
    const taken = this.#stream?.write(bytes) !== false
    if (!taken) this.#reading.recharge()
    if (this.#reading.endSeen) this.#mindEnd(taken)
    return taken
  }

  owe (bytes: number): void { this.#reading.owe(bytes) }

  get takesInterim (): boolean { return this.#writer.takesInterim }

  interim (head: HttpResponse): boolean { return this.#writeCopy(this.#writer.interimBytes(head)) }

  /** Writes bytes that lie in no connection's buffer. */
  #writeCopy (bytes: Buffer): boolean {
    const taken = this.write(bytes)
    if (!taken) this.#reading.owe(bytes.length)
    return taken
  }

  head (head: HttpResponse, fields: ResponseFields, mayStay: boolean): void {
    // Whether the body follows, nobody can say after a final answer to an expectation.
    const keep = this.#keepAlive && mayStay && !this.#context.draining && (this.#phase !== PHASE.body || !this.#expects)
    this.#keepAlive = this.#writer.head(head, fields, keep)
  }

  body (buf: Buffer, start: number, end: number): boolean { return this.#writer.body(buf, start, end) }

  end (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): boolean {
    return this.#writer.end(buf, start, end, trailers)
  }

  answer (answer: OwnAnswer, fields: ResponseFields, mayStay: boolean): number {
    this.#keepAlive &&= mayStay && !this.#context.draining
    this.write(this.#writer.answerBytes(answer, fields, this.#keepAlive))
    return bodyBytesOf(answer)
  }

  pause (): void { this.#reading.pause() }
  resume (): void { this.#reading.unpause() }

  #waitFor (timeoutMs: number): void {
    const maybeGone = this.#reading.endSeen && this.#mayBeGone()
    this.#movedMs = this.#context.recentMs
    this.deadlineMs = this.#movedMs + (maybeGone ? Math.min(timeoutMs, HALF_CLOSED_MS) : timeoutMs)
  }

  /** A client that has sent an end has been written to: as long as it takes that, it is there. */
  #mindEnd (taken: boolean): void {
    if (!taken) this.deadlineMs = 0
    else if (this.#mayBeGone()) this.#hurry()
  }

  /** As long as a write waits for the client, the client is there. */
  #mayBeGone (): boolean {
    return this.#reading.endSeen && this.#phase !== PHASE.tunnel && this.#stream?.writePending === false
  }

  ended (mayStay: boolean): void {
    if (this.#phase === PHASE.closed) return
    if (this.#reading.lent !== 0) this.#reading.settle()
    if (!mayStay || !this.#keepAlive || this.#phase === PHASE.body || this.#logins.ended) return this.#beginLinger()
    this.#phase = PHASE.head
    if (!this.#reading.ahead.empty) this.#awaitTurn()
    else if (this.#peerEnded) this.#close()
    else this.#waitIdle()
  }

  /** Where only the end of the connection tells the end of what is sent, nothing but a reset shows that it is not complete. */
  abort (): void {
    this.#leave(this.#phase === PHASE.tunnel || this.#writer.untilClose)
  }

  #leave (reset: boolean): void {
    if (reset) this.#stream?.reset()
    else this.#stream?.destroy()
    this.#closed()
  }

  /** The answer is out and the connection is not kept: a FIN, and what still comes is read and dropped for a while. */
  #beginLinger (): void {
    this.#reading.drop()
    this.#close()
  }

  #goOnReading (): void {
    this.#logins.end()
    this.#reading.restart()
    this.#linger.begin(this.#context.recentMs)
    this.#waitForReader(this.#lingerMs)
  }

  /** Something has come. As long as the client does not take its answer, that gives it no more time. */
  #waitLingering (): void {
    if (this.#stream?.writePending === false) this.#waitFor(this.#lingerMs)
  }

  get #lingerMs (): number { return this.#linger.timeMs(this.#context.recentMs, this.#context.draining) }

  /** Sends a FIN; what was written goes out first. */
  #close (): void {
    this.#phase = PHASE.lingering
    this.#stream?.end()
    this.#goOnReading()
  }

  /** The end of the answer may still wait for a slow reader; what comes behind it has so long. */
  #waitForReader (thenMs: number): void {
    this.#waitFor(this.#stream?.writePending === true ? this.#context.settings.timeoutsMs.streamIdle : thenMs)
  }

  onEnd (): void {
    this.#peerEnded = this.#reading.endSeen = true
    switch (this.#phase) {
      case PHASE.head:
        if (this.#reading.ahead.empty) this.#destroyOrClose()
        return
      case PHASE.body:
        // The body will never be complete: nobody may take it for whole.
        this.#exchange.downstreamGone()
        this.#destroy()
        return
      case PHASE.responding:
        if (this.#mayBeGone()) this.#hurry()
        return
      case PHASE.tunnel:
        this.#tunnel?.onClientEnd()
        return
      default: this.#destroyOrClose()
    }
  }

  #hurry (): void { this.deadlineMs = this.#context.clock.nowMs() + HALF_CLOSED_MS }

  look (): string | undefined { return this.#reading.look() }

  onEndSeen (): void {
    this.#reading.endSeen = true
    if (this.#exchange.active && this.#mayBeGone()) this.#hurry()
  }

  #destroyOrClose (): void {
    if (this.#stream?.writePending === true) this.#close()
    else this.#destroy()
  }

  onDrain (): void {
    this.#reading.paid()
    if (this.#exchange.active && this.#mayBeGone()) this.#hurry()
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
    this.#context.reportDefect(error)
    if (this.#exchange.active) this.#exchange.giveUp('internal_error', 'a defect in handling the request')
    else this.#destroy()
  }

  onDeadline (): void {
    switch (this.#phase) {
      case PHASE.head:
        if (this.#stream?.writePending === true) this.#leave(true)
        else if (this.#reading.partial !== null) this.#refuse('request_timeout', 'timeouts.requestHead', this.#reading.partial.head)
        else this.#closeIdle()
        return
      case PHASE.tunnel: return
      case PHASE.body:
      case PHASE.responding:
        if (!this.#mayBeGone()) return
        // What the client has got so far must not look complete.
        this.#leave(true)
        return this.#exchange.downstreamGone()
      default: this.#leave(this.#stream?.writePending === true)
    }
  }

  #closeIdle (): void {
    if (!this.#context.draining) count(this.#context.page, this.#requests === 0 ? CLOSED.first_byte_timeout : CLOSED.keep_alive_timeout, 1)
    this.#destroy()
  }

  sheddable (): Sheddable | undefined {
    const bytes = this.#reading.account.bytes + this.#exchange.memoryBytes
    if (bytes === 0) return undefined
    const stuck = this.#reading.partial !== null || this.#reading.ahead.enough || this.#stream?.writePending === true ||
      this.#exchange.bodyPaused
    return { rank: stuck ? 1 : 2, bytes, movedMs: Math.max(this.#movedMs, this.#exchange.movedMs) }
  }

  shed (): void {
    const { partial } = this.#reading
    if (this.#exchange.active) this.#exchange.giveUp('memory_exhausted', 'limits.maxBufferedBytes')
    else if (partial !== null) this.#refuse('memory_exhausted', 'limits.maxBufferedBytes', partial.head)
    else count(this.#context.page, CLOSED.memory, 1)
    // What waits for a client that does not read is given up with the connection only.
    if (this.#phase === PHASE.closed) return
    if (this.#phase !== PHASE.lingering || this.#reading.account.bytes > SHED_REST_BYTES) this.#leave(true)
  }

  /** The worker is going: an idle connection ends soon, a busy one after its answer, or now when the time is `over`. */
  drain (over: boolean): void {
    if (this.#phase === PHASE.lingering) return over ? this.#destroy() : this.#waitLingering()
    if (over) this.#exchange.giveUp('shutting_down', 'drain.timeout')
    else if (this.#isIdle()) this.#waitIdle()
  }

  /** A login has ended: so does the connection, if no request has begun to come; what was written goes out first. */
  #endIdle (): void { if (this.#isIdle()) this.#close() }

  #isIdle (): boolean {
    return this.#phase === PHASE.head && this.#reading.partial === null && this.#reading.ahead.empty
  }

  #waitIdle (): void {
    this.#waitForReader(this.#context.draining ? DRAIN_IDLE_MS : this.#context.settings.timeoutsMs.keepAliveIdle)
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
    this.#context.deadlines.remove(this)
    this.#logins.end()
    this.#exchange.retire()
    this.#admission.close()
  }
}
