/**
 * Expect (RFC 9110 section 10.1.1): a list, empty members of which mean nothing (section 5.6.1.2), with one expectation that anybody
 * defines.
 */
import { tokenIs } from './connection-options.ts'

const CONTINUE = '100-continue'
const SP = 0x20
const HTAB = 0x09
const COMMA = 0x2c

/** @returns 1 when every member is 100-continue, 0 without any member, -1 when something else is expected */
export function expectsOnlyContinue (buf: Uint8Array, start: number, end: number): number {
  let found = 0
  let pos = start
  while (pos < end) {
    const byte = buf[pos]
    if (byte === COMMA || byte === SP || byte === HTAB) {
      pos++
      continue
    }
    if (end - pos < CONTINUE.length || !tokenIs(buf, pos, CONTINUE)) return -1
    found = 1
    pos += CONTINUE.length
    while (pos < end && (buf[pos] === SP || buf[pos] === HTAB)) pos++
    if (pos < end && buf[pos] !== COMMA) return -1
  }
  return found
}
