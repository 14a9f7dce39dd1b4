/**
 * One request and its response: route, version, endpoint, attempts, and what goes both ways. It knows neither the client's protocol nor the
 * endpoint's: those are behind the ports Downstream and UpstreamCall. A connection that carries one request at a time has one object for
 * all of them, in turn. Hot.
 */
import { proxyErrorRow, type ProxyErrorCode } from '../core/proxy-error.ts'
import type { BodyPiece, FieldBlock, HttpRequest, KeptRequest } from '../http/http-request.ts'
import type { HttpResponse } from '../http/http-response.ts'
import { failureAnswer, type OwnAnswer } from '../http/own-answer.ts'
import type { Deadlined } from '../net/deadlines.ts'
import type { ClientLogins } from '../upstream/client-logins.ts'
import { LOGIN, type TunnelEvents, type UpstreamCall } from '../upstream/upstream-call.ts'
import type { ShadowTap } from '../shadow/shadow-port.ts'
import { type AnswerHere, answeredAtListener, turnedAway } from './answer-here.ts'
import { AttemptLease } from './attempt-lease.ts'
import { Dispatch, type DispatchEvents } from './dispatch.ts'
import { DispatchTerms } from './step-choices.ts'
import type { Downstream } from './downstream.ts'
import type { ExchangeContext } from './exchange-context.ts'
import { ExchangeWaits, RequestPace, WAIT } from './exchange-waits.ts'
import { finish, type HeadSource, refuseRequest } from './finish.ts'
import { HeadEdits, withTrailers } from './head-edits.ts'
import { RequestFacts, type RequestOrigin } from './request-facts.ts'
import { cookieLine } from './cookie-line.ts'
import { Tunnel } from './tunnel.ts'

const FIRST_GATEWAY_STATUS = 502

/** What the exchanges of a client connection share. */
export interface ExchangeSide {
  readonly origin: RequestOrigin
  readonly logins: ClientLogins
  /** Every request is redirected to this port under https; undefined when they are served. */
  readonly redirectPort: number | undefined
}

