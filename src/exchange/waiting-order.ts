/**
 * Requests that wait, in the order in which they came. One that has waited before and comes back has its old place.
 */

/** Where a request stands: by its time, then by its number. */
export interface WaitingPlace<Request> {
  readonly request: Request
  /** What was counted for it. */
  readonly bytes: number
  readonly sinceMs: number
  /** Rises with each place that is taken. */
  readonly number: number
}

export class WaitingOrder<Request> {
  readonly #places: Array<WaitingPlace<Request>> = []

  /** Mostly the place is the last one. */
  add (place: WaitingPlace<Request>): void {
    this.#places.splice(this.#indexAfter(place), 0, place)
  }

  remove (place: WaitingPlace<Request>): void {
    const index = this.#indexAfter(place) - 1
    if (this.#places[index] === place) this.#places.splice(index, 1)
  }

  /**
   * The first place behind another one, which need not be taken any more.
   * @param behind null for the first of all
   * @param upTo places with higher numbers are passed over: they were taken later
   */
  next (behind: WaitingPlace<Request> | null, upTo: number): WaitingPlace<Request> | undefined {
    for (let index = behind === null ? 0 : this.#indexAfter(behind); index < this.#places.length; index++) {
      const place = this.#places[index]
      if (place !== undefined && place.number <= upTo) return place
    }
    return undefined
  }

  /** How many stand up to that place, itself included. */
  #indexAfter ({ sinceMs, number }: WaitingPlace<Request>): number {
    const places = this.#places
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = places[middle]
      if (at !== undefined && (at.sinceMs < sinceMs || (at.sinceMs === sinceMs && at.number <= number))) low = middle + 1
      else high = middle
    }
    return low
  }
}
