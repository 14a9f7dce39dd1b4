/**
 * The syntax of `uri-host [":" port]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
 */
import { isIPv6 } from 'node:net'
import { HEX_VALUE, HOST_CHAR } from './char-table.ts'
import { tokenIs } from './connection-options.ts'
import { FAULT } from './parse-fault.ts'

const PERCENT = 0x25
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const MAX_HOST_BYTES = 260

/** @returns the length of `http://` or `https://` at `start`, in any case, when something follows it; else 0 */
export function schemeBytes (buf: Uint8Array, start: number, end: number): number {
  if (end - start > 7 && tokenIs(buf, start, 'http://')) return 7
  return end - start > 8 && tokenIs(buf, start, 'https://') ? 8 : 0
}

/** The host of an authority, without its port, in lower case. */
export function hostOf (authority: string): string {
  const colon = authority.lastIndexOf(':')
  const bare = colon >= 0 && authority.indexOf(']', colon) < 0 ? authority.slice(0, colon) : authority
  return bare.toLowerCase()
}

/** @returns 0, or the number of a fault */
export function hostFault (buf: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > MAX_HOST_BYTES) return FAULT.bad_host
  let pos = start
  if (buf[pos] === OPEN) {
    pos++
    const literal = pos
    while (pos < end && (HEX_VALUE[buf[pos] ?? 0] !== 255 || buf[pos] === COLON || buf[pos] === DOT)) pos++
    if (pos >= end || buf[pos] !== CLOSE || !isIPv6(Buffer.from(buf.subarray(literal, pos)).toString('latin1'))) return FAULT.bad_host
    pos++
  } else {
    while (pos < end && HOST_CHAR[buf[pos] ?? 0] === 1) {
      // The table has the percent sign for this.
      if (buf[pos] === PERCENT && (pos + 2 >= end || HEX_VALUE[buf[pos + 1] ?? 0] === 255 || HEX_VALUE[buf[pos + 2] ?? 0] === 255)) {
        return FAULT.bad_host
      }
      pos++
    }
    if (pos === start) return FAULT.bad_host
  }
  if (pos === end) return 0
  if (buf[pos] !== COLON || end - pos > 6) return FAULT.bad_host
  for (pos++; pos < end; pos++) {
    const byte = buf[pos] ?? 0
    if (byte < ZERO || byte > NINE) return FAULT.bad_host
  }
  return 0
}
