/** Anything but printable ASCII without the quotation mark and the backslash. */
const NEEDS_ESCAPE = /[^ !#-[\]-~]/

const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x08: '\\b', 0x09: '\\t', 0x0a: '\\n', 0x0c: '\\f', 0x0d: '\\r', 0x22: '\\"', 0x5c: '\\\\'
}

const REPLACEMENT_CHARACTER = 0xfffd

/**
 * A text as a JSON string (RFC 8259), quotation marks included, in ASCII only: whatever bytes a client sent, the result is
 * valid in every encoding, on one line, and harmless to a terminal. Lone surrogates become U+FFFD, since many readers
 * refuse them even when escaped.
 */
export function jsonText (text: string): string {
  return NEEDS_ESCAPE.test(text) ? escaped(text) : `"${text}"`
}

function escaped (text: string): string {
  let result = '"'
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c) result += character
    else if (code > 0xffff) result += unicodeEscape(character.charCodeAt(0)) + unicodeEscape(character.charCodeAt(1))
    else if (code >= 0xd800 && code <= 0xdfff) result += unicodeEscape(REPLACEMENT_CHARACTER)
    else result += SHORT_ESCAPES[code] ?? unicodeEscape(code)
  }
  return result + '"'
}

function unicodeEscape (code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
