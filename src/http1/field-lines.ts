/**
 * The field lines of a message head or trailer section: where each name and value lies, and which lines must not be passed on.
 *
 * Offsets are kept in one flat array, five numbers a line, so that a reused object allocates nothing. The arrays begin small
 * and grow, so that heads that come slowly cost by what has come of them. Hot.
 */
import { FOLDED, LOWER, TOKEN_CHAR, VALUE_CHAR } from './char-table.ts'
import { FIELD, fieldId } from './field-id.ts'
import { FAULT } from './parse-fault.ts'

/**
 * How several lines of one field are read as one value (RFC 9110 section 5.3).
 */

/** Fields of requests that are no lists. Of several lines the first counts, as for most origins. */
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-request-method', 'authorization', 'content-length', 'content-location', 'content-range', 'content-type', 'date', 'dnt',
  'from', 'host', 'if-modified-since', 'if-range', 'if-unmodified-since', 'last-modified', 'max-forwards', 'origin', 'proxy-authorization',
  'range', 'referer', 'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user', 'sec-gpc', 'sec-websocket-key',
  'upgrade-insecure-requests', 'user-agent', 'x-real-ip', 'x-request-id'
])

/**
 * What stands between the values of two lines of a field. The lines of Cookie, one for each cookie as fronts that speak HTTP/2 send them,
 * are joined as RFC 9113 section 8.2.3 says. A field that nobody has defined here is taken for a list.
 * @returns undefined when the field is no list: its first line is its value
 */
export function lineSeparator (lowerName: string): string | undefined {
  if (lowerName === 'cookie') return '; '
  return SINGLE.has(lowerName) ? undefined : ', '
}

const STRIDE = 5
/** Lines that there is room for at first. */
const FIRST_LINES = 16
const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const COMMA = 0x2c
const COLON = 0x3a

/** Nominating more fields than this is not done by anyone honest; it bounds the work. */
const MAX_NOMINATIONS = 64

/** What parseLine returns when the bytes end before the line does. */
export const LINE_INCOMPLETE = 0
/** What parseLine returns for the empty line that ends the section. */
export const SECTION_END = 1
/** What parseLine returns for a field line. */
export const LINE_PARSED = 2

export class FieldLines {
  buf: Buffer
  /** Lines recorded. */
  count = 0
  /** Where the next line starts. */
  next = 0
  /** Numbers of the lines that are not passed on, in order. */
  dropped: Int32Array
  droppedCount = 0
  /** The number of each line's field; see FIELD. */
  ids: Uint8Array
  #offsets: Int32Array
  readonly #maxLines: number

  constructor (maxLines: number) {
    this.buf = Buffer.alloc(0)
    this.#maxLines = maxLines
    const room = Math.min(FIRST_LINES, maxLines)
    this.#offsets = new Int32Array(room * STRIDE)
    this.ids = new Uint8Array(room)
    this.dropped = new Int32Array(room)
  }

  /** Makes room for more lines; false when there are as many as there may be. */
  #grow (): boolean {
    const room = Math.min(this.ids.length * 2, this.#maxLines)
    if (room === this.ids.length) return false
    const { ids, dropped } = this
    const offsets = this.#offsets
    this.#offsets = new Int32Array(room * STRIDE)
    this.#offsets.set(offsets)
    this.ids = new Uint8Array(room)
    this.ids.set(ids)
    this.dropped = new Int32Array(room)
    this.dropped.set(dropped)
    return true
  }

  /** Forgets all lines; the next one starts at `start` of `buf`. */
  reset (buf: Buffer, start: number): void {
    this.buf = buf
    this.count = 0
    this.droppedCount = 0
    this.next = start
  }

  /** The same bytes now lie in `buf`, moved by `delta`. */
  rebase (buf: Buffer, delta: number): void {
    this.buf = buf
    this.next += delta
    const end = this.count * STRIDE
    for (let index = 0; index < end; index++) this.#offsets[index] = (this.#offsets[index] ?? 0) + delta
  }

