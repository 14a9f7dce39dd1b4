/**
 * The fields by which a request head is judged, besides those of its framing: Max-Forwards, Expect, Via and Host.
 */
import { contentLength } from './message-length.ts'
import type { FieldLines } from './field-lines.ts'
import { FAULT } from './parse-fault.ts'
import { tokenIs } from './connection-options.ts'
import { FIELD } from './field-id.ts'
import { isIPv6 } from 'node:net'
import { HEX_VALUE, HOST_CHAR } from './char-table.ts'

/** A head whose Max-Forwards is being read. */
interface ForwardedHead {
  readonly fields: FieldLines
  /** Max-Forwards of an OPTIONS or TRACE, or -1. */
  maxForwards: number
  methodIs (method: string): boolean
}

/**
 * Takes note of a Max-Forwards line. RFC 9110 section 7.6.2: it counts down for OPTIONS and TRACE and means nothing elsewhere.
 * @returns 0, or the number of a fault
 */
export function readMaxForwards (head: ForwardedHead, line: number): number {
  const { fields } = head
  if (!head.methodIs('OPTIONS') && !head.methodIs('TRACE')) return 0
  if (head.maxForwards >= 0) return FAULT.bad_max_forwards
  fields.drop(line)
  head.maxForwards = contentLength(fields.buf, fields.valueStart(line), fields.valueEnd(line))
  return head.maxForwards < 0 ? FAULT.bad_max_forwards : 0
}

/**
 * Expect (RFC 9110 section 10.1.1): a list, empty members of which mean nothing (section 5.6.1.2), with one expectation that anybody
 * defines.
 */

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

/**
 * Who has passed a request on before, by its Via fields (RFC 9110 section 7.6.3). Cold: only a request that has some comes here.
 */

/** The name by which each proxy calls itself there, in lower case and in order. */
export function viaNames (fields: FieldLines): readonly string[] {
  const names: string[] = []
  for (let line = 0; line < fields.count; line++) {
    if (fields.ids[line] !== FIELD.via) continue
    for (const member of withoutComments(fields.value(line)).split(',')) {
      // What was received, and by whom: `1.1 name`.
      const [, name] = member.trim().split(/[ \t]+/)
      if (name !== undefined) names.push(name.toLowerCase())
    }
  }
  return names
}

/** Comments nest and may quote with a backslash (section 5.6.5). One that never ends is none: it must not hide what follows it. */
function withoutComments (text: string): string {
  let kept = ''
  let depth = 0
  let from = 0
  for (let at = text.indexOf('('); at >= 0 && at < text.length; at++) {
    const char = text[at]
    if (char === '(' && depth++ === 0) kept += text.slice(from, from = at)
    else if (char === '\\' && depth > 0) at++
    else if (char === ')' && depth > 0 && --depth === 0) from = at + 1
  }
  return `${kept} ${text.slice(from).replaceAll('(', ' ')}`
}

/**
 * The syntax of `uri-host [":" port]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
 */

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
