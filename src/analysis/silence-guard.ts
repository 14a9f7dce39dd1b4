/**
 * Does the new version still answer? It is silent when it has requests, answers none for a while, and would have answered several by what
 * is known of the pace of answers: a route whose answers take seconds has long gaps by chance, and none at all at first.
 */

/** So many answers should have come: that none did has a probability of 1 in 3,000 then. */
const EXPECTED_ANSWERS = 8
/** Where no pace is known, so many requests have to be waiting. */
const WAITING_REQUESTS = 20
/** The new version is no slower than the old one in its slowest answers, times this. */
const SLOWEST_FACTOR = 2
/** A part of the time is enough where so many answers are missing, of several endpoints that have answered so many requests before. */
const QUICK_SHARE = 1 / 3
const QUICK_EXPECTED_ANSWERS = 50
const QUICK_ENDPOINTS = 2
const QUICK_ANSWERS = 20

/** What happened since the last look. */
interface SilenceLook {
  readonly elapsedMs: number
  readonly answersTo: number
  readonly answersFrom: number
  readonly inFlightTo: number
  /** The share of both that the new version has in force. */
  readonly shareTo: number
  /** Answers of both versions a millisecond, in earlier windows; undefined: not known. */
  readonly pace: number | undefined
  /** How long the slowest answers of the old version take; 0: not known, as before. */
  readonly slowestMs: number
  /** Used ones of the new version; 0 where not all answers are told at once. */
  readonly endpointsTo: number
}

export class SilenceGuard {
  #silentMs: number
  #answersFrom: number
  /** Answers that the new version would have given, by those of the old one, and by the pace from before. */
  #expected: number
  #expectedByPace: number
  #slowestMs: number
  /** Of the new version, ever. */
  #answersTo: number
  /** Of the last look; not stored, as the next one is soon. */
  #inFlight = 0
  #isPaceKnown = false
  #shareTo = 0
  #endpointsTo = 0

  constructor (stored?: readonly number[]) {
    this.#silentMs = stored?.[0] ?? 0
    this.#answersFrom = stored?.[1] ?? 0
    this.#expected = stored?.[2] ?? 0
    this.#expectedByPace = stored?.[3] ?? 0
    this.#slowestMs = stored?.[4] ?? 0
    this.#answersTo = stored?.[5] ?? 0
  }

  stored (): readonly number[] {
    return [this.#silentMs, this.#answersFrom, this.#expected, this.#expectedByPace, this.#slowestMs, this.#answersTo]
  }

  look (look: SilenceLook): void {
    const { elapsedMs, answersTo, answersFrom, inFlightTo, shareTo, pace, slowestMs, endpointsTo } = look
    this.#inFlight = inFlightTo
    this.#isPaceKnown = pace !== undefined
    this.#shareTo = shareTo
    this.#endpointsTo = endpointsTo
    if (slowestMs > 0) this.#slowestMs = slowestMs
    this.#answersTo += answersTo
    if (answersTo > 0 || inFlightTo <= 0) {
      this.#silentMs = 0
      this.#answersFrom = 0
      this.#expected = 0
      this.#expectedByPace = 0
      return
    }
    this.#silentMs += elapsedMs
    this.#answersFrom += answersFrom
    if (shareTo < 1) this.#expected += answersFrom * shareTo / (1 - shareTo)
    this.#expectedByPace += (pace ?? 0) * shareTo * elapsedMs
  }

  /** `new`: only the new version is silent; `both`: the old one has traffic and is silent too. */
  silent (silenceMs: number): 'no' | 'new' | 'both' {
    const isBeside = this.#shareTo < 1
    if (isBeside && this.#isQuiteClear && this.#silentMs >= this.#patience(silenceMs * QUICK_SHARE)) return 'new'
    if (this.#silentMs < this.#patience(silenceMs)) return 'no'
    if (isBeside && this.#expected >= EXPECTED_ANSWERS) return 'new'
    const isClear = this.#isPaceKnown ? this.#expectedByPace >= EXPECTED_ANSWERS : this.#inFlight >= WAITING_REQUESTS
    if (!isClear) return 'no'
    if (!isBeside) return 'new'
    return this.#answersFrom === 0 ? 'both' : 'no'
  }

  /** All endpoints stall at once, which have answered well, while the old version goes on: no pause of one process is like that. */
  get #isQuiteClear (): boolean {
    return this.#endpointsTo >= QUICK_ENDPOINTS && this.#answersTo >= QUICK_ANSWERS && this.#expected >= QUICK_EXPECTED_ANSWERS
  }

  #patience (silenceMs: number): number {
    return Math.max(silenceMs, SLOWEST_FACTOR * this.#slowestMs)
  }

  get silentMs (): number {
    return this.#silentMs
  }
}