  /**
   * Reads the line at `next`. On LINE_PARSED the line's number is `count - 1` and `next` is behind it; on SECTION_END
   * `next` is behind the empty line; on LINE_INCOMPLETE nothing changes.
   * @returns one of the three, or the negative number of a fault
   */
  parseLine (end: number): number {
    const buf = this.buf
    const start = this.next
    if (start >= end) return LINE_INCOMPLETE
    let pos = start
    let byte = buf[pos] ?? 0
    if (byte === CR) {
      if (pos + 1 >= end) return LINE_INCOMPLETE
      if (buf[pos + 1] !== LF) return FAULT.bad_line_end
      this.next = pos + 2
      return SECTION_END
    }
    while (TOKEN_CHAR[byte] === 1) {
      if (++pos >= end) return LINE_INCOMPLETE
      byte = buf[pos] ?? 0
    }
    if (byte !== COLON || pos === start) return nameFault(buf[start] ?? 0, byte)
    const nameEnd = pos
    do {
      if (++pos >= end) return LINE_INCOMPLETE
      byte = buf[pos] ?? 0
    } while (byte === SP || byte === HTAB)
    const valueStart = pos
    while (VALUE_CHAR[byte] === 1) {
      if (++pos >= end) return LINE_INCOMPLETE
      byte = buf[pos] ?? 0
    }
    if (byte !== CR) return byte === LF ? FAULT.bad_line_end : FAULT.bad_field_value
    if (pos + 1 >= end) return LINE_INCOMPLETE
    if (buf[pos + 1] !== LF) return FAULT.bad_line_end
    return this.#record(start, nameEnd, valueStart, pos)
  }

  #record (start: number, nameEnd: number, valueStart: number, lineCr: number): number {
    const line = this.count
    if (line >= this.ids.length && !this.#grow()) return FAULT.too_many_fields
    const buf = this.buf
    let valueEnd = lineCr
    while (valueEnd > valueStart) {
      const byte = buf[valueEnd - 1]
      if (byte !== SP && byte !== HTAB) break
      valueEnd--
    }
    const at = line * STRIDE
    const offsets = this.#offsets
    offsets[at] = start
    offsets[at + 1] = nameEnd
    offsets[at + 2] = valueStart
    offsets[at + 3] = valueEnd
    offsets[at + 4] = lineCr + 2
    this.ids[line] = fieldId(buf, start, nameEnd)
    this.count = line + 1
    this.next = lineCr + 2
    return LINE_PARSED
  }

