/**
 * One request and its response: route, version, endpoint, attempts, and the bytes both ways. One object per client
 * connection, reused for each of its requests. Hot.
 */
import { proxyErrorRow, type ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { offeredUpgrade } from '../http1/upgrade.ts'
import type { ResponseSink } from '../upstream/response-sink.ts'
import type { TunnelSink } from '../upstream/tunnel-sink.ts'
import { LOGIN } from '../upstream/login.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import { answerHere } from './answer-here.ts'
import type { BodyPiece } from './body-piece.ts'
import { ClientLogins } from './client-logins.ts'
import type { DataPlane } from './data-plane.ts'
import { Dispatch } from './dispatch.ts'
import { DispatchTerms } from './dispatch-terms.ts'
import type { DispatchEvents } from './dispatch-terms.ts'
import type { Downstream } from './downstream.ts'
import { ExchangeFacts } from './exchange-facts.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { ExchangeWaits, WAIT } from './exchange-waits.ts'
import { failureAnswer } from './failure-answer.ts'
import { finish } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { interimResponse } from './interim-response.ts'
import { bodyBytesOf } from './own-answer.ts'
import { OutBuffer } from './out-buffer.ts'
import { refuseRequest } from './refuse-request.ts'
import { RequestRelay } from './request-relay.ts'
import { ResponseRelay } from './response-relay.ts'
import { Tunnel } from './tunnel.ts'

const FIRST_GATEWAY_STATUS = 502

export class Exchange extends ExchangeFacts implements ResponseSink, DispatchEvents, ExchangeRecord {
  readonly logins: ClientLogins
  readonly #plane: DataPlane
  readonly #downstream: Downstream
  readonly #forwarding: Forwarding
  readonly #redirectPort: number | undefined
  readonly #request = new RequestRelay()
  readonly #relay: ResponseRelay
  #head: RequestHead | null = null
  readonly #terms = new DispatchTerms()
  readonly #dispatch: Dispatch
  /** Something of an answer has gone to the client: an interim response. */
  #toldClient = false
  #keepAlive = true
  /** The client waits for a 100 before it sends the body, or goes without. */
  #expects = false
  #tunnel: Tunnel | null = null
  readonly #waits: ExchangeWaits

  /** @param redirectPort every request is redirected to this port under https; undefined when they are served */
  constructor (plane: DataPlane, downstream: Downstream, forwarding: Forwarding, redirectPort: number | undefined) {
    super()
    this.#plane = plane
    this.#downstream = downstream
    this.logins = new ClientLogins(downstream, plane.page)
    this.#forwarding = forwarding
    this.#redirectPort = redirectPort
    this.#relay = new ResponseRelay(downstream, plane.date)
    this.#dispatch = new Dispatch(plane, this, this.#terms, this.logins)
    this.#waits = new ExchangeWaits(plane, this.#request, this.#dispatch)
  }

  get memoryBytes (): number { return this.#dispatch.memoryBytes }
  get bodyHeld (): boolean { return this.#request.held }
  get endpoint (): string { return this.#dispatch.endpointKey }
  get clientIp (): string { return this.#forwarding.clientIp }
  get requestId (): string { return this.#forwarding.requestId }

  /**
   * Takes a request whose head is complete, with what has come of its body. `head` and `piece` are valid during the call only.
   * @param mayKeep may the client's connection be kept after it?
   */
  begin (head: RequestHead, piece: BodyPiece, mayKeep: boolean): void {
    this.#reset(head, piece)
    this.#keepAlive = mayKeep && head.keepsAlive()
    this.#plane.inFlight++
    this.#forwarding.identify(head, this.#plane.trustedProxies)
    const refused = refuseRequest(this.#plane, head)
    if (refused !== null) this.#fail(refused, '')
    else if (head.maxForwards === 0 || this.#redirectPort !== undefined) this.#answerHere(head)
    else this.#routeRequest(head, piece)
    this.#head = null
  }

  #reset (head: RequestHead, piece: BodyPiece): void {
    this.startFacts(head.minor, piece.end - piece.start, this.#plane.readClock())
    this.requestNumber = this.#plane.requestIds.next()
    this.#head = head
    this.#terms.begin(head)
    this.#toldClient = false
    this.#expects = head.expectsContinue
    this.#request.reset(head, piece, this.startMs)
    this.#relay.reset()
    this.#dispatch.reset()
  }

  #routeRequest (head: RequestHead, piece: BodyPiece): void {
    const plane = this.#plane
    const route = plane.table.match(head)
    if (route === undefined) return this.#fail('no_route', '')
    this.route = route
    this.epoch = route.epoch
    this.#waits.timeoutsMs = route.policy.timeoutsMs
    const key = plane.stickyKey
    route.stickyKey.resolve(head, this.#forwarding.clientIp, key)
    this.stickyKind = key.kind
    this.keyHash = this.#terms.keyHash = key.hash
    if (head.upgradeLine >= 0) this.#terms.offered = head.upgrade = offeredUpgrade(head, route.policy.upgrades)
    const refused = this.tooLarge(head.length) ? 'body_too_large' : this.#dispatch.begin(route)
    if (refused !== null) return this.#fail(refused, '')
    this.#waitOn()
    this.#writeRequest(head, piece)
  }

  /** Serialises the request and sends it, or lets it wait until there is an endpoint. */
  #writeRequest (head: RequestHead, piece: BodyPiece): void {
    const { connection } = this.#dispatch
    const out = connection ?? new OutBuffer()
    const additions = this.#forwarding.additions(head, this.#plane.requestIds.bytes(this.requestNumber), this.route?.policy.defaultHost ?? '')
    this.#request.writeHead(out, head, additions, piece)
    if (connection === null) {
      const refused = this.#dispatch.hold(out)
      if (refused !== null) this.#fail(refused, '')
    } else if (connection.connecting || !this.#sendOut(connection)) {
      this.#holdBody()
    }
  }

  /**
   * A kept-alive connection may have been closed by the endpoint, and the news be here already, unread. A request that can't be
   * repeated lets them be read first.
   */
  #sendOut (connection: UpstreamConnection): boolean {
    if (this.#terms.idempotent && connection.login === LOGIN.none) return connection.sendOut()
    connection.sendSoon()
    return false
  }

  /** The rest of the request's body waits until the endpoint has taken what there is. */
  #holdBody (): void {
    if (!this.#request.hold(this.#plane.recentMs)) return
    if (this.#waits.wait === WAIT.requestBody) this.#waitFor(WAIT.requestBody)
    this.#downstream.pauseBody()
  }

  #releaseBody (): void {
    if (!this.#request.letGo(this.#plane.recentMs)) return
    this.#downstream.resumeBody()
    this.#waitOn()
  }

  /** Another piece of the request's body. Its buffer is lent until the exchange asks for more. */
  requestBody (piece: BodyPiece): void {
    const { connection } = this.#dispatch
    if (connection === null) return
    this.bytesIn += piece.end - piece.start
    if (this.tooLarge(0)) return this.giveUp('body_too_large', '')
    const taken = this.#request.writeBody(connection, piece, this.#dispatch.replayBytes)
    this.#waitOn()
    if (!taken) this.#holdBody()
  }

  /** Is something of the request still with the kernel's queue, so that its buffer can't be used again? */
  get requestPending (): boolean {
    return this.#dispatch.connection?.writePending ?? false
  }

  onUpstreamReady (): void {
    const { connection } = this.#dispatch
    if (connection === null) return
    this.connectMs = connection.connectMs
    if (connection.sendOut()) this.#releaseBody()
    // Others may wait because the endpoint refused.
    if (this.route !== null && this.route.hold.size > 0) this.route.hold.flush(this.version?.name)
  }

  onUpstreamDrain (): void { this.#releaseBody() }

  onInterimHead (head: ResponseHead): void {
    // RFC 9110 section 15.2: a 1.0 client does not know of interim responses.
    if (this.minor === 0) return
    this.#toldClient = true
    const response = interimResponse(head)
    if (!this.#downstream.write(response)) this.#block(response.length)
  }

  onResponseHead (head: ResponseHead, framing: number): void {
    if (head.status >= FIRST_GATEWAY_STATUS && !this.#toldClient && this.#dispatch.again(null, head.status)) return
    this.#dispatch.answered(head.status)
    this.status = head.status
    if (this.#plane.accessLog.enabled) this.firstByteMs = this.#plane.clock.nowMs() - this.startMs
    // Whether the body follows, nobody can say after a final answer to an expectation.
    const keepAlive = this.#mayStay && (this.#request.done || !this.#expects)
    this.#keepAlive = this.#relay.head(head, framing, { minor: this.minor, keepAlive }, this.#plane.responseFields.of(this, head))
  }

  onUpgrade (head: ResponseHead, protocol: string): TunnelSink | null {
    const { connection } = this.#dispatch
    if (connection === null) return null
    this.#dispatch.answered(head.status)
    this.status = head.status
    this.firstByteMs = this.#plane.clock.nowMs() - this.startMs
    const tunnel = this.#tunnel = new Tunnel(this.#plane, { downstream: this.#downstream, connection }, this)
    // A tunnel may last for days: it is limited as a connection, not as a request in flight.
    this.#plane.inFlight--
    this.#downstream.write(interimResponse(head, `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`))
    this.#downstream.startTunnel(tunnel)
    tunnel.waitOn()
    return tunnel
  }

  /** A tunnel is over; `error` says why, if it did not end in peace. */
  tunnelClosed (tunnel: Tunnel, error: ProxyErrorCode | null, fault: string): void {
    this.#tunnel = null
    this.#dispatch.connection = null
    this.bytesIn += tunnel.bytesIn
    this.bytesOut += tunnel.bytesOut
    this.error = error
    this.fault = fault
    this.#plane.inFlight++
    this.#end(false)
  }

  onResponseBody (buf: Buffer, start: number, end: number, last: boolean): void {
    this.bytesOut += end - start
    if (last) this.#complete(this.#relay.lastBody(buf, start, end, this.#dispatch.connection?.trailers))
    else this.#afterPiece(this.#relay.body(buf, start, end))
  }

  #afterPiece (taken: boolean): void {
    if (taken) this.#waitFor(WAIT.stream)
    else this.#block()
  }

  /** The endpoint is not read until the client has taken what there is, of which so many bytes lie in no connection's buffer. */
  #block (owed = 0): void {
    if (owed > 0) this.#downstream.owe(owed)
    this.#waits.blocked.begin(this.#plane.recentMs)
    this.#waitFor(WAIT.stream)
    this.#dispatch.connection?.pause()
  }

  /** Everything written to the client has been taken. */
  downstreamDrained (): void {
    if (!this.#waits.blocked.owed) return
    this.#waits.blocked.end()
    this.#waitOn()
    this.#dispatch.connection?.resume()
  }

  #complete (taken: boolean): void {
    const { connection } = this.#dispatch
    this.#dispatch.connection = null
    if (connection !== null) {
      // The last piece still lies in the connection's buffer, which the pending write holds on to.
      if (!taken) this.#downstream.owe(connection.abandonBuffer())
      this.logins.keep(connection, this.route, this.version)
      connection.release(this.#request.done)
    }
    // A drain that began after the head has not been told to the client: the next answer tells it.
    this.#end(this.#keepAlive && this.#request.done)
  }

  onUpstreamFailed (code: ProxyErrorCode, fault: string): void {
    if (this.#tunnel !== null) return this.#tunnel.onUpstreamFailed(code, fault)
    if (this.#dispatch.connection === null) return
    if (this.#relay.begun) return this.#cut('upstream_truncated', fault)
    this.#attemptFailed(code, fault)
  }

  #attemptFailed (code: ProxyErrorCode, fault: string): void {
    this.attemptFault = fault
    if (!this.#toldClient && this.#dispatch.again(code, 0)) return
    this.#dispatch.connection?.destroy()
    this.#fail(code, fault)
  }

  get replayable (): boolean { return this.#request.whole }

  redirected (): void {
    this.#waitOn()
    this.#holdBody()
  }

  held (timeoutMs: number): void {
    this.#holdBody()
    this.#waits.wait = WAIT.hold
    this.#downstream.waitFor(timeoutMs)
  }

  /** The deadline of what the exchange waits for has passed. */
  onDeadline (): void {
    switch (this.#waits.wait) {
      case WAIT.requestBody: return this.giveUp(...this.#request.overdue)
      case WAIT.response: return this.#answerOverdue()
      case WAIT.hold: return this.#fail('hold_timeout', '')
      default: return this.#streamOverdue()
    }
  }

  #streamOverdue (): void {
    const { clientOwes } = this.#waits
    if (!clientOwes || this.#relay.begun) return this.giveUp(clientOwes ? 'client_gone' : this.#request.silentParty, 'timeouts.streamIdle')
    // Not even the interim responses: nothing can be said to it any more.
    this.#downstream.abort(false)
    this.downstreamGone()
  }

  #answerOverdue (): void {
    const restMs = this.#dispatch.takeRestMs()
    if (restMs === 0) return this.#attemptFailed('upstream_timeout', 'timeouts.upstreamResponse')
    if (this.#toldClient || !this.#dispatch.again('upstream_timeout', 0)) this.#downstream.waitFor(restMs)
  }

  /** The client has gone. */
  downstreamGone (): void {
    if (!this.active) return
    if (this.#tunnel !== null) return this.#tunnel.onClientGone()
    this.#dispatch.connection?.destroy()
    this.error = 'client_gone'
    this.status = this.#relay.begun ? this.status : 499
    this.#end(false)
  }

  /** Ends the exchange with the endpoint and answers, or cuts the answer that has begun. */
  giveUp (code: ProxyErrorCode, fault: string): void {
    if (!this.active) return
    if (this.#tunnel !== null) return this.#tunnel.abort(code, fault)
    this.#dispatch.connection?.destroy()
    if (this.#relay.begun) this.#cut(code, fault)
    else this.#fail(code, fault)
  }

  /** The client has a part of the response already. */
  #cut (code: ProxyErrorCode, fault: string): void {
    this.error = code
    this.fault = this.attemptFault = fault
    // A connection may be gone by the time that abort() returns.
    this.active = false
    this.#downstream.abort(this.#relay.untilClose)
    this.#end(false)
  }

  #fail (code: ProxyErrorCode, fault: string): void {
    const row = proxyErrorRow(code)
    this.error = code
    this.fault = fault
    this.status = row.status
    const keep = this.#mayKeep && !row.closes
    const accept = this.requestHead()?.header('accept')
    const date = this.#plane.date.now()
    this.#respond(failureAnswer(code, fault, { accept, toHead: this.#terms.toHead, keep, minor: this.minor, date }), keep)
  }

  #answerHere (head: RequestHead): void {
    const answer = answerHere(head, this.#redirectPort, { keep: this.#mayKeep, date: this.#plane.date.now() })
    if ('code' in answer) return this.#fail(answer.code, answer.fault)
    this.status = answer.status
    this.#respond(answer.bytes, this.#mayKeep)
  }

  /** May the client's connection be kept after an answer of our own? */
  get #mayKeep (): boolean {
    return this.#mayStay && this.#request.done
  }

  get #mayStay (): boolean {
    return this.#keepAlive && !this.#plane.draining && this.logins.mayStay(this.#dispatch.connection, this.route, this.version)
  }

  #respond (response: Buffer, keep: boolean): void {
    this.#relay.begun = true
    this.bytesOut = bodyBytesOf(response)
    this.#downstream.write(this.#plane.responseFields.addTo(response, this))
    this.#end(keep)
  }

  #end (keep: boolean): void {
    this.active = false
    this.#waits.blocked.end()
    this.#dispatch.end(this.error, this.status)
    this.#plane.inFlight--
    finish(this.#plane, this)
    this.#request.release()
    this.#downstream.exchangeEnded(keep)
  }

  #waitFor (wait: number): void { this.#downstream.waitFor(this.#waits.for(wait)) }
  #waitOn (): void { this.#downstream.waitFor(this.#waits.next(this.#relay.begun)) }

  requestHead (): RequestHead | null {
    return this.#head ?? this.#request.sentHead(this.#plane.sentHead)
  }
}
