/**
 * What the two ends of a connection agree on: the options of Connection (RFC 9110 section 7.6.1) as bits, Keep-Alive, Upgrade, and logins
 * that hold for a connection.
 */
import { LOWER, TOKEN_CHAR } from './char-table.ts'
import { FAULT } from './parse-fault.ts'
import { FIELD } from './field-id.ts'
import type { FieldLines } from './field-lines.ts'

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

/**
 * What a server says in Keep-Alive of how long it keeps an idle connection (RFC 2068 section 19.7.1, as servers still send it).
 */

const ZERO = 0x30
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

/**
 * The switch to another protocol (RFC 9110 section 7.8): what of a client's Upgrade goes on to the endpoint, and whether the
 * endpoint's 101 answers it.
 */

/** Of a head, what a switch depends on. */
interface SwitchingHead {
  readonly fields: FieldLines
  /** The line of Upgrade, or -1. */
  readonly upgradeLine: number
  readonly minor: number
  /** Bits of CONNECTION. */
  readonly connection: number
}

/**
 * The protocols that the client offers and the route allows, as a field value; empty when there are none. What would make the
 * end of the HTTP part doubtful is no offer: HTTP/1.0, an Upgrade that Connection does not name, a request with a body.
 * @param allowed names in lower case
 */
export function offeredUpgrade (head: SwitchingHead, hasBody: boolean, allowed: ReadonlySet<string>): string {
  if (head.upgradeLine < 0 || head.minor === 0 || (head.connection & CONNECTION.upgrade) === 0 || hasBody) return ''
  const offered = new Map<string, string>()
  for (const name of protocols(head)) {
    const lower = name.toLowerCase()
    if (allowed.has(lower) && !offered.has(lower)) offered.set(lower, name)
  }
  return [...offered.values()].join(', ')
}

/** The protocol that a 101 switches to, if it is one of those offered and nothing about the head is odd; otherwise undefined. */
export function acceptedUpgrade (
  head: SwitchingHead & { readonly chunked: boolean, readonly length: number }, offered: string
): string | undefined {
  if (offered === '' || head.upgradeLine < 0 || (head.connection & CONNECTION.upgrade) === 0 || head.minor === 0) return undefined
  if (head.chunked || head.length > 0) return undefined
  const [accepted, ...more] = protocols(head)
  if (accepted === undefined || more.length > 0) return undefined
  return offered.toLowerCase().split(', ').includes(accepted.toLowerCase()) ? accepted : undefined
}

/** The members of all Upgrade lines, empty ones left out (RFC 9110 section 5.6.1). */
function protocols ({ fields }: SwitchingHead): readonly string[] {
  return (fields.joinedById(FIELD.upgrade) ?? '').split(',').map(withoutSpace).filter(name => name !== '')
}

/** Takes the optional white space off; trim() would take more. */
function withoutSpace (text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text[start])) start++
  while (end > start && isSpace(text[end - 1])) end--
  return text.slice(start, end)
}

function isSpace (char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}

/**
 * Authentication schemes that log in a connection and not a request: NTLM, and Negotiate (RFC 4559), which may turn into NTLM and which
 * many origins keep for as long as the connection lasts. Older names of both are known too.
 *
 * RFC 9110 section 11 has no such schemes: what follows on the connection is taken for the user's, whoever sent it.
 */

const SCHEMES: readonly string[] = ['ntlm', 'negotiate', 'kerberos', 'nego2']
const LONGEST = Math.max(...SCHEMES.map(scheme => scheme.length))

/** Do credentials, a value of Authorization or Proxy-Authorization, begin with such a scheme? */
export function usesLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  const wordStart = wordFrom(buf, start, end)
  return isLoginScheme(buf, wordStart, wordEnd(buf, wordStart, Math.min(end, wordStart + LONGEST + 1)))
}

/**
 * Is such a scheme among challenges, a value of WWW-Authenticate or Proxy-Authenticate? Any word counts, wherever it stands: to take one
 * for a scheme that is none costs a connection, to miss one costs a user's identity.
 */
export function offersLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  let pos = wordFrom(buf, start, end)
  while (pos < end) {
    const stop = wordEnd(buf, pos, end)
    if (isLoginScheme(buf, pos, stop)) return true
    pos = wordFrom(buf, stop, end)
  }
  return false
}

function wordFrom (buf: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && TOKEN_CHAR[buf[pos] ?? 0] !== 1) pos++
  return pos
}

function wordEnd (buf: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && TOKEN_CHAR[buf[pos] ?? 0] === 1) pos++
  return pos
}

function isLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < SCHEMES.length; index++) {
    const scheme = SCHEMES[index] ?? ''
    if (scheme.length === end - start && tokenIs(buf, start, scheme)) return true
  }
  return false
}
