/**
 * Makes the values of X-Request-Id: 32 hexadecimal digits, of which the first 20 are random for each worker and the others
 * count. Unique, not secret.
 */
const RANDOM_DIGITS = 20
const ID_BYTES = 32
const DIGITS = Buffer.from('0123456789abcdef', 'latin1')
const FIRST_LETTER_STEP = 0x39
const LAST_LETTER = 0x66
const FIRST_LETTER = 0x61
const ZERO = 0x30

export class RequestIds {
  readonly #id = Buffer.alloc(ID_BYTES, '0', 'latin1')

  constructor () {
    const random = crypto.getRandomValues(new Uint8Array(RANDOM_DIGITS))
    for (let index = 0; index < RANDOM_DIGITS; index++) this.#id[index] = DIGITS[(random[index] ?? 0) & 15] ?? ZERO
  }

  /** The next id; valid until the next call. */
  next (): Buffer {
    const id = this.#id
    for (let index = ID_BYTES - 1; index >= RANDOM_DIGITS; index--) {
      const digit = id[index] ?? ZERO
      if (digit !== LAST_LETTER) {
        id[index] = digit === FIRST_LETTER_STEP ? FIRST_LETTER : digit + 1
        break
      }
      id[index] = ZERO
    }
    return id
  }
}
