const UINT32_RANGE = 2 ** 32

/**
 * A small, fast generator of pseudo-random numbers for load balancing and sampling: sfc32 of Chris Doty-Humphrey's
 * PractRand (public domain), 128 bits of state. Not for secrets.
 *
 * The state is four small integers in fields of one object, so a draw allocates nothing.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** @param seed the same seed gives the same sequence; without one the generator starts from the system's entropy. */
  constructor (seed?: number) {
    if (seed === undefined) {
      // V8 has seeded its own generator from the system's entropy. For `crypto` Node would load all of Web Crypto, in each thread.
      this.#a = Math.random() * 2 ** 32 | 0
      this.#b = Math.random() * 2 ** 32 | 0
      this.#c = Math.random() * 2 ** 32 | 0
    } else {
      this.#a = 0
      this.#b = seed | 0
      this.#c = Math.floor(seed / 2 ** 32) | 0
    }
    this.#counter = 1
    // The first outputs still show the seed; the author of sfc32 discards this many.
    for (let round = 0; round < 15; round++) this.nextInt32()
  }

  /** A whole number from -2^31 to 2^31 - 1. Hot code uses this one: V8 never puts such a number on the heap. */
  nextInt32 (): number {
    const sum = this.#a + this.#b + this.#counter | 0
    this.#counter = this.#counter + 1 | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = this.#c + (this.#c << 3) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0
    return sum
  }

  /** A whole number from 0 to 2^32 - 1. */
  nextUint32 (): number {
    return this.nextInt32() >>> 0
  }

  /** Uniform in [0, 1). */
  nextFraction (): number {
    return this.nextUint32() / UINT32_RANGE
  }
}
