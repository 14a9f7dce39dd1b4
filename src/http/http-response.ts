/**
 * A response as an exchange passes it on, and what Weir adds to its head: Date, and the fields by which a client can quote it.
 */
import type { Clock } from '../core/clock.ts'
import type { ResponseFieldPolicy } from '../contract/data-plane-options.ts'
import type { FieldEdits } from './field-edits.ts'
import type { RequestIds } from './request-ids.ts'

/**
 * The head of a response as an exchange gets it from an endpoint, in whatever version of HTTP. It is valid during the call that brings it.
 */
export interface HttpResponse {
  readonly status: number
  /** The bytes of the body, as the head tells; -1 when it does not. */
  readonly length: number
  /** The fields that go on from end to end, without framing. */
  eachField (visit: (name: string, value: string) => void): void
}

/** The reason phrases of the statuses that Weir itself answers with (RFC 9110 section 15). */
export const STATUS_CODES: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  508: 'Loop Detected'
}

/**
 * The current time as an HTTP date (RFC 9110 section 5.6.7), made once a second.
 */

export class HttpDate {
  readonly #clock: Clock
  #second = -1
  #text = ''

  constructor (clock: Clock) {
    this.#clock = clock
  }

  now (): string {
    const second = Math.floor(this.#clock.wallMs() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#text = utcText(second * 1000)
    }
    return this.#text
  }
}

function utcText (wallMs: number): string {
  return new Date(wallMs).toUTCString()
}

/**
 * The fields by which a client can say which request it means: X-Request-Id, and X-Weir-Version for who answered.
 */

export const REQUEST_ID_NAME = 'X-Request-Id'
export const VERSION_NAME = 'X-Weir-Version'

/** The request that is answered. */
interface AnsweredRequest {
  /** The id that a trusted proxy has given it; empty when it is Weir's own, by `requestNumber`. */
  readonly requestId: string
  readonly requestNumber: number
  readonly version: { readonly name: string } | null
}

const NO_LINE = Buffer.alloc(0)

/** One object serves all requests of a worker, and is filled again for each. Hot. */
export class ResponseFields {
  /** Whole lines, each with its CR LF. */
  text = ''
  /** One more, as bytes: what almost every response gets is not made a string of. Empty when there is none. */
  line: Buffer = NO_LINE
  /** What route and version change in an endpoint's response; null for nothing. */
  edits: FieldEdits | null = null
  readonly policy: ResponseFieldPolicy
  readonly #ids: RequestIds

  constructor (policy: ResponseFieldPolicy, ids: RequestIds) {
    this.policy = policy
    this.#ids = ids
  }

  /**
   * What the response to this request gets; valid until the next call. What an origin says itself under these names is replaced.
   * @param edits what is changed besides
   */
  of ({ requestId, requestNumber, version }: AnsweredRequest, edits: FieldEdits | null = null): this {
    const { policy } = this
    this.edits = edits
    const own = policy.requestId && requestId === ''
    this.line = own ? this.#ids.line(requestNumber) : NO_LINE
    this.text = policy.requestId && !own ? `${REQUEST_ID_NAME}: ${requestId}\r\n` : ''
    if (policy.version && version !== null) this.text += `${VERSION_NAME}: ${version.name}\r\n`
    return this
  }

  /** Is a field of this name one of those that are written here? @param lowerName in lower case */
  replaces (lowerName: string): boolean {
    return (this.policy.requestId && lowerName === 'x-request-id') || (this.policy.version && lowerName === 'x-weir-version')
  }
}
