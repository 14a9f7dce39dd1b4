/**
 * What a client gets for a failure, in the form that it asked for.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { errorResponse } from './error-response.ts'
import { prefersText } from './prefers-text.ts'

/** The request that failed, as far as it is known. */
export interface FailureTerms {
  /** The value of Accept. */
  readonly accept: string | undefined
  /** The request is a HEAD. */
  readonly toHead: boolean
  /** The client's connection is kept. */
  readonly keep: boolean
  /** The client's minor version. */
  readonly minor: number
  readonly date: string
}

/** @param fault what exactly was wrong; told to the client only if the client's own message was */
export function failureAnswer (code: ProxyErrorCode, fault: string, terms: FailureTerms): Buffer {
  return errorResponse(code, {
    text: prefersText(terms.accept),
    toHead: terms.toHead,
    close: !terms.keep,
    keepAlive10: terms.minor === 0,
    date: terms.date,
    detail: proxyErrorRow(code).source === 'downstream' ? fault : ''
  })
}
