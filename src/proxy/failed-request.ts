/**
 * The record of bytes that never became a request.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { ExchangeFacts } from './exchange-facts.ts'
import type { ExchangeRecord } from './exchange-record.ts'

/** For the counters and the access log: everything but the error is unknown. */
export function failedRequest (error: ProxyErrorCode, fault: string, facts: { readonly clientIp: string, readonly startMs: number }): ExchangeRecord {
  return {
    ...new ExchangeFacts(),
    ...facts,
    endpoint: '',
    status: proxyErrorRow(error).status,
    error,
    fault,
    requestHead: () => null
  }
}
