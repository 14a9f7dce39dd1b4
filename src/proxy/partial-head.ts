/**
 * A request head that comes in pieces: its bytes so far, and the parser that goes on where it stopped.
 */
import { RequestHead } from '../http1/request-head.ts'
import type { RequestLimits } from '../http1/request-head.ts'

const LF = 0x0a
const FIRST_BYTES = 512

export class PartialHead {
  readonly #limits: RequestLimits
  #bytes: Buffer
  #length = 0
  #head: RequestHead | null = null
  /** Without the end of a line, there is nothing to parse before the bytes are so many. */
  #parseAt: number

  constructor (limits: RequestLimits, buf: Buffer, start: number, end: number) {
    this.#limits = limits
    this.#parseAt = Math.min(limits.maxUriBytes, limits.maxHeadBytes)
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, (end - start) * 2))
    this.#append(buf, start, end)
  }

  /** The parser, complete or not; its bytes are this object's own. */
  get head (): RequestHead {
    this.#head ??= this.#newHead()
    return this.#head
  }

  /** Bytes that are there: the head's, and once it is complete what follows it. */
  get length (): number { return this.#length }

  /**
   * Adds bytes and parses on.
   * @returns as RequestHead.parse does
   */
  add (buf: Buffer, start: number, end: number): number {
    const before = this.#length
    this.#append(buf, start, end)
    // A head makes progress by whole lines: a sender of single bytes does not make us parse for each of them. A line that
    // does not end is looked at again whenever it may have reached a limit, or else when it has doubled.
    if (this.#length <= this.#parseAt && this.#bytes.subarray(before, this.#length).indexOf(LF) < 0) return 0
    this.#parseAt = Math.min(Math.max(this.#parseAt, this.#length * 2), this.#limits.maxHeadBytes)
    const head = this.head
    if (head.fields.buf !== this.#bytes) head.rebase(this.#bytes, head.start)
    return head.parse(this.#length)
  }

  #newHead (): RequestHead {
    const head = new RequestHead(this.#limits)
    head.reset(this.#bytes, 0)
    return head
  }

  #append (buf: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start
    if (this.#bytes.length < needed) {
      const larger = Buffer.allocUnsafeSlow(needed * 2)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    buf.copy(this.#bytes, this.#length, start, end)
    this.#length = needed
  }
}
