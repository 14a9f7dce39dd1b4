/**
 * The cookie by which a client says which version it wants. It speaks to Weir alone, so no origin sees it, in whatever spelling: parsers of
 * origins fold names, decode them, and take a comma for the end of a pair. Each byte is looked at a few times, whatever comes.
 */
import { OVERRIDE_COOKIE } from '../core/override-names.ts'
import { FOLDED, HEX_VALUE, isWhiteSpace } from './char-table.ts'
import type { FieldLines } from './field-lines.ts'
import { FIELD } from './field-id.ts'

const NAME = Buffer.from(OVERRIDE_COOKIE, 'latin1')
const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const PERCENT = 0x25
const DASH = 0x2d
const BRACKET = 0x5b
const SMALL_W = 0x77
const CASE_BIT = 0x20

/** Is the cookie among those in `buf[start, end)`? Runs for every Cookie line; a name of another first letter costs one look. */
export function claimsVersion (buf: Buffer, start: number, end: number): boolean {
  let pos = start
  while (pos < end) {
    while (pos < end && !beginsName(buf[pos] ?? 0)) pos++
    const first = buf[pos] ?? 0
    if (((first | CASE_BIT) === SMALL_W || first === PERCENT) && isVersionName(buf, pos, end)) return true
    while (pos < end && !endsPair(buf[pos] ?? 0)) pos++
  }
  return false
}

/** A letter, a digit or a percent sign; what is before it is taken for decoration. */
function beginsName (byte: number): boolean {
  const letter = byte | CASE_BIT
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === PERCENT
}

function endsPair (byte: number): boolean {
  return byte === SEMICOLON || byte === COMMA
}

/**
 * Does the most careless of origins take the name that begins at `start` for it? Percent-encoded characters are what they stand for, and
 * around it there may be anything but letters and digits. PHP takes what is in brackets behind a name for the index of an array.
 */
function isVersionName (buf: Buffer, start: number, end: number): boolean {
  let matched = 0
  let pos = start
  while (pos < end && !endsPair(buf[pos] ?? 0) && buf[pos] !== EQUALS) {
    const isCode = buf[pos] === PERCENT && pos + 2 < end && isHex(buf[pos + 1]) && isHex(buf[pos + 2])
    const byte = isCode ? (HEX_VALUE[buf[pos + 1] ?? 0] ?? 0) << 4 | (HEX_VALUE[buf[pos + 2] ?? 0] ?? 0) : buf[pos] ?? 0
    const folded = foldedByte(byte)
    if (matched < NAME.length) {
      if (folded === NAME[matched]) matched++
      else if (matched > 0 || folded !== DASH) return false
    } else if (byte === BRACKET) {
      return true
    } else if (folded !== DASH) {
      return false
    }
    pos += isCode ? 3 : 1
  }
  return matched === NAME.length
}

function isHex (byte: number | undefined): boolean {
  return HEX_VALUE[byte ?? 0] !== 255
}

/** A letter in lower case, a digit, or a dash for all else. */
function foldedByte (byte: number): number {
  const folded = FOLDED[byte] ?? DASH
  return (folded >= 0x61 && folded <= 0x7a) || (folded >= 0x30 && folded <= 0x39) ? folded : DASH
}

/**
 * Marks the lines of Cookie, of which one holds it, so that they don't go on as they came: all of them, because their order says which of
 * two cookies of one name counts. Lines that are dropped anyway stay so.
 */
export function markVersionCookies (fields: FieldLines): void {
  fields.dropField(FIELD.cookie, FIELD.versionCookie)
}

/** What goes on of a marked line: the other cookies, each but the first with what is between it and the one before. Empty without any. */
export function otherCookies (fields: FieldLines, line: number): string {
  const { buf } = fields
  const end = fields.valueEnd(line)
  let kept = ''
  // What is kept and not copied yet: [from, to).
  let from = fields.valueStart(line)
  let to = from
  let separator = from
  let start = from
  for (;;) {
    let stop = start
    while (stop < end && !endsPair(buf[stop] ?? 0)) stop++
    if (stop > start && !claimsVersion(buf, start, stop)) {
      if (to !== separator || from === to) {
        kept += buf.toString('latin1', from, to)
        from = kept === '' ? start : separator
      }
      to = stop
    }
    if (stop >= end) return kept + buf.toString('latin1', from, to)
    separator = stop
    start = stop + 1
    while (start < end && isWhiteSpace(buf[start])) start++
  }
}
