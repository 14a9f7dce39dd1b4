/**
 * Connection, and the two fields that say where a body ends (RFC 9112 section 6), as requests and responses read them alike. Of the two,
 * each may come once and in one form; what is passed on is canonical.
 */
import { connectionOptions, tokenIs } from './connection-options.ts'
import type { FieldLines } from './field-lines.ts'
import { FAULT } from './parse-fault.ts'

/**
 * The value of Content-Length (RFC 9110 section 8.6): digits and nothing else, and a number that is counted exactly.
 */

const ZERO = 0x30
const NINE = 0x39

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
 * Takes note of a Content-Length line.
 * @param passOn false when such a message has no Content-Length (RFC 9110 section 8.6)
 * @returns 0, or the number of a fault
 */
export function readContentLength (head: FramedHead, line: number, passOn: boolean): number {
  const { fields } = head
  if (head.length >= 0) return FAULT.repeated_content_length
  const start = fields.valueStart(line)
  const end = fields.valueEnd(line)
  const length = contentLength(fields.buf, start, end)
  if (length < 0) return length
  head.length = length
  head.rewriteLength = passOn && !isCanonicalLength(fields.buf, start, end)
  if (!passOn || head.rewriteLength) fields.drop(line)
  return 0
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
