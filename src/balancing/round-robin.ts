import type { Balancer, Candidate } from './balancer.ts'

/** One after the other. Candidates that are not eligible are passed over; the others share evenly. */
export class RoundRobin implements Balancer {
  #next: number

  /**
   * @param random 32 random bits for each call, signed or unsigned: where the round starts. Workers that all started with
   * the first endpoint would keep sending to it at the same time.
   */
  constructor (random: () => number) {
    this.#next = random() & 0x3fff_ffff
  }

  pick (candidates: readonly Candidate[], _keyHash: number): number {
    const count = candidates.length
    if (count === 0) return -1
    let index = this.#next < count ? this.#next : this.#next % count
    for (let tried = 0; tried < count; tried++) {
      const following = index + 1 === count ? 0 : index + 1
      if (candidates[index]?.eligible === true) {
        this.#next = following
        return index
      }
      index = following
    }
    return -1
  }
}
