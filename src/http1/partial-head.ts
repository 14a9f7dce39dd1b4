/**
 * A request head that comes in pieces: its bytes so far, and the parser that goes on where it stopped.
 */
import { LineCollector } from './line-collector.ts'
import { RequestHead } from './request-head.ts'
import type { RequestLimits } from './request-head.ts'

/** The longest method and the space behind it. */
const METHOD_BYTES = 33

export class PartialHead {
  readonly #limits: RequestLimits
  readonly #lines: LineCollector
  #head: RequestHead | null = null

  constructor (limits: RequestLimits, buf: Buffer, start: number, end: number) {
    this.#limits = limits
    this.#lines = new LineCollector({
      headroom: 0, tailroom: 0, maxBytes: limits.maxHeadBytes, maxFirstLineBytes: limits.maxUriBytes + METHOD_BYTES
    })
    this.#lines.add(buf, start, end)
  }

  /** The parser, complete or not; its bytes are this object's own. */
  get head (): RequestHead {
    this.#head ??= this.#newHead()
    return this.#head
  }

  /** Bytes that are there: the head's, and once it is complete what follows it. */
  get length (): number { return this.#lines.end }

  /** Bytes of memory that it takes. */
  get memoryBytes (): number { return this.#lines.memoryBytes }

  /**
   * Adds bytes and parses on.
   * @returns as RequestHead.parse does
   */
  add (buf: Buffer, start: number, end: number): number {
    const lines = this.#lines
    if (!lines.add(buf, start, end)) return 0
    const { head } = this
    if (head.fields.buf !== lines.buf) head.rebase(lines.buf, head.start)
    return head.parse(lines.end)
  }

  #newHead (): RequestHead {
    const head = new RequestHead(this.#limits)
    head.reset(this.#lines.buf, 0)
    return head
  }
}
