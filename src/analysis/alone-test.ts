/**
 * Where the old version has no traffic any more (after 100 %, or after a switch): the new version's requests against the share that was
 * known of the old one before. What few requests have shown of it may be far from what it is like, so a fail compares with the most that it
 * may be, and a pass with the least. Nothing is beside it, so an outage of both would look like its own fault: the judge asks for more
 * before it believes.
 */
import { alternatives, COMPARISON_ALTERNATIVES } from './comparison.ts'
import { lnMean } from './label-test.ts'

/** The old version's share of failures, as known from before: about, at least, at most. */
export interface KnownShare {
  readonly share: number
  readonly low: number
  readonly high: number
}

export class AloneTest {
  readonly #margin: number
  readonly #logs: number[]
  #passLog: number
  #requests: number
  #failures: number

  constructor (margin: number, stored?: readonly number[]) {
    this.#margin = margin
    this.#logs = Array.from({ length: COMPARISON_ALTERNATIVES }, (_, index) => stored?.[index] ?? 0)
    this.#passLog = stored?.[COMPARISON_ALTERNATIVES] ?? 0
    this.#requests = stored?.[COMPARISON_ALTERNATIVES + 1] ?? 0
    this.#failures = stored?.[COMPARISON_ALTERNATIVES + 2] ?? 0
  }

  stored (): readonly number[] {
    return [...this.#logs, this.#passLog, this.#requests, this.#failures]
  }

  add (requests: number, failures: number, { share, low, high }: KnownShare): void {
    this.#requests += requests
    this.#failures += failures
    const good = requests - failures
    const lnOf = (p: number, limit: number): number => failures * Math.log(p / limit) + good * Math.log((1 - p) / (1 - limit))
    const most = high + this.#margin
    if (most < 1) {
      alternatives(high, this.#margin).forEach((a, index) => {
        if (a > most) this.#logs[index] = (this.#logs[index] ?? 0) + lnOf(a, most)
      })
    }
    const least = low + this.#margin
    if (share < least && least < 1) this.#passLog += lnOf(share, least)
  }

  /** Leaves out what was seen so far. */
  forgive (): void {
    this.#logs.fill(0)
    this.#passLog = this.#requests = this.#failures = 0
  }

  get requests (): number {
    return this.#requests
  }

  get failures (): number {
    return this.#failures
  }

  get lnEvidence (): number {
    return lnMean(this.#logs)
  }

  get lnPass (): number {
    return this.#passLog
  }
}
