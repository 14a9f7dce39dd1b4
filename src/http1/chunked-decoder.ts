/**
 * The strict decoder of the chunked transfer coding (RFC 9112 section 7.1).
 *
 * It takes the framing out in place: the data of all chunks in the given bytes is moved together, so that it can go on as
 * one piece. Sizes are hexadecimal digits and nothing else (some servers pad them with spaces); lines end in CR LF; extensions
 * are checked and dropped; trailers are kept apart. Every byte of the framing is looked at once, and the framing of a chunk is bounded.
 */
import { foldedName } from '../core/folded-name.ts'
import { HEX_VALUE, isWhiteSpace, TOKEN_CHAR, VALUE_CHAR } from './char-table.ts'
import { FAULT } from './parse-fault.ts'
import { FIELD } from './field-id.ts'
import { FieldLines, LINE_INCOMPLETE, SECTION_END } from './field-lines.ts'
import { LineCollector } from './line-collector.ts'

/**
 * The syntax of chunk extensions (RFC 9112 section 7.1.1), one byte after the other: `*( ";" name [ "=" ( token / quoted-string ) ] )`.
 *
 * Nobody acts on them and they are not passed on, but two readers have to see the same end of the line. White space is taken
 * around `;` and `=`, as section 7.1.1 asks (BWS, RFC 9110 section 5.6.3).
 */

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

const EXTENSION = { beforeName: 0, name: 1, afterName: 2, beforeValue: 3, token: 4, quoted: 5, escaped: 6, afterValue: 7 } as const

/** The state right behind a semicolon. */
const EXTENSION_START: number = EXTENSION.beforeName
/** The CR that ends the line of the chunk size. */
const EXTENSION_END = -1
/** A byte that no chunk extension has here. */
const EXTENSION_INVALID = -2

/** @returns the next state, EXTENSION_END or EXTENSION_INVALID */
function nextExtensionState (state: number, byte: number): number {
  switch (state) {
    case EXTENSION.quoted:
      if (byte === QUOTE) return EXTENSION.afterValue
      if (byte === BACKSLASH) return EXTENSION.escaped
      return VALUE_CHAR[byte] === 1 ? EXTENSION.quoted : EXTENSION_INVALID
    case EXTENSION.escaped: return VALUE_CHAR[byte] === 1 ? EXTENSION.quoted : EXTENSION_INVALID
    case EXTENSION.beforeName:
      if (isWhiteSpace(byte)) return EXTENSION.beforeName
      return TOKEN_CHAR[byte] === 1 ? EXTENSION.name : EXTENSION_INVALID
    case EXTENSION.beforeValue:
      if (isWhiteSpace(byte)) return EXTENSION.beforeValue
      if (byte === QUOTE) return EXTENSION.quoted
      return TOKEN_CHAR[byte] === 1 ? EXTENSION.token : EXTENSION_INVALID
    case EXTENSION.name:
      if (TOKEN_CHAR[byte] === 1) return EXTENSION.name
      return afterWord(byte, EXTENSION.afterName)
    case EXTENSION.token:
      if (TOKEN_CHAR[byte] === 1) return EXTENSION.token
      return afterWord(byte, EXTENSION.afterValue)
    default: return afterWord(byte, state)
  }
}

/** A name or a value is complete; `state` says which. Only a name may be followed by an equals sign. */
function afterWord (byte: number, state: number): number {
  if (byte === SEMICOLON) return EXTENSION.beforeName
  if (byte === CR) return EXTENSION_END
  if (byte === EQUALS && state === EXTENSION.afterName) return EXTENSION.beforeValue
  return isWhiteSpace(byte) ? state : EXTENSION_INVALID
}

/**
 * The trailer section of a chunked body (RFC 9112 section 7.1.2), which may come in pieces: checked as fields are, and kept
 * apart from the body, without those that would matter to framing, routing or identity.
 */

const MAX_TRAILER_BYTES = 16_384
const MAX_TRAILER_FIELDS = 64

export class TrailerSection {
  /** Has its empty line come? */
  done = false
  /** Once it is done: the lines to pass on, each with CR LF; undefined when there are none. */
  kept: Buffer | undefined
  readonly #lines = new LineCollector({ headroom: 0, tailroom: 0, maxBytes: MAX_TRAILER_BYTES })
  readonly #fields = new FieldLines(MAX_TRAILER_FIELDS)

