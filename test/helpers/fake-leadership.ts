import type { HolderStanding, Leadership } from '../../src/core/leadership.ts'

/** Who holds the Lease is what the test says. */
export class FakeLeadership implements Leadership {
  standing: HolderStanding
  readonly #listeners = new Set<(standing: HolderStanding) => void>()

  constructor (standing: HolderStanding) {
    this.standing = standing
  }

  get isHolder (): boolean { return this.standing === 'holder' }

  get listeners (): number { return this.#listeners.size }

  watch (listener: (standing: HolderStanding) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  become (standing: HolderStanding): void {
    this.standing = standing
    for (const listener of this.#listeners) listener(standing)
  }
}
