import { combineHashes, hashString, mix32 } from '../core/hash.ts'
import type { VersionScore } from '../contract/questions.ts'

const TWO_POW_MINUS_32 = 2 ** -32

/** Keeps 1 / weight finite for the smallest of doubles; times the greatest -ln(u), which is below 23, it is so still. */
const GREATEST_INVERSE = 1e300

/**
 * The weights of a route's versions, and the choice of a version for a key: weighted rendezvous hashing.
 *
 * score(version) = -ln(u) / weight, the smallest wins; u in (0, 1) is a hash of the key, the salt and the version's name.
 * -ln(u) / weight is exponentially distributed with the rate `weight`, so each version wins its weight's share exactly;
 * and since a version's score depends on no other version, a change of one weight moves keys only into or out of that
 * version. No table is kept: every worker and replica draws the same.
 *
 * Immutable. `choose` and `chooseAmong` run for every request: they read typed arrays that were filled beforehand and
 * allocate nothing.
 *
 * u has 32 bits. That is all there is to have: the key has 32, so no share finer than 2^-32 can exist; and a version with
 * one millionth of the weight still has over 4,000 values of u to win with.
 */
export class Split {
  /** The versions' names; `choose` returns positions in this list. */
  readonly versions: readonly string[]
  /** The configured one. */
  readonly #salt: string
  readonly #weights: readonly number[]
  /**
   * Positions of the versions with a weight, the heaviest first: the likely winner sets a low score early, and the
   * others can be dismissed without a logarithm.
   */
  readonly #order: Int32Array
  /** By place in #order: 1 / weight. */
  readonly #inverses: Float64Array
  /**
   * By place in #order: two independent hashes of salt and name. One would do, if two names never shared one: the pair
   * would then draw alike for every key, and the heavier of them would get all.
   */
  readonly #first: Int32Array
  readonly #second: Int32Array

  /**
   * @param salt another salt draws another cohort
   * @param versions distinct names
   * @param weights one for each version, finite and not negative, in any unit: only their ratio counts
   * @param rolloutSalt mixed with the salt; '' leaves it as it is
   * @throws RangeError when the lists do not fit together
   */
  constructor (salt: string, versions: readonly string[], weights: readonly number[], rolloutSalt = '') {
    assertWeights(versions, weights)
    this.versions = [...versions]
    this.#salt = salt
    this.#weights = [...weights]
    const order = versions.map((_, index) => index)
      .filter(index => this.weightOf(index) > 0)
      .sort((left, right) => this.weightOf(right) - this.weightOf(left) || left - right)
    const names = order.map(index => versions[index] ?? '')
    this.#order = Int32Array.from(order)
    this.#inverses = Float64Array.from(order, index => Math.min(1 / this.weightOf(index), GREATEST_INVERSE))
    // What people configure has no such character.
    const mixed = rolloutSalt === '' ? salt : `${salt}\0${rolloutSalt}`
    this.#first = Int32Array.from(names, name => combineHashes(hashString(mixed), hashString(name)))
    this.#second = Int32Array.from(names, name => combineHashes(hashString(name, 0x5bd1e995), hashString(mixed, 0x5bd1e995)))
  }

  /** The weight of the version at `index`; 0 for one that there is not. */
  weightOf (index: number): number {
    return this.#weights[index] ?? 0
  }

  /** The same versions and configured salt with other weights, and with the salt of a rollout unless that is ''. */
  withWeights (weights: readonly number[], rolloutSalt: string): Split {
    return new Split(this.#salt, this.versions, weights, rolloutSalt)
  }

  /** The position of the key's version; -1 when every weight is 0. */
  choose (keyHash: number): number {
    const order = this.#order
    // A route after its rollout has one version with a weight: nothing to draw.
    if (order.length <= 1) return order.length === 0 ? -1 : order[0] ?? -1
    let winner = 0
    let lowest = Infinity
    for (let place = 0; place < order.length; place++) {
      const inverse = this.#inverses[place] ?? 0
      const u = ((this.#draw(keyHash, place) >>> 0) + 0.5) * TWO_POW_MINUS_32
      // 1 - u is below -ln(u) for every u of the grid, by far more than rounding: whoever fails this can't win. It spares
      // most of the logarithms, which cost more than all the rest.
      if ((1 - u) * inverse >= lowest) continue
      const score = -Math.log(u) * inverse
      if (score < lowest) {
        lowest = score
        winner = place
      }
    }
    return order[winner] ?? -1
  }

  /**
   * The position of the key's first choice among the allowed versions: the key's version if that is allowed, or else
   * the next by score. Other keys are not moved by it, and the key returns when its version is back.
   * @param allowed one byte for each version, by position; 0 means that it is not
   * @returns -1 when no version that has a weight is allowed
   */
  chooseAmong (keyHash: number, allowed: Uint8Array): number {
    const choice = this.choose(keyHash)
    if (choice === -1 || (allowed[choice] ?? 0) !== 0) return choice
    const order = this.#order
    let winner = -1
    let lowest = Infinity
    for (let place = 0; place < order.length; place++) {
      const index = order[place] ?? -1
      if ((allowed[index] ?? 0) === 0) continue
      const score = this.#score(keyHash, place)
      if (score < lowest) {
        lowest = score
        winner = index
      }
    }
    return winner
  }

  /** What every version scored for the key, in the order of `versions`. For explanations: it allocates. */
  scores (keyHash: number): readonly VersionScore[] {
    const placeOf = new Map(Array.from(this.#order, (index, place) => [index, place]))
    return this.versions.map((version, index) => {
      const place = placeOf.get(index)
      return { version, weight: this.weightOf(index), score: place === undefined ? undefined : this.#score(keyHash, place) }
    })
  }

  /**
   * Math.log is computed by V8 itself, not by the machine's C library, so it is the same everywhere but for a possible
   * last bit on another processor. Two scores are that close for about one key in 10^15, more than there are keys.
   */
  #score (keyHash: number, place: number): number {
    const u = ((this.#draw(keyHash, place) >>> 0) + 0.5) * TWO_POW_MINUS_32
    return -Math.log(u) * (this.#inverses[place] ?? 0)
  }

  /**
   * 32 bits of the grid on which u lies: n of (n + ½) · 2^-32. Neither 0 nor 1 is on it, so the logarithm is finite and
   * not 0. The caller makes the fraction: returned from here it would go to the heap wherever V8 does not inline this.
   */
  #draw (keyHash: number, place: number): number {
    return mix32(mix32(keyHash + (this.#first[place] ?? 0)) ^ (this.#second[place] ?? 0))
  }
}

function assertWeights (versions: readonly string[], weights: readonly number[]): void {
  if (versions.length !== weights.length) {
    throw new RangeError(`a split of ${versions.length} versions needs as many weights, not ${weights.length}`)
  }
  if (new Set(versions).size !== versions.length) {
    throw new RangeError(`the versions of a split need different names: ${versions.join(', ')}`)
  }
  weights.forEach((weight, index) => {
    if (!Number.isFinite(weight) || weight < 0) {
      throw new RangeError(`the weight of version "${versions[index] ?? ''}" is ${weight}; it must be a finite number, 0 or more`)
    }
  })
}
