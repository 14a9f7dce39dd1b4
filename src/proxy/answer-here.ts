/**
 * Requests that Weir answers without asking anybody: as the last recipient, or with a redirect.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { optionsAnswer } from './options-answer.ts'
import { redirectAnswer } from './redirect-answer.ts'

/** The answer, or why there is only an error. */
export type HereAnswer = { readonly status: number, readonly bytes: Buffer } | { readonly code: ProxyErrorCode, readonly fault: string }

/**
 * RFC 9110 section 7.6.2: a request that may go no further is answered as its last recipient. All others are sent to https.
 * @param redirectPort the port under https; undefined where requests are served
 * @param keep the client's connection is kept
 */
export function answerHere (head: RequestHead, redirectPort: number | undefined, { keep, date }: { readonly keep: boolean, readonly date: string }): HereAnswer {
  if (head.maxForwards === 0) {
    if (!head.methodIs('OPTIONS')) return { code: 'method_not_supported', fault: 'TRACE' }
    return { status: 200, bytes: optionsAnswer(date, keep, head.minor) }
  }
  const bytes = redirectPort === undefined ? undefined : redirectAnswer(head, { port: redirectPort, keep, date })
  return bytes === undefined ? { code: 'malformed_request', fault: 'there is no Host field' } : { status: 308, bytes }
}
