/**
 * What Weir answers itself, where a request goes no further by what its route or its client asks. Pure.
 */
import type { EntryRefusal } from '../actions/route-entry.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { HttpRequest } from '../http/http-request.ts'
import { movedAnswer, optionsAnswer, type OwnAnswer, redirectAnswer } from '../http/own-answer.ts'

export type AnswerHere =
  | { readonly kind: 'failure', readonly code: ProxyErrorCode, readonly fault: string, readonly retryAfterS?: number }
  | { readonly kind: 'answer', readonly answer: OwnAnswer }

/** It would be sent elsewhere, and nobody knows where. */
const HOMELESS: AnswerHere = { kind: 'failure', code: 'malformed_request', fault: 'there is no Host field' }

/** Its route does not serve the request. @param toHead it is a HEAD */
export function turnedAway (refusal: EntryRefusal, toHead: boolean): AnswerHere {
  switch (refusal.kind) {
    case 'denied': return { kind: 'failure', code: 'client_denied', fault: '' }
    case 'limited': return { kind: 'failure', code: 'rate_limited', fault: '', retryAfterS: refusal.retryAfterS }
    case 'homeless': return HOMELESS
    case 'redirected': return { kind: 'answer', answer: movedAnswer(refusal.status, refusal.location, toHead) }
  }
}

/**
 * RFC 9110 section 7.6.2: a request that may go no further is answered as its last recipient. All others are sent to https.
 * @param redirectPort of https
 */
export function answeredAtListener (request: HttpRequest, redirectPort: number | undefined): AnswerHere {
  if (request.maxForwards === 0) {
    return request.methodIs('OPTIONS')
      ? { kind: 'answer', answer: optionsAnswer() }
      : { kind: 'failure', code: 'method_not_supported', fault: 'TRACE' }
  }
  const answer = redirectPort === undefined ? undefined : redirectAnswer(request, redirectPort)
  return answer === undefined ? HOMELESS : { kind: 'answer', answer }
}
