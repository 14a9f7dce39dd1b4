/**
 * The ids of requests: 32 hexadecimal digits, of which the first 20 are random for each worker and the others count. Unique, not
 * secret. A request keeps its number; the digits are written where they are needed. Hot.
 */
import { Random } from '../core/random.ts'

/** The name of the field that carries one. */
const REQUEST_ID_NAME = 'X-Request-Id'
const RANDOM_DIGITS = 20
const ID_BYTES = 32
const DIGITS = Buffer.from('0123456789abcdef', 'latin1')
const ZERO = 0x30
/** The digits of a number are written in two halves of 24 bits; the upper one hardly ever changes. */
const HALF_RANGE = 0x100_0000
const HALF_DIGITS = 6

export class RequestIds {
  /** The line of a response head. */
  readonly #line = Buffer.from(`${REQUEST_ID_NAME}: ${'0'.repeat(ID_BYTES)}\r\n`, 'latin1')
  readonly #id = this.#line.subarray(REQUEST_ID_NAME.length + 2, REQUEST_ID_NAME.length + 2 + ID_BYTES)
  readonly #prefix: string
  #last = 0
  #upper = 0

  constructor () {
    const random = new Random()
    for (let index = 0; index < RANDOM_DIGITS; index++) this.#id[index] = DIGITS[random.nextInt32() & 15] ?? ZERO
    this.#prefix = this.#id.toString('latin1', 0, RANDOM_DIGITS)
  }

  /** The number of the latest request; 0 before the first. */
  get last (): number { return this.#last }

  /** The number of another request: the first is 1. */
  next (): number { return ++this.#last }

  /** The id of a request; valid until the next call. */
  bytes (number: number): Buffer {
    this.#write(number)
    return this.#id
  }

  /** The id as a whole X-Request-Id line; valid until the next call. */
  line (number: number): Buffer {
    this.#write(number)
    return this.#line
  }

  text (number: number): string {
    return this.bytes(number).toString('latin1')
  }

  /** The number of an id that this worker has made; 0 for any other text. */
  numberOf (id: string): number {
    if (id.length !== ID_BYTES || !id.startsWith(this.#prefix)) return 0
    const digits = id.slice(RANDOM_DIGITS)
    return /^[0-9a-f]+$/.test(digits) ? Number.parseInt(digits, 16) : 0
  }

  #write (number: number): void {
    const upper = Math.floor(number / HALF_RANGE)
    if (upper !== this.#upper) {
      this.#upper = upper
      writeDigits(this.#id, upper, ID_BYTES - HALF_DIGITS)
    }
    writeDigits(this.#id, number % HALF_RANGE, ID_BYTES)
  }
}

function writeDigits (id: Buffer, value: number, end: number): void {
  let rest = value
  for (let index = end - 1; index >= end - HALF_DIGITS; index--) {
    id[index] = DIGITS[rest & 15] ?? ZERO
    rest >>>= 4
  }
}
