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
/** A longer text is never searched. @internal */
export const MAX_SEARCHED = 4_096
/** Of a search, instructions times bytes: what a client can make Weir do with one text. 20 to 30 nanoseconds each. */
const MAX_STEPS = 131_072
/** For the states of a pattern's automaton that texts have led to: with room for more, hostile ones take ten times as long. */
const STATE_BYTES = 131_072

const PAST_ASCII = /[^\0-\x7f]/

export class LinearPattern {
  /** A longer text is not searched, and does not match. */
  readonly maxBytes: number
  readonly #search: (text: string) => boolean

  /** @throws RangeError that says what is wrong with the pattern */
  constructor (text: string) {
    if (text.length > MAX_CHARACTERS) throw new RangeError(`is a regular expression of ${text.length} characters; ${MAX_CHARACTERS} are allowed`)
    if (!text.isWellFormed()) throw new RangeError('has half of a character, a lone surrogate, which no text has')
    const { RE2JS, RE2Set } = createRequire(import.meta.url)('re2js') as typeof Re2Module
    const size = compile(RE2JS, text).programSize()
    if (size > MAX_INSTRUCTIONS) {
      throw new RangeError(`is a regular expression that takes ${size} steps for each character; ${MAX_INSTRUCTIONS} are allowed: repeat less with \`{n,m}\``)
    }
    this.maxBytes = Math.min(MAX_SEARCHED, Math.floor(MAX_STEPS / size))
    // A set of one: it alone can be told how much memory its automaton may have.
    const pattern = new RE2Set(RE2Set.UNANCHORED, 0, STATE_BYTES)
    pattern.add(text)
    pattern.compile()
    this.#search = candidate => pattern.match(candidate).length > 0
  }

  /**
   * Is the pattern somewhere in the text?
   * @param wire a character for each byte, of UTF-8
   */
  isIn (wire: string): boolean {
    if (wire.length > this.maxBytes) return false
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
