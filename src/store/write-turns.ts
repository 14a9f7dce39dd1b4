import type { Clock } from '../core/clock.ts'

/** Others write as well if one of them has within so long. */
const CONTENDED_MS = 1_000
/** A slow server makes nobody wait for longer. */
const MAX_WAIT_MS = 250

/**
 * Whose turn it is among replicas that change one object by compare-and-swap. Who has just won could begin its next write before those who
 * lost have tried again, and win for ever. So while others write as well, who has written steps back for as long as the writes take that
 * others have made since its last one, and one more: that is for who has got none. No replica has to ask another one for it, and a write
 * that comes by itself never waits.
 */
export class WriteTurns {
  readonly #clock: Clock
  /** When others wrote last, and before that. */
  #othersAtMs = -Infinity
  #othersBeforeMs = -Infinity
  #heardVersion = ''
  /** Writes of others since the last one of this replica. */
  #others = 0
  #waitUntilMs = -Infinity

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** The watch has told of this version, which nobody here is known to have written. */
  heard (version: string): void {
    this.#heardVersion = version
    this.#othersBeforeMs = this.#othersAtMs
    this.#othersAtMs = this.#clock.nowMs()
    this.#others++
  }

  /** This replica has written this version. @param beganMs when it began to, by the clock */
  wrote (version: string, beganMs: number): void {
    // The watch was faster than the answer.
    if (version === this.#heardVersion) {
      this.#othersAtMs = this.#othersBeforeMs
      this.#others--
    }
    const nowMs = this.#clock.nowMs()
    this.#waitUntilMs = nowMs + Math.min((this.#others + 1) * (nowMs - beganMs), MAX_WAIT_MS)
    this.#others = 0
  }

  /** For how long the next write lets others go first, in milliseconds. */
  get waitMs (): number {
    const nowMs = this.#clock.nowMs()
    return nowMs - this.#othersAtMs > CONTENDED_MS ? 0 : Math.max(0, this.#waitUntilMs - nowMs)
  }
}
