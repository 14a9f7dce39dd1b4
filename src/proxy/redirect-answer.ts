/**
 * Weir's own answer to a request on a listener that sends its clients to https (RFC 9110 section 15.4.9).
 */
import type { RequestHead } from '../http1/request-head.ts'

const HTTPS_PORT = 443

export interface RedirectOptions {
  /** The port that clients are sent to. */
  readonly port: number
  /** The connection is kept. */
  readonly keep: boolean
  readonly date: string
}

/**
 * The bytes of the answer: the same host and target under https. Host and target have passed the parser, so nothing in them
 * ends a line or the URI.
 * @returns undefined when the request, of HTTP/1.0, does not say which host it wants
 */
export function redirectAnswer (head: RequestHead, { port, keep, date }: RedirectOptions): Buffer | undefined {
  const host = head.host()
  if (host === '') return undefined
  const location = `https://${host}${port === HTTPS_PORT ? '' : `:${port}`}${pathAndQuery(head)}`
  const connection = keep ? (head.minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
  return Buffer.from(`HTTP/1.1 308 Permanent Redirect\r\nDate: ${date}\r\nLocation: ${location}\r\nContent-Length: 0\r\n${connection}\r\n`, 'latin1')
}

/** The target from its path on, as sent. */
function pathAndQuery (head: RequestHead): string {
  const target = head.target()
  if (target === '*') return ''
  const rest = target.slice(head.pathStart - head.targetStart)
  if (rest.startsWith('/')) return rest
  // RFC 9112 section 3.2.4: OPTIONS of a URI without path and query is what `OPTIONS *` asks, and has to stay it.
  return rest === '' && head.methodIs('OPTIONS') ? '' : `/${rest}`
}
