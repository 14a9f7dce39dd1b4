/**
 * Heads and trailer sections that come in pieces: collected in one buffer, and parsed on when a line has ended or the bytes have doubled.
 */
import { RequestHead, type RequestLimits } from './request-head.ts'
import { ResponseHead } from './response-head.ts'
import { RESPONSE_HEADROOM } from './rewrite-response-head.ts'
import { READ_TAILROOM } from './chunk-framing.ts'

/**
 * The bytes of a section of lines (a head, trailers) that comes in pieces, kept in one buffer that grows, and the word when
 * a parser should look at them. It makes progress by whole lines, so it is asked when the end of one has come; a line that
 * does not end is looked at again when the bytes have doubled, and when they are more than allowed of a first line, or at all. So all looks
 * together cost time in proportion to the bytes, however small the pieces, if each starts where the last whole line ended.
 */
const LF = 0x0a
const NOTHING = Buffer.alloc(0)
const FIRST_BYTES = 512
/** What begins with so much is what came behind something else: little is added to it. */
const MUCH_BYTES = 16_384

interface CollectorLayout {
  /** Room that is left free before the first byte. */
  readonly headroom: number
  /** Room that is left free behind the last byte. */
  readonly tailroom: number
  /** How many bytes the section may have. Beyond them every piece is worth a look, in which the parser has to refuse. */
  readonly maxBytes: number
  /** How many bytes the section may have in a first line that has not ended, when that is less. */
  readonly maxFirstLineBytes?: number
}

export class LineCollector {
  /** The bytes are at `buf[layout.headroom, end)`. An add() may move them to another buffer. */
  buf = NOTHING
  end: number
  readonly #layout: CollectorLayout
  /** Without the end of a line, nothing is worth a look before the bytes are so many. */
  #lookAt = 0

  constructor (layout: CollectorLayout) {
    this.#layout = layout
    this.end = layout.headroom
  }

  /** Bytes of memory that it takes. */
  get memoryBytes (): number { return this.buf.length }

  /**
   * Adds a copy of `piece[start, end)`.
   * @returns should a parser look at the bytes now?
   */
  add (piece: Buffer, start: number, end: number): boolean {
    const { headroom, tailroom, maxBytes, maxFirstLineBytes = maxBytes } = this.#layout
    const before = this.end
    const length = before - headroom + end - start
    if (this.buf.length < headroom + length + tailroom) {
      const room = before === headroom && length >= MUCH_BYTES ? length : length * 2
      const larger = Buffer.allocUnsafeSlow(headroom + Math.max(room, FIRST_BYTES) + tailroom)
      if (before > headroom) this.buf.copy(larger, headroom, headroom, before)
      this.buf = larger
    }
    piece.copy(this.buf, before, start, end)
    this.end = headroom + length
    if (length < this.#lookAt && this.buf.subarray(before, this.end).indexOf(LF) < 0) return false
    this.#lookAt = Math.min(length * 2, (length > maxFirstLineBytes ? maxBytes : maxFirstLineBytes) + 1)
    return true
  }
}

/**
 * A request head that comes in pieces: its bytes so far, and the parser that goes on where it stopped.
 */

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

/**
 * A response whose head comes in pieces: its bytes so far, and a parser of its own that goes on where it stopped.
 */

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
