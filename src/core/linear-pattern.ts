/**
 * Regular expressions in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), which take linear time whatever the text is. The
 * library is loaded with the first of them.
 */
import { createRequire } from 'node:module'
import type * as Re2Module from 're2js'
import { errorText } from './error-text.ts'

/** Longer ones are refused. */
const MAX_CHARACTERS = 256
/** Time is linear in the text, times this: a pattern of many instructions is refused. */
const MAX_INSTRUCTIONS = 500
/** A longer text is not searched, and does not match. @internal */
export const MAX_SEARCHED = 4_096

const PAST_ASCII = /[^\0-\x7f]/

export class LinearPattern {
  readonly #search: (text: string) => boolean

  /** @throws RangeError that says what is wrong with the pattern */
  constructor (text: string) {
    if (text.length > MAX_CHARACTERS) throw new RangeError(`is a regular expression of ${text.length} characters; ${MAX_CHARACTERS} are allowed`)
    const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof Re2Module
    const pattern = compile(RE2JS, text)
    const size = pattern.programSize()
    if (size > MAX_INSTRUCTIONS) {
      throw new RangeError(`is a regular expression that takes ${size} steps for each character; ${MAX_INSTRUCTIONS} are allowed: repeat less with \`{n,m}\``)
    }
    this.#search = candidate => pattern.test(candidate)
  }

  /**
   * Is the pattern somewhere in the text?
   * @param wire a character for each byte, of UTF-8
   */
  isIn (wire: string): boolean {
    if (wire.length > MAX_SEARCHED) return false
    return this.#search(PAST_ASCII.test(wire) ? Buffer.from(wire, 'latin1').toString('utf8') : wire)
  }
}

function compile (engine: typeof Re2Module.RE2JS, text: string): Re2Module.RE2JS {
  try {
    return engine.compile(text)
  } catch (error) {
    const reason = errorText(error).replace(/^error parsing regexp: /, '')
    throw new RangeError(`is no regular expression of RE2: ${reason}. RE2 has no look-around and no back-references (https://github.com/google/re2/wiki/Syntax)`, { cause: error })
  }
}
