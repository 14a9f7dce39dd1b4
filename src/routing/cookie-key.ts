import { hashRange } from '../core/hash.ts'

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const SEMICOLON = 0x3b
const EQUALS = 0x3d

/**
 * The key hash of a cookie's value, or `undefined` when the cookie is missing or empty.
 *
 * Read as RFC 6265 section 5.4 has user agents write it: pairs separated by `;`, names compared exactly, the first of
 * several wins, quotes around the value are not part of it. A `;` inside quotes ends the pair, as it does for most origins.
 *
 * No substring is made: this runs for every request of a route with `affinity.by: cookie`.
 * @param header the value of Cookie
 * @param name the cookie's name, in its exact case
 */
export function cookieKeyHash (header: string, name: string): number | undefined {
  let found = header.indexOf(name)
  while (found !== -1) {
    const equals = found + name.length
    if (header.charCodeAt(equals) === EQUALS && startsPair(header, found)) return valueHash(header, equals + 1)
    found = header.indexOf(name, equals)
  }
  return undefined
}

/** Is there only white space between `index` and the `;` or the start of the header before it? */
function startsPair (header: string, index: number): boolean {
  let before = index - 1
  while (before >= 0 && isWhitespace(header.charCodeAt(before))) before--
  return before < 0 || header.charCodeAt(before) === SEMICOLON
}

function valueHash (header: string, start: number): number | undefined {
  let from = start
  const semicolon = header.indexOf(';', start)
  let to = semicolon === -1 ? header.length : semicolon
  while (from < to && isWhitespace(header.charCodeAt(from))) from++
  while (to > from && isWhitespace(header.charCodeAt(to - 1))) to--
  if (to - from > 1 && header.charCodeAt(from) === QUOTE && header.charCodeAt(to - 1) === QUOTE) {
    from++
    to--
  }
  return from === to ? undefined : hashRange(header, from, to)
}

function isWhitespace (code: number): boolean {
  return code === SPACE || code === TAB
}
