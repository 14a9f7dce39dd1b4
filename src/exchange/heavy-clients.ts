/** Which clients have the most failures, in bounded memory: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005). */
import type { HeavyClient } from '../contract/rollout-watch.ts'

/** Clients that have a place. Whoever has more than a sixteenth of all failures is among them for certain. */
const PLACES = 16

interface Place {
  keyHash: number
  key: string
  /** Failures of the client and of those that had the place before it. */
  count: number
  /** Of these, at most so many are not the client's own. */
  inherited: number
}

export class HeavyClients {
  readonly #places: Place[] = []

  /**
   * A client has failed once more.
   * @param name what people call it; asked for when it gets a place
   */
  add (keyHash: number, name: () => string): void {
    const places = this.#places
    const own = places.find(place => place.keyHash === keyHash)
    if (own !== undefined) own.count++
    else if (places.length < PLACES) places.push({ keyHash, key: name(), count: 1, inherited: 0 })
    else inherit(places, { keyHash, key: name() })
  }

  /** The clients with the failures that each has had at least, the heaviest first. */
  list (): readonly HeavyClient[] {
    return this.#places.map(({ key, count, inherited }) => ({ key, failures: count - inherited }))
      .sort((left, right) => right.failures - left.failures)
  }
}

/** The client with the least failures makes room. */
function inherit (places: readonly Place[], client: Pick<Place, 'keyHash' | 'key'>): void {
  const least = places.reduce((lightest, place) => place.count < lightest.count ? place : lightest)
  Object.assign(least, client, { count: least.count + 1, inherited: least.count })
}
