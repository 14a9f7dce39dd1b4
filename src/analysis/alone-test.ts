/**
 * Where the old version has no traffic any more (after 100 %, or after a switch): the new version's requests against the share that was
 * known of the old one before. Nothing is beside it, so an outage of both would look like its own fault: the judge asks for more before
 * it believes.
 */
import { alternatives, COMPARISON_ALTERNATIVES } from './comparison.ts'
import { lnMean } from './label-test.ts'

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

  /** @param b the old version's share of failures, as known from before */
  add (requests: number, failures: number, b: number): void {
    this.#requests += requests
    this.#failures += failures
    const limit = b + this.#margin
    if (!(limit < 1)) return
    const lnOf = (p: number): number => failures * Math.log(p / limit) + (requests - failures) * Math.log((1 - p) / (1 - limit))
    alternatives(b, this.#margin).forEach((a, index) => {
      if (a > limit) this.#logs[index] = (this.#logs[index] ?? 0) + lnOf(a)
    })
    this.#passLog += lnOf(b)
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
