/**
 * When a request may be sent again (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1): what was not sent always may; what a
 * kept-alive connection lost may, if the method is idempotent, nothing of a response was seen and all of the request is at hand.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'

/** Attempts made for one request, the first included. */
export const MAX_ATTEMPTS = 3

/** What is known of an attempt that failed. */
export interface FailedAttempt {
  readonly code: ProxyErrorCode
  /** Attempts made so far. */
  readonly attempts: number
  readonly idempotent: boolean
  /** The whole request is kept and can be sent as it was. */
  readonly whole: boolean
  /** The connection had served other requests before. */
  readonly reused: boolean
  /** Something of a response has been seen. */
  readonly sawBytes: boolean
}

export function mayRepeat (failed: FailedAttempt): boolean {
  if (failed.attempts >= MAX_ATTEMPTS) return false
  switch (proxyErrorRow(failed.code).retry) {
    case 'never': return false
    case 'unsent': return true
    case 'idempotent': return failed.idempotent && failed.whole && failed.reused && !failed.sawBytes
  }
}

/** RFC 9110 section 9.2.2; methods that are not registered are not taken for idempotent. */
export function isIdempotent (head: RequestHead): boolean {
  return head.methodIs('GET') || head.methodIs('HEAD') || head.methodIs('PUT') || head.methodIs('DELETE') ||
    head.methodIs('OPTIONS') || head.methodIs('TRACE')
}
