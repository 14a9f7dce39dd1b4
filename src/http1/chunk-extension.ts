/**
 * The syntax of chunk extensions (RFC 9112 section 7.1.1), one byte after the other: `*( ";" name [ "=" ( token / quoted-string ) ] )`.
 *
 * Nobody acts on them and they are not passed on, but two readers have to see the same end of the line. White space is taken
 * around `;` and `=`, as section 7.1.1 allows, but not between the size and the first `;`.
 */
import { TOKEN_CHAR, VALUE_CHAR } from './char-table.ts'

const HTAB = 0x09
const CR = 0x0d
const SP = 0x20
const QUOTE = 0x22
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

const STATE = { beforeName: 0, name: 1, afterName: 2, beforeValue: 3, token: 4, quoted: 5, escaped: 6, afterValue: 7 } as const

/** The state right behind a semicolon. */
export const EXTENSION_START: number = STATE.beforeName
/** The CR that ends the line of the chunk size. */
export const EXTENSION_END = -1
/** A byte that no chunk extension has here. */
export const EXTENSION_INVALID = -2

/** @returns the next state, EXTENSION_END or EXTENSION_INVALID */
export function nextExtensionState (state: number, byte: number): number {
  switch (state) {
    case STATE.quoted:
      if (byte === QUOTE) return STATE.afterValue
      if (byte === BACKSLASH) return STATE.escaped
      return VALUE_CHAR[byte] === 1 ? STATE.quoted : EXTENSION_INVALID
    case STATE.escaped: return VALUE_CHAR[byte] === 1 ? STATE.quoted : EXTENSION_INVALID
    case STATE.beforeName:
      if (isWhiteSpace(byte)) return STATE.beforeName
      return TOKEN_CHAR[byte] === 1 ? STATE.name : EXTENSION_INVALID
    case STATE.beforeValue:
      if (isWhiteSpace(byte)) return STATE.beforeValue
      if (byte === QUOTE) return STATE.quoted
      return TOKEN_CHAR[byte] === 1 ? STATE.token : EXTENSION_INVALID
    case STATE.name:
      if (TOKEN_CHAR[byte] === 1) return STATE.name
      return afterWord(byte, STATE.afterName)
    case STATE.token:
      if (TOKEN_CHAR[byte] === 1) return STATE.token
      return afterWord(byte, STATE.afterValue)
    default: return afterWord(byte, state)
  }
}

/** A name or a value is complete; `state` says which. Only a name may be followed by an equals sign. */
function afterWord (byte: number, state: number): number {
  if (byte === SEMICOLON) return STATE.beforeName
  if (byte === CR) return EXTENSION_END
  if (byte === EQUALS && state === STATE.afterName) return STATE.beforeValue
  return isWhiteSpace(byte) ? state : EXTENSION_INVALID
}

function isWhiteSpace (byte: number): boolean {
  return byte === SP || byte === HTAB
}
