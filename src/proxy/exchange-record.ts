/**
 * What is known of an exchange when it is over: what the counters and the access log are written from.
 */
import type { RequestHead } from '../http1/request-head.ts'
import type { ExchangeFacts } from './exchange-facts.ts'

export interface ExchangeRecord extends Readonly<Omit<ExchangeFacts, 'active' | 'noteFailedAttempt'>> {
  /** The key of the endpoint that was tried last; empty when there was none. */
  readonly endpoint: string
  readonly clientIp: string
  /** The id that a trusted proxy has given the request; empty when it is Weir's own, by `requestNumber`. */
  readonly requestId: string
  /** The request's head, parsed again from what was sent; null when it was never complete. Costs: for the access log and errors only. */
  requestHead (): RequestHead | null
}
