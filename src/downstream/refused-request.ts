/**
 * Bytes that never became a request: counted and logged without an exchange.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { ExchangeContext } from '../exchange/exchange-context.ts'
import { finish } from '../exchange/finish.ts'
import { RequestFacts } from '../exchange/request-facts.ts'
import { bodyBytesOf, failureAnswer } from '../http/own-answer.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseWriter } from '../http1/response-writer.ts'
import type { Forwarding } from './forwarding.ts'

/** What is known of the request. */
export interface RefusedRequest {
  readonly code: ProxyErrorCode
  readonly fault: string
  readonly head: RequestHead
  readonly forwarding: Forwarding
}

/** Counts and logs it, and returns the answer. In the log everything but the error, the client and the id is unknown. */
export function refuse (context: ExchangeContext, writer: ResponseWriter, { code, fault, head, forwarding }: RefusedRequest): Buffer {
  const facts = new RequestFacts()
  facts.begin(context.requestIds.next(), 'HTTP/1.1', 0, context.clock.nowMs())
  // Half a head may lack the line that names the client: then it is not known, and the peer is.
  if (head.whole) forwarding.identify(head, context.trustedProxies, facts)
  else forwarding.identifyPeer(facts)
  const answer = failureAnswer(code, fault, { accept: undefined, toHead: head.beginsAsHead })
  facts.fail(code, fault, proxyErrorRow(code).status)
  facts.bytesOut = bodyBytesOf(answer)
  writer.reset(1, answer.toHead)
  const bytes = writer.answerBytes(answer, context.responseFields.of(facts), false)
  finish(context, facts, NO_HEAD)
  return bytes
}

const NO_HEAD = { requestHead: () => null }
