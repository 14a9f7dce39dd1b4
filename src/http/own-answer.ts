/**
 * What Weir answers itself, as data: the client's side writes it as its version of HTTP wants it, with Date, the length and the connection.
 */
import { type ProxyErrorCode, proxyErrorRow } from '../core/proxy-error.ts'
import type { HttpRequest } from './http-request.ts'

/**
 * Content negotiation for Weir's own error bodies (RFC 9110 section 12.5.1): problem+json, or plain text for those who ask
 * for text.
 */
const MAX_RANGES = 32

/** Does an Accept value rate text above JSON? Without a preference JSON it is. */
export function prefersText (accept: string | undefined): boolean {
  if (accept === undefined) return false
  let text = 0
  let json = 0
  let any = 0
  for (const range of accept.split(',', MAX_RANGES)) {
    const [type = '', ...parameters] = range.split(';')
    const weight = quality(parameters)
    switch (type.trim().toLowerCase()) {
      case 'text/plain': case 'text/*': case 'text/html':
        text = Math.max(text, weight)
        break
      case 'application/problem+json': case 'application/json': case 'application/*':
        json = Math.max(json, weight)
        break
      case '*/*':
        any = Math.max(any, weight)
        break
      default:
    }
  }
  return text > Math.max(json, 0) && text >= any
}

function quality (parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const match = /^\s*q=([01](?:\.[0-9]{0,3})?)\s*$/i.exec(parameter)
    if (match !== null) return Number(match[1])
  }
  return 1
}

export interface OwnAnswer {
  readonly status: number
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
  /** It answers a HEAD: the fields are the same, the body is not sent. */
  readonly toHead: boolean
}

/** The bytes of its body that are sent. */
export function bodyBytesOf ({ body, toHead }: OwnAnswer): number {
  return toHead ? 0 : Buffer.byteLength(body)
}

/** What Allow says. Origins may allow more or less. */
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

const HTTPS_PORT = 443
/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER_S = '1'

/** What is known of a request that has failed. */
interface FailedRequest {
  /** The value of Accept. */
  readonly accept: string | undefined
  /** It is a HEAD. */
  readonly toHead: boolean
  /** Seconds after which it is worth another try; a standard for a 503. */
  readonly retryAfterS?: number
}

/**
 * A failure, as problem+json (RFC 9457) or as plain text if the client likes that better.
 * @param fault what exactly was wrong; told to the client only if its own message was
 */
export function failureAnswer (code: ProxyErrorCode, fault: string, { accept, toHead, retryAfterS }: FailedRequest): OwnAnswer {
  const { status, title, source } = proxyErrorRow(code)
  const detail = source === 'downstream' ? fault : ''
  const text = prefersText(accept)
  const retryAfter = retryAfterS === undefined ? status === 503 ? RETRY_AFTER_S : '' : `${retryAfterS}`
  const problem = { type: 'about:blank', title, status, code, ...(detail === '' ? {} : { detail }) }
  return {
    status,
    fields: [
      ['Content-Type', text ? 'text/plain; charset=utf-8' : 'application/problem+json'],
      ['Cache-Control', 'no-store'],
      ...(retryAfter === '' ? [] : [['Retry-After', retryAfter]] as const),
      ...(status === 405 ? [['Allow', ALLOWED_METHODS]] as const : [])
    ],
    body: text ? `${title}${detail === '' ? '' : `: ${detail}`} (${code})\n` : `${JSON.stringify(problem)}\n`,
    toHead
  }
}

/** To an OPTIONS that may go no further (RFC 9110 section 9.3.7). */
export function optionsAnswer (): OwnAnswer {
  return { status: 200, fields: [['Allow', ALLOWED_METHODS]], body: '', toHead: false }
}

/** Sends a client to another place. */
export function movedAnswer (status: number, location: string, toHead: boolean): OwnAnswer {
  return { status, fields: [['Location', location]], body: '', toHead }
}

/**
 * Sends a client to https: the same host and target (RFC 9110 section 15.4.9). Both have passed the parser, so nothing in them ends a line
 * or the URI.
 * @param port the one that clients are sent to
 * @returns undefined when the request, of HTTP/1.0, does not say which host it wants
 */
export function redirectAnswer (request: HttpRequest, port: number): OwnAnswer | undefined {
  const host = request.host()
  if (host === '') return undefined
  const location = `https://${host}${port === HTTPS_PORT ? '' : `:${port}`}${pathOf(request)}`
  return movedAnswer(308, location, request.methodIs('HEAD'))
}

function pathOf (request: HttpRequest): string {
  const resource = request.resource()
  if (resource === '*') return ''
  if (resource.startsWith('/')) return resource
  // RFC 9112 section 3.2.4: OPTIONS of a URI without path and query is what `OPTIONS *` asks, and has to stay it.
  return resource === '' && request.methodIs('OPTIONS') ? '' : `/${resource}`
}