export class Exchange implements DispatchEvents, HeadSource, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  /** A request is under way. */
  active = false
  /** When something of it moved last. */
  movedMs = 0
  readonly facts = new RequestFacts()
  readonly #context: ExchangeContext
  readonly #downstream: Downstream
  readonly #side: ExchangeSide
  readonly #pace = new RequestPace()
  readonly #terms = new DispatchTerms()
  readonly #lease: AttemptLease
  readonly #dispatch: Dispatch
  readonly #edits: HeadEdits
  readonly #waits: ExchangeWaits
  /** During begin(). */
  #request: HttpRequest | null = null
  /** The head of the request as it was sent, at the beginning of these bytes: for a second look. */
  #sentHead: Buffer | null = null
  #headLength = 0
  /** Something of an answer has gone to the client: an interim response. */
  #toldClient = false
  /** Something of the final answer has gone to the client: not its head alone, which leaves with the first piece. */
  #begun = false
  #tunnel: Tunnel | null = null
  /** Who copies the request; null when nobody does. */
  #tap: ShadowTap | null = null

  constructor (context: ExchangeContext, downstream: Downstream, side: ExchangeSide) {
    const { facts } = this
    this.#context = context
    this.#downstream = downstream
    this.#side = side
    this.#lease = new AttemptLease(context.failures, facts)
    this.#edits = new HeadEdits(context)
    const parts = { facts, terms: this.#terms, lease: this.#lease, edits: this.#edits, logins: side.logins }
    this.#dispatch = new Dispatch(context, this, parts)
    this.#waits = new ExchangeWaits(context, this.#pace, this.#dispatch)
  }

  /** Bytes of memory that the request takes on the side of the endpoint. */
  get memoryBytes (): number { return this.#dispatch.memoryBytes }
  /** The rest of its body waits for the endpoint. */
  get bodyPaused (): boolean { return this.#pace.paused.owed }

  /** Takes a request whose head is complete, with what has come of its body. Both are valid during the call only. */
  begin (request: HttpRequest, piece: BodyPiece): void {
    const context = this.#context
    const bodyBytes = piece.end - piece.start
    this.active = true
    this.#toldClient = this.#begun = false
    this.#request = request
    this.facts.begin(context.requestIds.next(), request.protocol, bodyBytes, context.readClock())
    this.#terms.begin(request)
    this.#pace.begin(piece.last, bodyBytes, this.facts.startMs)
    if (this.deadlineIndex < 0) context.deadlines.add(this)
    context.inFlight++
    this.#side.origin.identify(request, context.trustedProxies, this.facts)
    const refused = refuseRequest(context, request)
    if (refused !== null) {
      this.#fail(refused, '')
    } else if (request.maxForwards === 0 || this.#side.redirectPort !== undefined) {
      this.#answerHere(answeredAtListener(request, this.#side.redirectPort))
    } else {
      this.#routeRequest(request, piece)
    }
    this.#request = null
  }

  #routeRequest (request: HttpRequest, piece: BodyPiece): void {
    const context = this.#context
    const { facts } = this
    const route = context.table.match(request)
    if (route === undefined) return this.#fail('no_route', '')
    const { policy } = route
    facts.route = route
    facts.epoch = route.epoch
    this.#waits.timeoutsMs = policy.timeoutsMs
    const refusal = route.entry === null ? null : route.entry.refuse(request, facts.clientIp, this.#side.origin, context.clock)
    if (refusal !== null) return this.#answerHere(turnedAway(refusal, this.#terms.toHead))
    const key = context.stickyKey
    route.stickyKey.resolve(request, facts.clientIp, key)
    facts.stickyKind = key.kind
    facts.keyHash = this.#terms.keyHash = key.hash
    if (route.placement !== null) route.placement.place(request, facts, this.#terms)
    if (route.clientCookies?.owed === true && !facts.placed) facts.noteCookieOwed()
    if (request.asksUpgrade) this.#terms.offered = request.offers(policy.upgrades)
    const refused = this.#dispatch.begin(route, request.length)
    if (refused !== null) return this.#fail(refused, '')
    // Who is logged in on this connection is nobody on that of a copy.
    if (route.mirror !== null && (this.#lease.call?.login ?? LOGIN.none) === LOGIN.none) this.#tap = route.mirror.tap(request, facts, piece)
    this.#waitOn()
    this.#sendRequest(request, piece.trailers === undefined ? piece : withTrailers(piece, piece.trailers, route))
  }

  /** Sends the request, or lets it wait until there is an endpoint. */
  #sendRequest (request: HttpRequest, piece: BodyPiece): void {
    const { facts } = this
    const { call } = this.#lease
    const edits = this.#side.origin.edits(
      request, facts, this.#context.requestIds.bytes(facts.requestNumber), facts.route === null ? '' : facts.route.policy.defaultHost
    )
    if (call === null) {
      const kept = this.#context.keepRequest(request, edits, piece)
      this.#noteSent(kept)
      const refused = this.#dispatch.hold(kept)
      if (refused !== null) this.#fail(refused, '')
      return
    }
    if (facts.version !== null && facts.version.edits !== null) this.#edits.begin(request, edits, piece, facts.version)
    this.#noteSent(call.begin(request, edits, piece))
    if (call.connecting || !this.#send(call)) this.#pauseBody()
  }

  #noteSent ({ out, headLength }: KeptRequest): void {
    const { plainHead } = this.#edits
    this.#sentHead = plainHead ?? out
    this.#headLength = plainHead === null ? headLength : plainHead.length
  }

  /**
   * A kept-alive connection may have been closed by the endpoint, and the news be here already, unread. A request that can't be
   * repeated lets them be read first.
   */
  #send (call: UpstreamCall): boolean {
    if (this.#terms.idempotent && call.login === LOGIN.none) return call.send()
    call.sendSoon()
    return false
  }

  /** The rest of the request's body waits until the endpoint has taken what there is. */
  #pauseBody (): void {
    if (!this.#pace.pause(this.#context.recentMs)) return
    if (this.#waits.wait === WAIT.requestBody) this.#waitFor(WAIT.requestBody)
    this.#downstream.pause()
  }

  #resumeBody (): void {
    if (!this.#pace.resume(this.#context.recentMs)) return
    this.#downstream.resume()
    this.#waitOn()
  }

  /** Another piece of the request's body. Its buffer is lent until the exchange asks for more. */
  requestBody (piece: BodyPiece): void {
    const { facts } = this
    const { call } = this.#lease
    if (call === null) return
    const bytes = piece.end - piece.start
    facts.bytesIn += bytes
    if (facts.isTooLarge(0)) return this.giveUp('body_too_large', '')
    this.#pace.piece(bytes, piece.last)
    this.#tap?.requestBody(piece)
    const sent = piece.trailers === undefined ? piece : withTrailers(piece, piece.trailers, facts.route)
    const taken = call.body(sent, this.#dispatch.replayBytes)
    // It may lie in other memory now.
    this.#noteSent(call.kept)
    this.#waitOn()
    if (!taken) this.#pauseBody()
  }

  /** Is something of the request still on its way, so that its buffer can't be used again? */
  get requestPending (): boolean {
    return this.#lease.call?.writePending ?? false
  }

  onCallReady (): void {
    const { call } = this.#lease
    if (call === null) return
    const { facts } = this
    facts.connectMs = call.connectMs
    if (call.send()) this.#resumeBody()
    // Others may wait because the endpoint refused.
    if (facts.route !== null && facts.route.hold.size > 0) facts.route.hold.flush(facts.version?.name)
  }

  onCallDrain (): void { this.#resumeBody() }

  onInterim (head: HttpResponse): void {
    if (!this.#downstream.takesInterim) return
    this.#toldClient = true
    if (!this.#downstream.interim(head)) this.#block()
  }

  onHead (head: HttpResponse): void {
    const { status } = head
    const { facts } = this
    if (status >= FIRST_GATEWAY_STATUS && !this.#toldClient && this.#dispatch.again(null, status)) return
    this.#lease.responded(status)
    facts.status = status
    const asked = this.#context.accessLog.enabled || (facts.route !== null && facts.route.watch !== null)
    if (this.#tap !== null && this.#lease.call !== null) {
      this.#tap.answerHead(head, this.#edits.forCopy(this.#tap.edits, this.#lease.call.kept), facts)
    }
    if (asked) facts.firstByteMs = this.#context.clock.nowMs() - facts.startMs
    const { route, version } = facts
    const edits = version === null || version.edits === null ? null : version.edits.response
    const fields = this.#context.responseFields.of(facts, edits)
    if (route !== null && route.clientCookies !== null && facts.owesCookie) {
      fields.text += cookieLine(head, facts, { edits, secure: this.#side.origin.isSecure, wallMs: this.#context.clock.wallMs() })
    }
    this.#downstream.head(head, fields, this.#mayStay)
  }

  onSwitch (head: HttpResponse, protocol: string): TunnelEvents | null {
    const { call, endpoint } = this.#lease
    const { facts } = this
    if (call === null || endpoint === null) return null
    this.#lease.responded(head.status)
    facts.status = head.status
    facts.firstByteMs = this.#context.clock.nowMs() - facts.startMs
    facts.route?.watch?.add(facts)
    const tunnel = this.#tunnel = new Tunnel(this.#context, { downstream: this.#downstream, call, endpoint }, this)
    // A tunnel may last for days: it is limited as a connection, not as a request in flight.
    this.#context.inFlight--
    this.#downstream.switchTo(head, { protocol, edits: facts.version?.edits?.response ?? null }, tunnel)
    tunnel.waitOn()
    return tunnel
  }

  /** A tunnel is over; `error` says why, if it did not end in peace. */
  tunnelClosed (tunnel: Tunnel, error: ProxyErrorCode | null, fault: string): void {
    const { facts } = this
    this.#tunnel = null
    this.#lease.call = null
    facts.bytesIn += tunnel.bytesIn
    facts.bytesOut += tunnel.bytesOut
    if (error !== null) facts.fail(error, fault, facts.status)
    this.#context.inFlight++
    this.#end(false)
  }

  onBody (buf: Buffer, start: number, end: number): void {
    this.facts.bytesOut += end - start
    this.#begun = true
    if (this.#downstream.body(buf, start, end)) this.#waitFor(WAIT.stream)
    else this.#block()
    this.#tap?.answerBody(buf, start, end)
  }

  onEnd (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): void {
    const { facts } = this
    facts.bytesOut += end - start
    this.#begun = true
    const taken = this.#downstream.end(buf, start, end, trailers)
    this.#tap?.answerEnd(buf, start, end)
    const { call } = this.#lease
    this.#lease.call = null
    if (call !== null) {
      if (call.login !== LOGIN.none) this.#side.logins.keep(call, facts.route, facts.version)
      const left = call.release(this.#pace.done, taken)
      if (left > 0) this.#downstream.owe(left)
    }
    this.#end(this.#pace.done)
  }

  /** The endpoint is not read until the client has taken what there is. */
  #block (): void {
    this.#waits.blocked.begin(this.#context.recentMs)
    this.#waitFor(WAIT.stream)
    this.#lease.call?.pause()
  }

  /** Everything sent to the client has been taken. */
  downstreamDrained (): void {
    if (!this.#waits.blocked.owed) return
    this.#waits.blocked.end()
    this.#waitOn()
    this.#lease.call?.resume()
  }

  onFailed (code: ProxyErrorCode, fault: string): void {
    if (this.#tunnel !== null) return this.#tunnel.onFailed(code, fault)
    if (this.#lease.call === null) return
    if (this.#begun) return this.#cut('upstream_truncated', fault)
    this.#attemptFailed(code, fault)
  }

  #attemptFailed (code: ProxyErrorCode, fault: string): void {
    this.facts.attemptFault = fault
    if (!this.#toldClient && this.#dispatch.again(code, 0)) return
    this.#lease.call?.cancel()
    this.#fail(code, fault)
  }

  redirected (): void {
    this.#waitOn()
    this.#pauseBody()
  }

  held (timeoutMs: number): void {
    this.#pauseBody()
    this.#waits.wait = WAIT.hold
    this.waitFor(timeoutMs)
  }

  /** What the exchange waits for has not come in time. */
  onDeadline (): void {
    if (this.#tunnel !== null) return this.#tunnel.onDeadline()
    switch (this.#waits.wait) {
      case WAIT.requestBody: return this.giveUp(...this.#pace.overdue)
      case WAIT.response: return this.#onResponseOverdue()
      case WAIT.hold: return this.#fail('hold_timeout', '')
      default: return this.#streamOverdue()
    }
  }

  #streamOverdue (): void {
    const { clientOwes } = this.#waits
    if (!clientOwes || this.#begun) return this.giveUp(clientOwes ? 'client_gone' : this.#pace.silentParty, 'timeouts.streamIdle')
    // Not even the interim responses: nothing can be said to it any more.
    this.#downstream.abort('client_gone')
    this.downstreamGone()
  }

  #onResponseOverdue (): void {
    const restMs = this.#dispatch.takeRestMs()
    if (restMs === 0) return this.#attemptFailed('upstream_timeout', 'timeouts.upstreamResponse')
    if (this.#toldClient || !this.#dispatch.again('upstream_timeout', 0)) this.waitFor(restMs)
  }

  /** The client has gone. */
  downstreamGone (): void {
    if (!this.active) return
    if (this.#tunnel !== null) return this.#tunnel.onClientGone()
    this.#lease.call?.cancel()
    this.facts.fail('client_gone', '', this.#begun ? this.facts.status : proxyErrorRow('client_gone').status)
    this.#end(false)
  }

  /** Ends the exchange with an error of Weir's or of the client's. Nothing happens when none is under way. */
  giveUp (code: ProxyErrorCode, fault: string): void {
    if (!this.active) return
    if (this.#tunnel !== null) return this.#tunnel.abort(code, fault)
    this.#lease.call?.cancel()
    if (this.#begun) this.#cut(code, fault)
    else this.#fail(code, fault)
  }

  /** The client has a part of the response already. */
  #cut (code: ProxyErrorCode, fault: string): void {
    this.facts.attemptFault = fault
    this.facts.fail(code, fault, this.facts.status)
    // A connection may be gone by the time that abort() returns.
    this.active = false
    this.#downstream.abort(code)
    this.#end(false)
  }

  #fail (code: ProxyErrorCode, fault: string, retryAfterS?: number): void {
    const row = proxyErrorRow(code)
    this.facts.fail(code, fault, row.status)
    const accept = this.requestHead()?.header('accept')
    const { toHead } = this.#terms
    this.#answer(failureAnswer(code, fault, { accept, toHead, ...(retryAfterS === undefined ? {} : { retryAfterS }) }), !row.closes)
  }

  #answerHere (here: AnswerHere): void {
    if (here.kind === 'failure') return this.#fail(here.code, here.fault, here.retryAfterS)
    this.facts.status = here.answer.status
    this.#answer(here.answer, true)
  }

  #answer (answer: OwnAnswer, mayStay: boolean): void {
    const { facts } = this
    this.#begun = true
    facts.bytesOut = this.#downstream.answer(answer, this.#context.responseFields.of(facts), mayStay && this.#mayStay && this.#pace.done)
    this.#end(mayStay && this.#pace.done)
  }

  /** May the client's connection be kept, as far as logins go? */
  get #mayStay (): boolean {
    const { logins } = this.#side
    const { call } = this.#lease
    if (!logins.ended && (call === null || call.login === LOGIN.none)) return true
    return logins.mayStay(call, this.facts.route, this.facts.version)
  }

  #end (mayStay: boolean): void {
    const { facts } = this
    this.active = false
    this.deadlineMs = 0
    if (this.#waits.blocked.owed) this.#waits.blocked.end()
    this.#dispatch.end(facts.error, facts.status)
    this.#context.inFlight--
    if (this.#tap !== null) {
      this.#tap.over()
      this.#tap = null
    }
    finish(this.#context, facts, this)
    this.#sentHead = null
    this.#downstream.ended(mayStay)
  }

  waitFor (timeoutMs: number): void {
    this.movedMs = this.#context.recentMs
    this.deadlineMs = this.movedMs + timeoutMs
  }

  #waitFor (wait: number): void { this.waitFor(this.#waits.for(wait)) }
  #waitOn (): void { this.waitFor(this.#waits.next(this.#begun)) }

  requestHead (): HttpRequest | null {
    return this.#request ?? (this.#sentHead === null ? null : this.#context.keptHead(this.#sentHead, this.#headLength))
  }

  /** No request will follow. */
  retire (): void {
    this.deadlineMs = 0
    if (this.deadlineIndex >= 0) this.#context.deadlines.remove(this)
  }
}
