/**
 * Lookup tables over byte values, one load a byte instead of chains of comparisons.
 */

function tableOf (members: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => members(byte) ? 1 : 0)
}

const TOKEN_SPECIALS = "!#$%&'*+-.^_`|~"

function isAlphaNumeric (byte: number): boolean {
  return /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}

/** RFC 9110 section 5.6.2: `tchar`, what methods and field names are made of. */
export const TOKEN_CHAR = tableOf(byte => isAlphaNumeric(byte) || TOKEN_SPECIALS.includes(String.fromCharCode(byte)))

/** RFC 9110 section 5.5: what a field value may hold: HTAB, SP, visible ASCII and obs-text; no other control character. */
export const VALUE_CHAR = tableOf(byte => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f))

/**
 * What a request target may hold. RFC 3986 allows less (`"<>\^{|}` and the back-tick have to be percent-encoded), but these are
 * common, unambiguous and passed on as they came; control characters, spaces, `#` and bytes past ASCII are refused.
 */
export const TARGET_CHAR = tableOf(byte => byte > 0x20 && byte < 0x7f && byte !== 0x23)

/** RFC 3986 section 3.2: the characters of `uri-host [":" port]`; the brackets of an IP literal are checked apart. */
export const HOST_CHAR = tableOf(byte => isAlphaNumeric(byte) || "-._~%!$&'()*+;=".includes(String.fromCharCode(byte)))

/** The lower-case form of each byte; only A to Z change. */
export const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)

const SP = 0x20
const HTAB = 0x09

/** RFC 9110 section 5.6.3: what OWS and BWS are made of. */
export function isWhiteSpace (byte: number | undefined): boolean {
  return byte === SP || byte === HTAB
}

const DASH = 0x2d

/** A field name as origins fold it: letters in lower case, digits, and a dash for every other character of a token. */
export const FOLDED = LOWER.map((lower, byte) => TOKEN_CHAR[byte] === 1 && !isAlphaNumeric(byte) ? DASH : lower)

/** The value of a hexadecimal digit, or 255. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return /[0-9a-fA-F]/.test(char) ? Number.parseInt(char, 16) : 255
})
