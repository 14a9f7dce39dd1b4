/**
 * Text from outside that people read on a terminal: control characters, C1 and U+0085 among them, line separators and marks that
 * turn the direction of writing could forge lines or hide what is there.
 */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Escapes them as JSON does (`\u0085`), so that JSON stays the same JSON. Line feeds stay. */
export function printable (text: string): string {
  return text.replace(UNPRINTABLE, escape)
}

function escape (character: string): string {
  let escaped = ''
  for (let index = 0; index < character.length; index++) escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  return escaped
}