  nameStart (line: number): number { return this.#offsets[line * STRIDE] ?? 0 }
  nameEnd (line: number): number { return this.#offsets[line * STRIDE + 1] ?? 0 }
  valueStart (line: number): number { return this.#offsets[line * STRIDE + 2] ?? 0 }
  valueEnd (line: number): number { return this.#offsets[line * STRIDE + 3] ?? 0 }
  /** Where the line after this one starts. */
  lineEnd (line: number): number { return this.#offsets[line * STRIDE + 4] ?? 0 }

  /** Name and value of a line as Latin-1 text. */
  name (line: number): string {
    return this.buf.toString('latin1', this.nameStart(line), this.nameEnd(line))
  }

  value (line: number): string {
    return this.buf.toString('latin1', this.valueStart(line), this.valueEnd(line))
  }

  /** Marks the line that was read last, or any later one than those marked so far, as not to be passed on. */
  drop (line: number): void {
    this.dropped[this.droppedCount++] = line
  }

  /** Marks any line as not to be passed on. */
  dropLate (line: number): void {
    if (this.isDropped(line)) return
    this.drop(line)
    this.#sortDropped()
  }

  /** Marks all lines of a known field as not to be passed on. @param newId the number that those get which were not marked yet */
  dropField (id: number, newId = id): void {
    const marked = this.droppedCount
    let at = 0
    for (let line = 0; line < this.count; line++) {
      while (at < marked && (this.dropped[at] ?? 0) < line) at++
      if (this.ids[line] !== id || (at < marked && this.dropped[at] === line)) continue
      this.drop(line)
      this.ids[line] = newId
    }
    this.#sortDropped()
  }

  /** The values of all lines with this name, joined as the field's own rule says; undefined when there is none. */
  joined (lowerName: string): string | undefined {
    let joined: string | undefined
    for (let line = 0; line < this.count; line++) {
      if (!this.nameIs(line, lowerName)) continue
      if (joined === undefined) {
        joined = this.value(line)
        continue
      }
      const separator = lineSeparator(lowerName)
      // The first line of a field that is no list is its value.
      if (separator === undefined) return joined
      joined = `${joined}${separator}${this.value(line)}`
    }
    return joined
  }

  /** The values of all lines of a known field, joined by `, `; undefined when there is none. */
  joinedById (id: number): string | undefined {
    let joined: string | undefined
    for (let line = 0; line < this.count; line++) {
      if (this.ids[line] === id) joined = joined === undefined ? this.value(line) : `${joined}, ${this.value(line)}`
    }
    return joined
  }

  /** Is this the line's name, in any case? */
  nameIs (line: number, lowerName: string): boolean {
    const start = this.nameStart(line)
    if (this.nameEnd(line) - start !== lowerName.length) return false
    for (let index = 0; index < lowerName.length; index++) {
      if (LOWER[this.buf[start + index] ?? 0] !== lowerName.charCodeAt(index)) return false
    }
    return true
  }

  /** Is this the line's name, in any case, or does an origin that folds names take it for it? */
  nameFolds (line: number, name: string): boolean {
    const start = this.nameStart(line)
    if (this.nameEnd(line) - start !== name.length) return false
    for (let index = 0; index < name.length; index++) {
      if (FOLDED[this.buf[start + index] ?? 0] !== FOLDED[name.charCodeAt(index)]) return false
    }
    return true
  }

  /**
   * Drops every field that a Connection line names (RFC 9110 section 7.6.1), except those whose loss would damage the message.
   * @returns 0, or the number of a fault
   */
  dropNominated (isProtected: (id: number) => boolean): number {
    let nominations = 0
    for (let line = 0; line < this.count; line++) {
      if (this.ids[line] !== FIELD.connection) continue
      const end = this.valueEnd(line)
      let pos = this.valueStart(line)
      while (pos < end) {
        let stop = pos
        while (stop < end && this.buf[stop] !== COMMA) stop++
        if (stop > pos) {
          if (++nominations > MAX_NOMINATIONS) return FAULT.bad_connection
          this.#dropNamed(pos, stop, isProtected)
        }
        pos = stop + 1
      }
    }
    this.#sortDropped()
    return 0
  }

  #dropNamed (from: number, to: number, isProtected: (id: number) => boolean): void {
    const lower = this.buf.toString('latin1', from, to).trim().toLowerCase()
    for (let line = 0; line < this.count; line++) {
      if (this.nameIs(line, lower) && !isProtected(this.ids[line] ?? 0) && !this.isDropped(line)) this.drop(line)
    }
  }

  /** Is the line not passed on? */
  isDropped (line: number): boolean {
    for (let index = 0; index < this.droppedCount; index++) if (this.dropped[index] === line) return true
    return false
  }

  #sortDropped (): void {
    this.dropped.subarray(0, this.droppedCount).sort()
  }
}

function nameFault (first: number, stopped: number): number {
  if (first === SP || first === HTAB) return FAULT.folded_field
  return stopped === LF ? FAULT.bad_line_end : FAULT.bad_field_name
}

/**
 * The beginning of a line that is not complete yet, held against what it has to look like. Garbage is refused at once, even if
 * its line never ends.
 */

const ZERO = 0x30
const NINE = 0x39
/** Stands for a digit. */
const ANY_DIGIT = 0x23

/**
 * Do the bytes `buf[start, end)` look like the beginning of `shape`, in which `#` stands for a digit? What is behind the shape is not
 * looked at.
 */
export function fitsLineShape (buf: Uint8Array, start: number, end: number, shape: string): boolean {
  for (let index = 0; index < shape.length && start + index < end; index++) {
    const byte = buf[start + index] ?? 0
    const expected = shape.charCodeAt(index)
    if (expected === ANY_DIGIT ? byte < ZERO || byte > NINE : byte !== expected) return false
  }
  return true
}
