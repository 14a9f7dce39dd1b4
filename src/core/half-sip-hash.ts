/**
 * HalfSipHash-2-4 with 64 bits of output, by J.-P. Aumasson (https://github.com/veorq/SipHash, halfsiphash.c): a keyed hash of 32-bit
 * operations. Who does not know the key can't find texts that collide.
 *
 * The result is left in two fields, so that a hash allocates nothing. The rounds are written out in one loop over local variables: it runs
 * for every request of a route with a list, and calls would cost several times as much as what they do.
 */
export class HalfSipHash {
  readonly #key0: number
  readonly #key1: number
  /** The first 32 bits of the last hash, signed. */
  low = 0
  /** The other 32 bits. */
  high = 0

  constructor (key0: number, key1: number) {
    this.#key0 = key0 | 0
    this.#key1 = key1 | 0
  }

  /** @param text a character for each byte: what a character has beyond eight bits does not count */
  hash (text: string): void {
    let v0 = this.#key0
    let v1 = this.#key1 ^ 0xee
    let v2 = 0x6c796765 ^ v0
    let v3 = 0x74656462 ^ this.#key1
    const { length } = text
    const whole = length >>> 2
    // Two rounds for each word and for the last one, then twice four for the halves of the result.
    const rounds = (whole + 1) * 2 + 8
    let word = 0
    for (let round = 0; round < rounds; round++) {
      const isInput = round < rounds - 8
      if (isInput && (round & 1) === 0) {
        word = wordAt(text, round << 1)
        v3 ^= word
      } else if (round === rounds - 8) {
        v2 ^= 0xee
      } else if (round === rounds - 4) {
        this.low = v1 ^ v3
        v1 ^= 0xdd
      }
      v0 = v0 + v1 | 0
      v1 = (v1 << 5 | v1 >>> 27) ^ v0
      v0 = v0 << 16 | v0 >>> 16
      v2 = v2 + v3 | 0
      v3 = (v3 << 8 | v3 >>> 24) ^ v2
      v0 = v0 + v3 | 0
      v3 = (v3 << 7 | v3 >>> 25) ^ v0
      v2 = v2 + v1 | 0
      v1 = (v1 << 13 | v1 >>> 19) ^ v2
      v2 = v2 << 16 | v2 >>> 16
      if (isInput && (round & 1) === 1) v0 ^= word
    }
    this.high = v1 ^ v3
  }
}

/** Four bytes from an index on; of the last ones, what is left of them below the length in the highest byte. */
function wordAt (text: string, index: number): number {
  const { length } = text
  if (index + 4 <= length) {
    return (text.charCodeAt(index) & 0xff) | (text.charCodeAt(index + 1) & 0xff) << 8 |
      (text.charCodeAt(index + 2) & 0xff) << 16 | text.charCodeAt(index + 3) << 24
  }
  let word = length << 24
  for (let at = index; at < length; at++) word |= (text.charCodeAt(at) & 0xff) << 8 * (at - index)
  return word
}