  /**
   * Takes `buf[start, end)`, up to the end of the section.
   * @returns how many of the bytes are the section's, or the negative number of a fault
   */
  add (buf: Buffer, start: number, end: number): number {
    const lines = this.#lines
    const fields = this.#fields
    const before = lines.end
    // One byte too many is enough to refuse them; what follows the section is not copied.
    const isNews = lines.add(buf, start, Math.min(end, start + MAX_TRAILER_BYTES + 1 - before))
    if (!isNews) return end - start
    if (fields.buf !== lines.buf) fields.rebase(lines.buf, 0)
    for (;;) {
      const outcome = fields.parseLine(lines.end)
      if (outcome === SECTION_END) break
      if (outcome < 0) return outcome === FAULT.too_many_fields ? FAULT.trailers_too_large : FAULT.bad_trailer
      if (outcome === LINE_INCOMPLETE) return lines.end > MAX_TRAILER_BYTES ? FAULT.trailers_too_large : end - start
    }
    if (fields.next > MAX_TRAILER_BYTES) return FAULT.trailers_too_large
    this.done = true
    this.kept = keepTrailers(fields)
    return fields.next - before
  }
}

/**
 * RFC 9110 section 6.5.1: what frames, routes, authenticates, steers or makes conditional is not allowed in trailers and is
 * left out; the fields of FIELD too. Names as origins fold them.
 */
const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  'age', 'authorization', 'cache-control', 'content-encoding', 'content-location', 'content-range', 'content-type', 'cookie',
  'expires', 'forwarded', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'location', 'pragma',
  'proxy-authenticate', 'proxy-authorization', 'range', 'retry-after', 'set-cookie', 'vary', 'via', 'www-authenticate'
])

function keepTrailers (lines: FieldLines): Buffer | undefined {
  const kept: Buffer[] = []
  for (let line = 0; line < lines.count; line++) {
    const name = foldedName(lines.name(line))
    if (lines.ids[line] !== FIELD.other || FORBIDDEN_TRAILERS.has(name)) continue
    kept.push(lines.buf.subarray(lines.nameStart(line), lines.lineEnd(line)))
  }
  return kept.length === 0 ? undefined : Buffer.concat(kept)
}

/** 13 digits stay below 2^53. */
const MAX_SIZE_DIGITS = 13
/** Extension bytes of a whole body; nobody uses them, and without a bound they are a way to make work for nothing. */
const MAX_EXTENSION_BYTES = 16_384

const STATE = { sizeStart: 0, size: 1, extension: 2, sizeLf: 3, data: 4, dataCr: 5, dataLf: 6, trailers: 7, done: 8, afterSize: 9 } as const

export class ChunkedDecoder {
  /** How many of the given bytes the last decode() used up; less than given only when the body is done. */
  consumed = 0
  readonly #takesPadding: boolean
  #state: number = STATE.sizeStart
  #remaining = 0
  #digits = 0
  #extension = EXTENSION_START
  #extensionBytes = 0
  #trailers: TrailerSection | null = null

  /** @param takesPadding white space between a size and the end of its line is no fault */
  constructor (takesPadding = false) {
    this.#takesPadding = takesPadding
  }

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
      case STATE.afterSize: return this.#spaceByte(byte)
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
    } else if (isWhiteSpace(byte)) {
      this.#state = STATE.afterSize
      return this.#spaceByte(byte)
    } else return byte === LF ? FAULT.bad_chunk_extension : FAULT.bad_chunk_size
    return 0
  }

  /** White space behind a size belongs to the extension that follows; there may be none where padding is taken. */
  #spaceByte (byte: number): number {
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) return FAULT.chunk_extension_too_long
    if (isWhiteSpace(byte)) return 0
    if (byte === SEMICOLON) {
      this.#state = STATE.extension
      this.#extension = EXTENSION_START
      return 0
    }
    if (byte !== CR || !this.#takesPadding) return FAULT.bad_chunk_extension
    this.#state = STATE.sizeLf
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
