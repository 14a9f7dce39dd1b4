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

export interface CollectorLayout {
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
