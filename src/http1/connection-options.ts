/**
 * The options of a Connection field (RFC 9110 section 7.6.1), as bits.
 */
import { LOWER, TOKEN_CHAR } from './char-table.ts'
import { FAULT } from './parse-fault.ts'

export const CONNECTION = {
  close: 1,
  keepAlive: 2,
  upgrade: 4,
  /** Some other token: fields are nominated. */
  nominates: 8
} as const

const SP = 0x20
const HTAB = 0x09
const COMMA = 0x2c

/**
 * Reads a Connection value, empty list members allowed.
 * @returns bits of CONNECTION, or the number of a fault
 */
export function connectionOptions (buf: Uint8Array, start: number, end: number): number {
  let bits = 0
  let pos = start
  while (pos < end) {
    let byte = buf[pos] ?? 0
    if (byte === COMMA || byte === SP || byte === HTAB) {
      pos++
      continue
    }
    const tokenStart = pos
    while (pos < end && TOKEN_CHAR[byte] === 1) byte = buf[++pos] ?? 0
    if (pos === tokenStart) return FAULT.bad_connection
    bits |= optionBit(buf, tokenStart, pos)
    while (pos < end && (buf[pos] === SP || buf[pos] === HTAB)) pos++
    if (pos < end && buf[pos] !== COMMA) return FAULT.bad_connection
  }
  return bits
}

function optionBit (buf: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 5: return tokenIs(buf, start, 'close') ? CONNECTION.close : CONNECTION.nominates
    case 7: return tokenIs(buf, start, 'upgrade') ? CONNECTION.upgrade : CONNECTION.nominates
    case 10: return tokenIs(buf, start, 'keep-alive') ? CONNECTION.keepAlive : CONNECTION.nominates
    default: return CONNECTION.nominates
  }
}

/** Is the token at `start` this one? `lower` is in lower case and as long as the token. */
export function tokenIs (buf: Uint8Array, start: number, lower: string): boolean {
  for (let index = 0; index < lower.length; index++) {
    if (LOWER[buf[start + index] ?? 0] !== lower.charCodeAt(index)) return false
  }
  return true
}
