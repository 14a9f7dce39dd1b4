/**
 * The header fields that a proxy has to look at, recognised from their bytes without making a string.
 */
import { ORIGIN_CLAIMS, RESERVED_FIELDS } from '../core/protected-fields.ts'
import { FOLDED, LOWER } from './char-table.ts'

/** Numbers of the known fields; 0 is any other field. */
export const FIELD = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  upgrade: 8,
  expect: 9,
  xForwardedFor: 10,
  xForwardedProto: 11,
  xForwardedHost: 12,
  xRequestId: 13,
  date: 14,
  maxForwards: 15,
  trailer: 16,
  http2Settings: 17,
  /** A known name with other characters for dashes: origins that fold names (CGI, WSGI, lighttpd, PHP) take it for the real one. */
  lookalike: 18,
  /** Says where a request came from, besides the fields that Weir writes itself: believed from trusted proxies only. */
  originClaim: 19,
  /** A field that Weir alone may write, or that speaks to Weir alone. */
  reserved: 20,
  /** Says who sends the request. */
  credentials: 21,
  /** Asks who sends the request. */
  challenge: 22,
  /** Says who has passed the request on. */
  via: 23,
  cookie: 24,
  /** A line of Cookie of a request that says in one which version the client wants: it goes on without that, if anything is left. */
  versionCookie: 25
} as const

interface KnownField { readonly id: number, readonly bytes: Uint8Array }

const NAMES: ReadonlyArray<readonly [string, number]> = [
  ['host', FIELD.host], ['connection', FIELD.connection], ['content-length', FIELD.contentLength],
  ['transfer-encoding', FIELD.transferEncoding], ['keep-alive', FIELD.keepAlive], ['proxy-connection', FIELD.proxyConnection],
  ['te', FIELD.te], ['upgrade', FIELD.upgrade], ['expect', FIELD.expect], ['x-forwarded-for', FIELD.xForwardedFor],
  ['x-forwarded-proto', FIELD.xForwardedProto], ['x-forwarded-host', FIELD.xForwardedHost], ['x-request-id', FIELD.xRequestId],
  ['date', FIELD.date], ['max-forwards', FIELD.maxForwards], ['trailer', FIELD.trailer], ['http2-settings', FIELD.http2Settings],
  ...ORIGIN_CLAIMS.names.map(name => [name, FIELD.originClaim] as const),
  ...RESERVED_FIELDS.names.map(name => [name, FIELD.reserved] as const),
  ['authorization', FIELD.credentials], ['proxy-authorization', FIELD.credentials],
  ['www-authenticate', FIELD.challenge], ['proxy-authenticate', FIELD.challenge], ['via', FIELD.via], ['cookie', FIELD.cookie]
]

/** Whole families by the beginning of their names; all start with this letter and are looked at only if no known field matched. */
const FAMILY_LETTER = 0x78
const FAMILIES: ReadonlyArray<readonly [Uint8Array, number]> = [
  ...RESERVED_FIELDS.families.map(beginning => [Buffer.from(beginning, 'latin1'), FIELD.reserved] as const),
  ...ORIGIN_CLAIMS.families.map(beginning => [Buffer.from(beginning, 'latin1'), FIELD.originClaim] as const)
]

const LONGEST = Math.max(...NAMES.map(([name]) => name.length))
const LETTERS = 32

/** Known fields by length and first letter, which no two of them share: one comparison tells. */
const BY_LENGTH_AND_LETTER: ReadonlyArray<KnownField | undefined> = placeNames()

function placeNames (): ReadonlyArray<KnownField | undefined> {
  const places: Array<KnownField | undefined> = Array.from({ length: (LONGEST + 1) * LETTERS }, () => undefined)
  for (const [name, id] of NAMES) {
    const place = placeOf(name.length, name.charCodeAt(0))
    if (places[place] !== undefined) throw new RangeError(`"${name}" has the length and first letter of another known field`)
    places[place] = { id, bytes: Buffer.from(name, 'latin1') }
  }
  return places
}

/** Upper and lower case of a letter have the same five low bits. */
function placeOf (length: number, firstByte: number): number {
  return length * LETTERS + (firstByte & (LETTERS - 1))
}

/** The number of the field whose name is `buf[start, end)`, in any case. */
export function fieldId (buf: Uint8Array, start: number, end: number): number {
  const length = end - start
  const first = buf[start] ?? 0
  const candidate = length > LONGEST ? undefined : BY_LENGTH_AND_LETTER[placeOf(length, first)]
  if (candidate !== undefined) {
    if (equalsLower(buf, start, candidate.bytes)) return candidate.id
    if (equalsFolded(buf, start, candidate.bytes)) return FIELD.lookalike
  }
  return LOWER[first] === FAMILY_LETTER ? familyId(buf, start, length) : FIELD.other
}

function familyId (buf: Uint8Array, start: number, length: number): number {
  for (const [beginning, id] of FAMILIES) {
    if (length >= beginning.length && equalsFolded(buf, start, beginning)) return equalsLower(buf, start, beginning) ? id : FIELD.lookalike
  }
  return FIELD.other
}

/** As equalsLower, with every character that is no letter or digit taken for a dash. */
function equalsFolded (buf: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let index = 0; index < lower.length; index++) {
    if (FOLDED[buf[start + index] ?? 0] !== lower[index]) return false
  }
  return true
}

/** Are the bytes at `start`, in lower case, those of `lower`? The caller knows that there are enough of them. */
export function equalsLower (buf: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let index = 0; index < lower.length; index++) {
    if (LOWER[buf[start + index] ?? 0] !== lower[index]) return false
  }
  return true
}

/** Fields of a request whose loss would change what the message means, whatever Connection says. */
export function isProtectedInRequest (id: number): boolean {
  return id === FIELD.host || id === FIELD.contentLength || id === FIELD.transferEncoding || id === FIELD.expect
}
