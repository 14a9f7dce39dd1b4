/**
 * What a server says in Keep-Alive of how long it keeps an idle connection (RFC 2068 section 19.7.1, as servers still send it).
 */
import { tokenIs } from './connection-options.ts'

const ZERO = 0x30
const COMMA = 0x2c
const EQUALS = 0x3d
const TIMEOUT = 'timeout'
/** More than any connection is kept for. */
const MAX_S = 1_000_000

/** The seconds of `timeout` in `buf[start, end)`, the value of Keep-Alive; -1 when it says nothing of it that can be understood. */
export function keepAliveSeconds (buf: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end) {
    while (pos < end && (buf[pos] === COMMA || buf[pos] === 0x20 || buf[pos] === 0x09)) pos++
    const digits = pos + TIMEOUT.length + 1
    if (digits < end && buf[digits - 1] === EQUALS && tokenIs(buf, pos, TIMEOUT)) return secondsAt(buf, digits, end)
    while (pos < end && buf[pos] !== COMMA) pos++
  }
  return -1
}

function secondsAt (buf: Uint8Array, start: number, end: number): number {
  let seconds = -1
  for (let pos = start; pos < end; pos++) {
    const digit = (buf[pos] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return seconds
    seconds = Math.min(MAX_S, Math.max(0, seconds) * 10 + digit)
  }
  return seconds
}
