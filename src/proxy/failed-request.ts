/**
 * The record of bytes that never became a request.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { ExchangeRecord } from './exchange-record.ts'

/** For the counters and the access log: everything but the error is unknown. */
export function failedRequest (error: ProxyErrorCode, fault: string, facts: { readonly clientIp: string, readonly startMs: number }): ExchangeRecord {
  return {
    route: null,
    version: null,
    endpoint: '',
    stickyKind: 'random',
    clientIp: facts.clientIp,
    minor: 1,
    status: proxyErrorRow(error).status,
    error,
    fault,
    bytesIn: 0,
    bytesOut: 0,
    startMs: facts.startMs,
    connectMs: -1,
    firstByteMs: -1,
    attempts: 0,
    reused: false,
    retried: '',
    failedOverFrom: '',
    requestHead: () => null
  }
}
