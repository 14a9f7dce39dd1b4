/**
 * A response whose head comes in pieces: its bytes so far, and a parser of its own that goes on where it stopped.
 */
import { LineCollector } from './line-collector.ts'
import { ResponseHead } from './response-head.ts'
import { RESPONSE_HEADROOM } from './response-additions.ts'
import { READ_TAILROOM } from './chunk-framing.ts'

export class PartialResponse {
  /** Once it is complete, it lies in this object's own bytes, with room around them as in a buffer that was read into. */
  readonly head: ResponseHead
  readonly #lines: LineCollector

  /**
   * Keeps what is there of a response; nothing of it is referred to afterwards.
   * @param begun a head that is not complete
   * @param end where the bytes end that have come of it
   */
  constructor (begun: ResponseHead, end: number) {
    const { limits, start, fields: { buf } } = begun
    this.#lines = new LineCollector({ headroom: RESPONSE_HEADROOM, tailroom: READ_TAILROOM, maxBytes: limits.maxHeadBytes })
    this.#lines.add(buf, start, end)
    this.head = new ResponseHead(limits)
    this.head.reset(this.#lines.buf, RESPONSE_HEADROOM)
  }

  /** Behind the last byte that has come: of the head, and once it is complete of what follows it. */
  get end (): number { return this.#lines.end }

  /** Bytes of memory that it takes. */
  get memoryBytes (): number { return this.#lines.memoryBytes }

  /**
   * Adds bytes, which are copied, and parses on.
   * @returns as ResponseHead.parseOn does
   */
  add (buf: Buffer, start: number, end: number): number {
    const { head } = this
    const lines = this.#lines
    if (!lines.add(buf, start, end)) return 0
    if (head.fields.buf !== lines.buf) head.rebase(lines.buf, RESPONSE_HEADROOM)
    return head.parseOn(lines.end)
  }

  /** Parses on in what is there. @returns as ResponseHead.parseOn does */
  parse (): number { return this.head.parseOn(this.#lines.end) }
}
