/**
 * What went wrong on single endpoints of the new version, of those with the most: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi
 * 2005), so that an endpoint that goes bad late comes in, whatever the others have had.
 */
import type { ByEndpoint } from '../contract/rollout-watch.ts'

/** Endpoints that are told apart. */
export const MAX_ENDPOINTS = 8

interface Place<Counts> {
  readonly counts: Counts
  /** What those had that had the place before: only the rank counts it. */
  readonly inherited: number
}

export class EndpointCounts<Counts extends { readonly requests: number }> {
  readonly #sum: (left: Counts, right: Counts) => Counts
  readonly #places: Map<string, Place<Counts>>

  /** @param places as another one has told them by `ranked` */
  constructor (
    sum: (left: Counts, right: Counts) => Counts,
    places: ReadonlyArray<readonly [endpoint: string, counts: Counts, inherited: number]> = []
  ) {
    this.#sum = sum
    this.#places = new Map(places.map(([endpoint, counts, inherited]) => [endpoint, { counts, inherited }]))
  }

  get size (): number { return this.#places.size }

  get (endpoint: string): Counts | undefined {
    return this.#places.get(endpoint)?.counts
  }

  clear (): void {
    this.#places.clear()
  }

  /** @param kept an endpoint that never makes room */
  add (more: ByEndpoint<Counts>, kept: string | null = null): void {
    for (const [endpoint, counts] of more) {
      const before = this.#places.get(endpoint)
      if (before !== undefined) this.#places.set(endpoint, { counts: this.#sum(before.counts, counts), inherited: before.inherited })
      else this.#places.set(endpoint, { counts, inherited: this.#places.size < MAX_ENDPOINTS ? 0 : this.#makeRoom(kept) })
    }
  }

  /** The one with the least goes. @returns what it had */
  #makeRoom (kept: string | null): number {
    const [least, { counts, inherited }] = [...this.#places].filter(([name]) => name !== kept)
      .reduce((a, b) => rankOf(b[1]) < rankOf(a[1]) ? b : a)
    this.#places.delete(least)
    return counts.requests + inherited
  }

  get all (): ByEndpoint<Counts> {
    return new Map([...this.#places].map(([endpoint, { counts }]) => [endpoint, counts]))
  }

  get ranked (): ReadonlyArray<readonly [endpoint: string, counts: Counts, inherited: number]> {
    return [...this.#places].map(([endpoint, { counts, inherited }]) => [endpoint, counts, inherited])
  }
}

function rankOf ({ counts, inherited }: Place<{ readonly requests: number }>): number {
  return counts.requests + inherited
}
