/**
 * Connection, and the two fields that say where a body ends (RFC 9112 section 6). Of the two, each may come once and in one form, but for
 * the length of a response, which may be said again; what is passed on is canonical.
 */
import { isWhiteSpace } from './char-table.ts'
import { connectionOptions, tokenIs } from './connection-options.ts'
import type { FieldLines } from './field-lines.ts'
import { FAULT } from './parse-fault.ts'

/**
 * The value of Content-Length (RFC 9110 section 8.6): digits and nothing else, and a number that is counted exactly.
 */

const ZERO = 0x30
const NINE = 0x39
const COMMA = 0x2c

/** @returns the length, or the number of a fault */
export function contentLength (buf: Uint8Array, start: number, end: number): number {
  if (end === start) return FAULT.bad_content_length
  let length = 0
  for (let pos = start; pos < end; pos++) {
    const byte = buf[pos] ?? 0
    if (byte < ZERO || byte > NINE) return FAULT.bad_content_length
    length = length * 10 + (byte - ZERO)
    if (length > Number.MAX_SAFE_INTEGER) return FAULT.bad_content_length
  }
  return length
}

/** Is the value written the one canonical way, without leading zeros? */
export function isCanonicalLength (buf: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 || buf[start] !== ZERO
}

/** A head whose framing is being read. */
interface FramedHead {
  readonly fields: FieldLines
  /** What all Connection lines say: bits of CONNECTION. */
  connection: number
  /** Content-Length, or -1. */
  length: number
  /** The Content-Length line is not passed on as it came but written anew. */
  rewriteLength: boolean
  chunked: boolean
}

const CHUNKED = 'chunked'

/**
 * Takes note of a Connection line, which is never passed on (RFC 9110 section 7.6.1).
 * @returns 0, or the number of a fault
 */
export function readConnection (head: FramedHead, line: number): number {
  const { fields } = head
  fields.drop(line)
  const bits = connectionOptions(fields.buf, fields.valueStart(line), fields.valueEnd(line))
  if (bits < 0) return bits
  head.connection |= bits
  return 0
}

/**
 * Takes note of a Content-Length line of a request.
 * @returns 0, or the number of a fault
 */
export function readContentLength (head: FramedHead, line: number): number {
  if (head.length >= 0) return FAULT.repeated_content_length
  const { buf } = head.fields
  const start = head.fields.valueStart(line)
  const end = head.fields.valueEnd(line)
  const length = contentLength(buf, start, end)
  if (length < 0) return length
  head.length = length
  head.rewriteLength = !isCanonicalLength(buf, start, end)
  if (head.rewriteLength) head.fields.drop(line)
  return 0
}

/**
 * Takes note of a Content-Length line of a response. The same number again, in a list or in a line of its own, has one reading, and one
 * line of it is passed on (RFC 9110 section 8.6).
 * @param passOn false when such a message has no Content-Length
 * @returns 0, or the number of a fault
 */
export function readResponseLength (head: FramedHead, line: number, passOn: boolean): number {
  const { fields } = head
  const start = fields.valueStart(line)
  const end = fields.valueEnd(line)
  let length = contentLength(fields.buf, start, end)
  const isList = length < 0
  if (isList) length = listedLength(fields.buf, start, end)
  if (length < 0) return length
  const isFirst = head.length < 0
  if (!isFirst && length !== head.length) return FAULT.repeated_content_length
  if (isFirst) {
    head.length = length
    head.rewriteLength = passOn && (isList || !isCanonicalLength(fields.buf, start, end))
  }
  if (!isFirst || !passOn || head.rewriteLength) fields.drop(line)
  return 0
}

/** @returns the one number of which all members of the list are, or the number of a fault */
function listedLength (buf: Uint8Array, start: number, end: number): number {
  let length = -1
  for (let pos = start; pos <= end; pos++) {
    let stop = pos
    while (stop < end && buf[stop] !== COMMA) stop++
    let from = pos
    let to = stop
    while (from < to && isWhiteSpace(buf[from])) from++
    while (to > from && isWhiteSpace(buf[to - 1])) to--
    const member = contentLength(buf, from, to)
    if (member < 0) return member
    if (length >= 0 && member !== length) return FAULT.repeated_content_length
    length = member
    pos = stop
  }
  return length
}

/**
 * Takes note of a Transfer-Encoding line, which is always written anew.
 * @returns 0, or the number of a fault
 */
export function readTransferEncoding (head: FramedHead, line: number): number {
  const { fields } = head
  if (head.chunked) return FAULT.repeated_transfer_encoding
  const start = fields.valueStart(line)
  if (fields.valueEnd(line) - start !== CHUNKED.length || !tokenIs(fields.buf, start, CHUNKED)) return FAULT.bad_transfer_encoding
  head.chunked = true
  fields.drop(line)
  return 0
}
