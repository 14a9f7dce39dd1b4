/**
 * The cookie by which a client says which version it wants. It speaks to Weir alone, so no origin sees it, in whatever spelling: parsers of
 * origins fold names, decode them, and take a comma for the end of a pair.
 */
import { foldedName } from '../core/folded-name.ts'
import { OVERRIDE_COOKIE } from '../core/override-names.ts'
import type { FieldLines } from './field-lines.ts'
import { FIELD } from './field-id.ts'

const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const PERCENT = 0x25
const SMALL_W = 0x77
const CASE_BIT = 0x20
/** What is behind so many bytes of a name can't make it this one: every letter percent-encoded, with room around. */
const MAX_NAME_BYTES = 64

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

function isVersionName (buf: Buffer, start: number, end: number): boolean {
  let stop = start
  while (stop < end && !endsPair(buf[stop] ?? 0) && buf[stop] !== EQUALS) stop++
  const name = decoded(buf.toString('latin1', start, Math.min(stop, start + MAX_NAME_BYTES)))
  // PHP takes what is in brackets for the index of an array of that name, and a bracket that nothing closes for a dash.
  return trimmed(name) === OVERRIDE_COOKIE || trimmed(name.replace(/\[.*/s, '')) === OVERRIDE_COOKIE
}

function decoded (name: string): string {
  return name.replaceAll(/%[0-9a-f]{2}/gi, code => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}

/** As the most careless of origins reads a name. */
function trimmed (name: string): string {
  return foldedName(name).replaceAll(/^-+|-+$/g, '')
}

/** Marks the lines of Cookie that hold it, so that they don't go on as they came; lines that are dropped anyway stay so. */
export function markVersionCookies (fields: FieldLines): void {
  for (let line = 0; line < fields.count; line++) {
    if (fields.ids[line] !== FIELD.cookie || !claimsVersion(fields.buf, fields.valueStart(line), fields.valueEnd(line))) continue
    if (fields.isDropped(line)) continue
    fields.dropLate(line)
    fields.ids[line] = FIELD.versionCookie
  }
}

/** What goes on of a marked line: the other cookies. Empty when there are none. */
export function otherCookies (fields: FieldLines, line: number): string {
  const kept: string[] = []
  let separator = ''
  for (const part of fields.value(line).split(/([;,][ \t]*)/)) {
    const bytes = Buffer.from(part, 'latin1')
    if (/^[;,]/.test(part)) separator = part
    else if (part !== '' && !claimsVersion(bytes, 0, bytes.length)) kept.push(kept.length === 0 ? part : `${separator}${part}`)
  }
  return kept.join('')
}
