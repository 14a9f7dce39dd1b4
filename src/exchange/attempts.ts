/**
 * When a request may be sent again (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { HttpRequest } from '../http/http-request.ts'
import type { RetryPolicy, RetryReason } from '../contract/route-policy.ts'

/** What is known of an attempt that failed. */
export interface FailedAttempt {
  /** Why; null when the endpoint answered with `status`. */
  readonly code: ProxyErrorCode | null
  /** The status that the endpoint answered with; 0 without an answer. */
  readonly status: number
  readonly idempotent: boolean
  /** All that was sent is kept and can be sent again. */
  readonly replayable: boolean
  /** Something of the request was handed to the connection. */
  readonly sent: boolean
  /** The connection had served other requests before. */
  readonly reused: boolean
  /** Something of a response has been seen. */
  readonly sawBytes: boolean
}

/**
 * `always`: the endpoint has seen nothing of the request, or a connection that it had kept open lost one that may be repeated.
 * `policy`: the route wants another attempt, as far as its budget goes. `never`: it could do harm, or would not help.
 */
export type RepeatRule = 'always' | 'policy' | 'never'

export function repeatRule (failed: FailedAttempt, policy: Pick<RetryPolicy, 'on' | 'idempotentOnly'>): RepeatRule {
  const { code, idempotent, replayable, sent, reused, sawBytes } = failed
  const row = code === null ? null : proxyErrorRow(code)
  if (row !== null && row.source !== 'upstream') return 'never'
  if (!replayable) return 'never'
  if (!sent) return 'always'
  if (row?.retry === 'idempotent' && idempotent && reused && !sawBytes) return 'always'
  if (!idempotent && policy.idempotentOnly) return 'never'
  const reason = retryReason(code, failed.status)
  return reason !== undefined && policy.on.has(reason) ? 'policy' : 'never'
}

/** What a failure is called under `retries.on`; undefined for one that can't be listed. */
export function retryReason (code: ProxyErrorCode | null, status: number): RetryReason | undefined {
  if (code === null) return gatewayStatus(status)
  const row = proxyErrorRow(code)
  switch (row.retry) {
    case 'unsent': return 'connect'
    case 'idempotent': return 'reset'
    case 'listed': return gatewayStatus(row.status)
    case 'never': return undefined
  }
}

function gatewayStatus (status: number): RetryReason | undefined {
  return status === 502 || status === 503 || status === 504 ? status : undefined
}

/** RFC 9110 section 9.2.2; methods that are not registered are not taken for idempotent. */
export function isIdempotent (head: Pick<HttpRequest, 'methodIs'>): boolean {
  return head.methodIs('GET') || head.methodIs('HEAD') || head.methodIs('PUT') || head.methodIs('DELETE') ||
    head.methodIs('OPTIONS') || head.methodIs('TRACE')
}
