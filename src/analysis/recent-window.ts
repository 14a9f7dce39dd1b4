/**
 * What both versions did lately: of 10 to 20 seconds, or longer where there are few requests. An hour of good answers is not to hide what
 * is bad now.
 */

const TURN_MS = 10_000

export interface RecentOutcomes {
  readonly ms: number
  readonly requestsFrom: number
  readonly failuresFrom: number
  readonly requestsTo: number
  readonly failuresTo: number
}

type Half = [ms: number, requestsFrom: number, failuresFrom: number, requestsTo: number, failuresTo: number]

export class RecentWindow {
  readonly #minRequests: number
  #before: Half
  #now: Half

  /** @param minRequests of the new version that are seen at once, however long they take */
  constructor (minRequests: number, stored?: readonly number[]) {
    this.#minRequests = minRequests
    const half = (from: number): Half => [0, 1, 2, 3, 4].map(index => stored?.[from + index] ?? 0) as Half // five numbers
    this.#before = half(0)
    this.#now = half(5)
  }

  stored (): readonly number[] {
    return [...this.#before, ...this.#now]
  }

  add (outcomes: RecentOutcomes): void {
    this.#now[0] += outcomes.ms
    this.#now[1] += outcomes.requestsFrom
    this.#now[2] += outcomes.failuresFrom
    this.#now[3] += outcomes.requestsTo
    this.#now[4] += outcomes.failuresTo
    // A window without requests of the new version moves on by time: the old one's pace is to be recent too.
    if (this.#now[0] < TURN_MS || (this.#now[3] > 0 && this.#now[3] < this.#minRequests)) return
    this.#before = this.#now
    this.#now = [0, 0, 0, 0, 0]
  }

  /** Leaves out what has failed of the new version. */
  forgive (): void {
    this.#before[4] = this.#now[4] = 0
  }

  get outcomes (): RecentOutcomes {
    const [a, b] = [this.#before, this.#now]
    return { ms: a[0] + b[0], requestsFrom: a[1] + b[1], failuresFrom: a[2] + b[2], requestsTo: a[3] + b[3], failuresTo: a[4] + b[4] }
  }
}
