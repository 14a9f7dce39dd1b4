/**
 * Does the new version still answer? It is silent when it has requests, answers none for a while, and would have answered several by what
 * is known of the pace of answers: a route whose answers take seconds has long gaps by chance.
 */

/** So many answers should have come: that none did has a probability of 1 in 3,000 then. */
const EXPECTED_ANSWERS = 8
/** Where no pace is known, so many requests have to be waiting. */
const WAITING_REQUESTS = 20

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
}

export class SilenceGuard {
  #silentMs: number
  #answersFrom: number
  /** Answers that the new version would have given, by those of the old one, and by the pace from before. */
  #expected: number
  #expectedByPace: number
  /** Of the last look; not stored, as the next one is soon. */
  #inFlight = 0
  #isPaceKnown = false
  #shareTo = 0

  constructor (stored?: readonly number[]) {
    this.#silentMs = stored?.[0] ?? 0
    this.#answersFrom = stored?.[1] ?? 0
    this.#expected = stored?.[2] ?? 0
    this.#expectedByPace = stored?.[3] ?? 0
  }

  stored (): readonly number[] {
    return [this.#silentMs, this.#answersFrom, this.#expected, this.#expectedByPace]
  }

  look (look: SilenceLook): void {
    const { elapsedMs, answersTo, answersFrom, inFlightTo, shareTo, pace } = look
    this.#inFlight = inFlightTo
    this.#isPaceKnown = pace !== undefined
    this.#shareTo = shareTo
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
    if (this.#silentMs < silenceMs) return 'no'
    if (this.#shareTo < 1 && this.#expected >= EXPECTED_ANSWERS) return 'new'
    const isClear = this.#isPaceKnown ? this.#expectedByPace >= EXPECTED_ANSWERS : this.#inFlight >= WAITING_REQUESTS
    if (!isClear) return 'no'
    if (this.#shareTo >= 1) return 'new'
    return this.#answersFrom === 0 ? 'both' : 'no'
  }

  get silentMs (): number {
    return this.#silentMs
  }
}
