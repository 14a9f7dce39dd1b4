/**
 * What can go wrong between Weir and the Kubernetes API. Every one of them is worth another try: the API server that
 * says 401, 403 or 404 while it starts is the same one that says 200 a second later.
 */
import { errorText } from '../core/error-text.ts'

/**
 * - `credentials`: no usable credentials, or the credential plugin failed
 * - `network`: no connection, or it broke in mid-answer
 * - `timeout`: no answer in time
 * - `silent`: a watch gave neither an event nor a bookmark for too long
 * - `status`: the server refused with an HTTP status
 * - `gone`: 410, the resourceVersion or continue token is too old
 * - `malformed`: the answer is not what the API promises
 * - `too-large`: a line, a page or a collection beyond the bounds of Weir's memory
 */
export type KubeErrorKind = 'credentials' | 'network' | 'timeout' | 'silent' | 'status' | 'gone' | 'malformed' | 'too-large'

/** What is known of a failure beside its message. */
export interface KubeErrorDetail {
  readonly status?: number | undefined
  /** The server's wish, from Retry-After. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

export class KubeError extends Error {
  readonly kind: KubeErrorKind
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor (kind: KubeErrorKind, message: string, detail: KubeErrorDetail = {}) {
    super(message, { cause: detail.cause })
    this.name = 'KubeError'
    this.kind = kind
    this.status = detail.status
    this.retryAfterMs = detail.retryAfterMs
  }

  /** Any thrown thing as a KubeError; what has no kind of its own is taken for a network failure. */
  static from (thrown: unknown): KubeError {
    if (thrown instanceof KubeError) return thrown
    const message = thrown instanceof Error ? describe(thrown) : errorText(thrown)
    return new KubeError('network', message, { cause: thrown })
  }
}

function describe (error: Error): string {
  // Node's words for a connection that ends too soon do not say whose end it was.
  if (error.message === 'aborted') return 'the connection was closed in mid-answer, by the API server or something before it'
  if (error.message === 'socket hang up') return 'the connection was closed without an answer, by the API server or something before it'
  const text = errorText(error)
  return text === '' ? error.name : text
}
