/**
 * The fields by which a client can say which request it means: X-Request-Id, and X-Weir-Version for who answered.
 */
import { FIELD } from '../http1/field-id.ts'
import { REQUEST_ID_NAME, VERSION_NAME } from '../http1/response-additions.ts'
import type { ResponseAdditions } from '../http1/response-additions.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { ownAnswer } from './own-answer.ts'
import type { RequestIds } from './request-ids.ts'

/** Which of the fields responses get. */
export interface ResponseFieldPolicy {
  readonly requestId: boolean
  readonly version: boolean
}

/** The request that is answered. */
export type AnsweredRequest = Pick<ExchangeRecord, 'requestId' | 'requestNumber' | 'version'>

const NO_LINE = new Uint8Array(0)
const VERSION_LOWER = VERSION_NAME.toLowerCase()

/** One object serves all requests of a worker, and is filled again for each. Hot. */
export class ResponseFields implements ResponseAdditions {
  text = ''
  line: Uint8Array = NO_LINE
  readonly #policy: ResponseFieldPolicy
  readonly #ids: RequestIds

  constructor (policy: ResponseFieldPolicy, ids: RequestIds) {
    this.#policy = policy
    this.#ids = ids
  }

  /**
   * What the response of an endpoint gets; valid until the next call. What the origin says itself in the fields that Weir writes is
   * dropped.
   */
  of (request: AnsweredRequest, head: ResponseHead): ResponseAdditions {
    if (head.hasOwnField) this.#drop(head)
    this.#fill(request)
    return this
  }

  /** An answer of Weir's own, with the fields in it. */
  addTo (answer: Buffer, request: AnsweredRequest): Buffer {
    this.#fill(request)
    return ownAnswer(answer, `${Buffer.from(this.line).toString('latin1')}${this.text}`)
  }

  #fill ({ requestId, requestNumber, version }: AnsweredRequest): void {
    const policy = this.#policy
    const own = policy.requestId && requestId === ''
    this.line = own ? this.#ids.line(requestNumber) : NO_LINE
    this.text = policy.requestId && !own ? `${REQUEST_ID_NAME}: ${requestId}\r\n` : ''
    if (policy.version && version !== null) this.text += `${VERSION_NAME}: ${version.name}\r\n`
  }

  #drop ({ fields }: ResponseHead): void {
    const { requestId, version } = this.#policy
    for (let line = 0; line < fields.count; line++) {
      const id = fields.ids[line]
      if ((requestId && id === FIELD.xRequestId) || (version && id === FIELD.reserved && fields.nameIs(line, VERSION_LOWER))) fields.dropLate(line)
    }
  }
}
