import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { RequestTerms, ResponseSink } from '../upstream/response-sink.ts'
import { isIdempotent } from './attempts.ts'
import type { ExchangeFacts } from './exchange-facts.ts'

/** What the exchange is told about its request. */
export interface DispatchEvents {
  /** All that was sent so far is kept in `out` and can be sent again. */
  readonly replayable: boolean
  /** There is no endpoint for now: the request waits, for so long at most. */
  held (timeoutMs: number): void
  /** The request goes to another connection, in whose `out` it lies. */
  redirected (): void
  /** The request, which waited, has failed. */
  giveUp (code: ProxyErrorCode, fault: string): void
}

/** The exchange whose request it is. */
export type DispatchOwner = ExchangeFacts & ResponseSink & DispatchEvents

/** What stays the same over all attempts of a request. */
export class DispatchTerms implements RequestTerms {
  keyHash = 0
  idempotent = false
  toHead = false
  offered = ''
  logsIn = false

  /** Another request begins. */
  begin (head: RequestHead): void {
    this.toHead = head.methodIs('HEAD')
    // A step of a login is not repeated, so it is not sent to a connection that is known to be closed.
    this.idempotent = isIdempotent(head) && !head.logsIn
    this.offered = ''
    this.logsIn = head.logsIn
  }
}
