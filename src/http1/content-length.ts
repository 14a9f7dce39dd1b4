/**
 * The value of Content-Length (RFC 9110 section 8.6): digits and nothing else, and a number that is counted exactly.
 */
import { FAULT } from './parse-fault.ts'

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
