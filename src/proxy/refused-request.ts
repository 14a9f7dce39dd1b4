/**
 * Bytes that never became a request: counted, logged and answered without an exchange.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { DataPlane } from './data-plane.ts'
import { ExchangeFacts } from './exchange-facts.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { failureAnswer } from './failure-answer.ts'
import { finish } from './finish.ts'
import type { Forwarding } from './forwarding.ts'
import { bodyBytesOf } from './own-answer.ts'

/** What is known of the request. */
export interface RefusedRequest {
  readonly code: ProxyErrorCode
  readonly fault: string
  readonly head: RequestHead
  readonly forwarding: Forwarding
}

/** Counts and logs it, and returns the answer. In the log everything but the error, the client and the id is unknown. */
export function refuse (plane: DataPlane, { code, fault, head, forwarding }: RefusedRequest): Buffer {
  // Half a head may lack the line that names the client: then it is not known, and the peer is.
  if (head.whole) forwarding.identify(head, plane.trustedProxies)
  else forwarding.forget()
  const { clientIp, requestId } = forwarding
  const answer = failureAnswer(code, fault, { accept: undefined, toHead: head.beginsAsHead, keep: false, minor: 1, date: plane.date.now() })
  const record: ExchangeRecord = {
    ...new ExchangeFacts(),
    requestId,
    requestNumber: plane.requestIds.next(),
    clientIp,
    endpoint: '',
    startMs: plane.clock.nowMs(),
    status: proxyErrorRow(code).status,
    error: code,
    fault,
    bytesOut: bodyBytesOf(answer),
    requestHead: () => null
  }
  finish(plane, record)
  return plane.responseFields.addTo(answer, record)
}
