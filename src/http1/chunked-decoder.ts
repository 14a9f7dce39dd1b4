/**
 * The strict decoder of the chunked transfer coding (RFC 9112 section 7.1).
 *
 * It takes the framing out in place: the data of all chunks in the given bytes is moved together, so that it can go on as
 * one piece. Sizes are hexadecimal digits and nothing else; lines end in CR LF; extensions are checked and dropped; trailers
 * are kept apart. Every byte of the framing is looked at once, and the framing of a chunk is bounded.
 */
import { HEX_VALUE } from './char-table.ts'
import { EXTENSION_END, EXTENSION_INVALID, EXTENSION_START, nextExtensionState } from './chunk-extension.ts'
import { FAULT } from './parse-fault.ts'
import { TrailerSection } from './trailer-section.ts'

const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const SEMICOLON = 0x3b

/** 13 digits stay below 2^53. */
const MAX_SIZE_DIGITS = 13
/** Extension bytes of a whole body; nobody uses them, and without a bound they are a way to make work for nothing. */
const MAX_EXTENSION_BYTES = 16_384

const STATE = { sizeStart: 0, size: 1, extension: 2, sizeLf: 3, data: 4, dataCr: 5, dataLf: 6, trailers: 7, done: 8 } as const

export class ChunkedDecoder {
  /** How many of the given bytes the last decode() used up; less than given only when the body is done. */
  consumed = 0
  #state: number = STATE.sizeStart
  #remaining = 0
  #digits = 0
  #extension = EXTENSION_START
  #extensionBytes = 0
  #trailers: TrailerSection | null = null

  /** Is the whole body, trailers included, behind us? */
  get done (): boolean { return this.#state === STATE.done }

  /** The trailer lines to pass on, each with CR LF; undefined when there are none. */
  get trailers (): Buffer | undefined { return this.#trailers?.kept }

  reset (): void {
    this.consumed = 0
    this.#state = STATE.sizeStart
    this.#remaining = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.#trailers = null
  }

  /**
   * Decodes `buf[start, end)`: afterwards the data lies at `buf[start, start + n)`.
   * @returns n, or the negative number of a fault
   */
  decode (buf: Buffer, start: number, end: number): number {
    let pos = start
    let write = start
    while (pos < end && this.#state !== STATE.done) {
      if (this.#state === STATE.data) {
        const length = Math.min(this.#remaining, end - pos)
        if (write !== pos) buf.copyWithin(write, pos, pos + length)
        write += length
        pos += length
        this.#remaining -= length
        if (this.#remaining === 0) this.#state = STATE.dataCr
      } else if (this.#state === STATE.trailers) {
        const used = this.#takeTrailers(buf, pos, end)
        if (used < 0) return used
        pos += used
      } else {
        const fault = this.#framingByte(buf[pos] ?? 0)
        if (fault < 0) return fault
        pos++
      }
    }
    this.consumed = pos - start
    return write - start
  }

  #framingByte (byte: number): number {
    switch (this.#state) {
      case STATE.sizeStart:
      case STATE.size: return this.#sizeByte(byte)
      case STATE.extension:
        if (++this.#extensionBytes > MAX_EXTENSION_BYTES) return FAULT.chunk_extension_too_long
        this.#extension = nextExtensionState(this.#extension, byte)
        if (this.#extension === EXTENSION_END) this.#state = STATE.sizeLf
        return this.#extension === EXTENSION_INVALID ? FAULT.bad_chunk_extension : 0
      case STATE.sizeLf:
        if (byte !== LF) return FAULT.bad_chunk_extension
        this.#digits = 0
        this.#state = this.#remaining === 0 ? STATE.trailers : STATE.data
        return 0
      case STATE.dataCr:
        if (byte !== CR) return FAULT.bad_chunk_end
        this.#state = STATE.dataLf
        return 0
      default:
        if (byte !== LF) return FAULT.bad_chunk_end
        this.#state = STATE.sizeStart
        return 0
    }
  }

  #sizeByte (byte: number): number {
    const digit = HEX_VALUE[byte] ?? 255
    if (digit !== 255) {
      // Leading zeros are legal and are bounded too.
      if (++this.#digits > MAX_SIZE_DIGITS) return FAULT.bad_chunk_size
      this.#remaining = this.#remaining * 16 + digit
      this.#state = STATE.size
      return 0
    }
    if (this.#digits === 0) return FAULT.bad_chunk_size
    if (byte === CR) this.#state = STATE.sizeLf
    else if (byte === SEMICOLON) {
      this.#state = STATE.extension
      this.#extension = EXTENSION_START
    } else return byte === SP || byte === HTAB || byte === LF ? FAULT.bad_chunk_extension : FAULT.bad_chunk_size
    return 0
  }

  /** Takes bytes of the trailer section up to its empty line; returns how many, or a fault. */
  #takeTrailers (buf: Buffer, pos: number, end: number): number {
    if (this.#trailers === null) {
      if (buf[pos] === CR && pos + 1 < end) {
        if (buf[pos + 1] !== LF) return FAULT.bad_trailer
        this.#state = STATE.done
        return 2
      }
      this.#trailers = new TrailerSection()
    }
    const used = this.#trailers.add(buf, pos, end)
    if (this.#trailers.done) this.#state = STATE.done
    return used
  }
}
