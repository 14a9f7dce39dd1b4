/**
 * Texts whose signatures were found right, so that clients which go on asking need not prove the same again. Of each there is a keyed hash
 * of 64 bits alone: a text that was not proved is taken for one of them once in 10^18 times, and nobody can look for it without the key.
 * The memory is bounded: what is new takes the place of what has not been asked for longest, of the four in its slot.
 */
import { HalfSipHash } from '../core/half-sip-hash.ts'

/** Of four texts each: 512 KiB, taken with the first text. Of 10,000 that take turns 2 of 1,000 are not known, of 20,000 4 of 100. */
const SLOTS = 16_384
const WAYS = 4
const WORDS = WAYS * 2

export class ProvenTexts {
  readonly #hash: HalfSipHash
  #words: Int32Array | undefined

  /** @param random 32 random bits */
  constructor (random: () => number) {
    this.#hash = new HalfSipHash(random(), random())
  }

  has (text: string): boolean {
    const words = this.#words
    if (words === undefined) return false
    const start = this.#find(text)
    const { low, high } = this.#hash
    for (let at = start; at < start + WORDS; at += 2) {
      if (words[at] !== low || words[at + 1] !== high) continue
      if (at !== start) this.#putFirst(words, start, at)
      return true
    }
    return false
  }

  add (text: string): void {
    const words = this.#words ??= new Int32Array(SLOTS * WORDS)
    const start = this.#find(text)
    this.#putFirst(words, start, start + WORDS - 2)
  }

  /** Hashes a text. @returns where its slot begins */
  #find (text: string): number {
    this.#hash.hash(text)
    return (this.#hash.low & (SLOTS - 1)) * WORDS
  }

  /** The one that was asked for last is the first of its slot; those before `last`, which is forgotten, move on by one. */
  #putFirst (words: Int32Array, start: number, last: number): void {
    words.copyWithin(start + 2, start, last)
    words[start] = this.#hash.low
    words[start + 1] = this.#hash.high
  }
}
