/**
 * One copy on its way to an endpoint: sent, its answer looked at and discarded. Nobody waits for it, and what becomes of it is no news of
 * the endpoint's health.
 */
import type { ShadowFailure } from '../contract/shadow-report.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { HttpResponse } from '../http/http-response.ts'
import type { CallEvents, EndpointCalls, RequestTerms, UpstreamCall } from '../upstream/upstream-call.ts'
import { type CompareTerms, SeenAnswer } from './seen-answer.ts'
import type { ShadowBytes, ShadowContext } from './shadow-room.ts'

/** What is sent, and how it is looked at. */
export interface CopyOrder {
  readonly bytes: Buffer
  readonly headLength: number
  readonly idempotent: boolean
  readonly toHead: boolean
  readonly calls: EndpointCalls
  readonly terms: CompareTerms
  readonly room: ShadowBytes
}

export class ShadowCopy implements CallEvents {
  /** Null until its head is there. */
  answer: SeenAnswer | null = null
  readonly #context: ShadowContext
  readonly #order: CopyOrder
  readonly #terms: RequestTerms
  readonly #onEnd: (failure: ShadowFailure | null) => void
  #call: UpstreamCall | null = null
  #sentMs = 0
  #bodyBytes = 0

  /** @param onEnd is called once, unless the copy is cancelled */
  constructor (context: ShadowContext, order: CopyOrder, onEnd: (failure: ShadowFailure | null) => void) {
    this.#context = context
    this.#order = order
    this.#onEnd = onEnd
    this.#terms = { idempotent: order.idempotent, toHead: order.toHead, offered: '', logsIn: false }
  }

  start (): void {
    const { calls } = this.#order
    this.#send(calls.takeIdle() ?? calls.open())
  }

  #send (call: UpstreamCall): void {
    const { bytes, headLength } = this.#order
    this.#call = call
    call.assign(this, this.#terms)
    call.repeat({ out: bytes, outLength: bytes.length, headLength, chunked: false })
    if (!call.connecting) this.onCallReady()
  }

  cancel (): void {
    const call = this.#call
    this.#call = null
    call?.cancel()
  }

  onCallReady (): void {
    this.#sentMs = this.#context.clock.nowMs()
    this.#call?.send()
  }

  onCallDrain (): void {}
  onInterim (): void {}
  /** A copy offers no protocol: an endpoint that switches anyway has failed. */
  onSwitch (): null { return null }

  onHead (head: HttpResponse): void {
    const { terms, room } = this.#order
    this.answer = new SeenAnswer(head, this.#context.clock.nowMs() - this.#sentMs, terms, room)
  }

  onBody (buf: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start
    this.answer?.add(buf, start, end)
    if (this.answer?.isStream === true || this.#bodyBytes > this.#order.terms.maxAnswerBytes) this.#enough()
  }

  /** All has been seen that is compared. */
  #enough (): void {
    this.cancel()
    this.#end(null)
  }

  onEnd (buf: Buffer, start: number, end: number): void {
    this.answer?.add(buf, start, end)
    const call = this.#call
    this.#call = null
    call?.release(true, true)
    this.#end(null)
  }

  onFailed (code: ProxyErrorCode): void {
    const call = this.#call
    if (call === null) return
    this.#call = null
    // An endpoint may close a connection that it has kept, at any time: that says nothing.
    const stale = call.reused && !call.sawBytes && (this.#order.idempotent || !call.sent)
    call.cancel()
    if (stale) this.#send(this.#order.calls.open())
    else this.#end(failureOf(code))
  }

  #end (failure: ShadowFailure | null): void {
    if (failure === null && this.answer !== null) this.answer.done = true
    this.#onEnd(failure)
  }
}

function failureOf (code: ProxyErrorCode): ShadowFailure {
  switch (code) {
    case 'upstream_connect_failed':
    case 'upstream_connect_timeout': return 'connect'
    // Weir's own want, which says nothing of the version.
    case 'connections_exhausted': return 'shed'
    case 'upstream_timeout': return 'timeout'
    case 'upstream_malformed': return 'malformed'
    default: return 'reset'
  }
}
