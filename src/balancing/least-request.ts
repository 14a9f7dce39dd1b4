import type { Balancer, Candidate } from './balancer.ts'

/** How often one of the two is drawn again before the candidates are counted instead. */
const MAX_DRAWS = 8

/**
 * The power of two choices: of two different eligible candidates drawn at random, the one with fewer requests in flight
 * (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Nearly as even as looking at all of
 * them, at a constant price, and workers that don't know of each other don't all run to the same idle endpoint.
 *
 * A candidate that is not eligible is drawn again, which leaves every pair of eligible ones as likely as before. After
 * a few misses the eligible ones are counted and two are drawn by rank: as fair, and the only time that all are looked at.
 */
export class LeastRequest implements Balancer {
  readonly #random: () => number

  /** @param random 32 random bits for each call, signed or unsigned */
  constructor (random: () => number) {
    this.#random = random
  }

  pick (candidates: readonly Candidate[], _keyHash: number): number {
    const count = candidates.length
    if (count <= 1) return candidates[0]?.eligible === true ? 0 : -1
    const first = this.#drawEligible(candidates, -1)
    if (first === -1) return this.#pickByRank(candidates)
    const second = this.#drawEligible(candidates, first)
    return second === -1 ? this.#pickByRank(candidates) : lessBusy(candidates, first, second)
  }

  /** An eligible position other than `excluded`; -1 after too many misses. `excluded` is -1 or a position. */
  #drawEligible (candidates: readonly Candidate[], excluded: number): number {
    const choices = excluded === -1 ? candidates.length : candidates.length - 1
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const drawn = this.#below(choices)
      // Leaves a gap at `excluded`: the others stay equally likely, and no draw is spent on it.
      const index = excluded !== -1 && drawn >= excluded ? drawn + 1 : drawn
      if (candidates[index]?.eligible === true) return index
    }
    return -1
  }

  #pickByRank (candidates: readonly Candidate[]): number {
    let eligible = 0
    for (let index = 0; index < candidates.length; index++) {
      if (candidates[index]?.eligible === true) eligible++
    }
    if (eligible <= 1) return positionOfRank(candidates, 0)
    const firstRank = this.#below(eligible)
    const drawn = this.#below(eligible - 1)
    const secondRank = drawn >= firstRank ? drawn + 1 : drawn
    return lessBusy(candidates, positionOfRank(candidates, firstRank), positionOfRank(candidates, secondRank))
  }

  /**
   * A whole number from 0 to `limit` - 1, out of the upper 16 of the 32 bits: in whole numbers, as a fraction would go
   * to the heap wherever V8 does not inline this. Off from even by less than `limit` in 65,536; more candidates than
   * that nobody has, and those past it would only never be drawn.
   */
  #below (limit: number): number {
    return Math.imul(this.#random() >>> 16, limit) >>> 16
  }
}

/** On a tie the first one: which of the two was drawn first is chance already. */
function lessBusy (candidates: readonly Candidate[], first: number, second: number): number {
  return (candidates[second]?.inFlight ?? 0) < (candidates[first]?.inFlight ?? 0) ? second : first
}

/** The position of the eligible candidate that has `rank` eligible ones before it; -1 when there is none. */
function positionOfRank (candidates: readonly Candidate[], rank: number): number {
  let before = 0
  for (let index = 0; index < candidates.length; index++) {
    if (candidates[index]?.eligible !== true) continue
    if (before === rank) return index
    before++
  }
  return -1
}
