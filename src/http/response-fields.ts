/**
 * The fields by which a client can say which request it means: X-Request-Id, and X-Weir-Version for who answered.
 */
import type { ResponseFieldPolicy } from '../contract/data-plane-options.ts'
import type { RequestIds } from './request-ids.ts'

export const REQUEST_ID_NAME = 'X-Request-Id'
export const VERSION_NAME = 'X-Weir-Version'

/** The request that is answered. */
export interface AnsweredRequest {
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
  readonly policy: ResponseFieldPolicy
  readonly #ids: RequestIds

  constructor (policy: ResponseFieldPolicy, ids: RequestIds) {
    this.policy = policy
    this.#ids = ids
  }

  /** What the response to this request gets; valid until the next call. What an origin says itself under these names is replaced. */
  of ({ requestId, requestNumber, version }: AnsweredRequest): this {
    const { policy } = this
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
