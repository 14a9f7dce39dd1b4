/**
 * The one place that turns a failure into a response: problem+json (RFC 9457) or plain text, with the error's code in it.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { ALLOWED_METHODS } from './options-answer.ts'
import { STATUS_CODES } from './status-text.ts'

export interface ErrorResponseOptions {
  readonly text: boolean
  /** The request was a HEAD: no body follows. */
  readonly toHead: boolean
  readonly close: boolean
  /** The client speaks HTTP/1.0 and its connection is kept. */
  readonly keepAlive10: boolean
  readonly date: string
  /** What exactly was wrong with the client's message; empty when the fault is not the client's. */
  readonly detail: string
}

/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER_S = 1

/** The bytes of the response to a failure. */
export function errorResponse (code: ProxyErrorCode, options: ErrorResponseOptions): Buffer {
  const row = proxyErrorRow(code)
  const body = options.text ? textBody(code, row.title, options.detail) : problemBody(code, options.detail)
  const head = [
    `HTTP/1.1 ${row.status} ${STATUS_CODES[row.status] ?? 'Error'}`,
    `Date: ${options.date}`,
    `Content-Type: ${options.text ? 'text/plain; charset=utf-8' : 'application/problem+json'}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store'
  ]
  if (row.status === 503) head.push(`Retry-After: ${RETRY_AFTER_S}`)
  if (row.status === 405) head.push(`Allow: ${ALLOWED_METHODS}`)
  if (options.close) head.push('Connection: close')
  else if (options.keepAlive10) head.push('Connection: keep-alive')
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${options.toHead ? '' : body}`, 'latin1')
}

function textBody (code: ProxyErrorCode, title: string, detail: string): string {
  return `${title}${detail === '' ? '' : `: ${detail}`} (${code})\n`
}

function problemBody (code: ProxyErrorCode, detail: string): string {
  const { status, title } = proxyErrorRow(code)
  return `${JSON.stringify({ type: 'about:blank', title, status, code, ...(detail === '' ? {} : { detail }) })}\n`
}
