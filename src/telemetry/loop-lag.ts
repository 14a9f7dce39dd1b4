/**
 * How late a periodic tick comes: the time that other work kept the event loop from it.
 *
 * Pure: whoever owns the timer tells the times.
 */
export class LoopLag {
  readonly #intervalMs: number
  #lastMs: number | undefined
  #lagS = 0
  #maxLagS = 0

  /** @param intervalMs how long after a tick the next one is due */
  constructor (intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** How late the last tick was, in seconds. */
  get lagS (): number {
    return this.#lagS
  }

  /** How late the latest tick was so far, in seconds. */
  get maxLagS (): number {
    return this.#maxLagS
  }

  /**
   * Takes the time of a tick.
   * @param nowMs monotonic time
   */
  tick (nowMs: number): void {
    if (this.#lastMs !== undefined) {
      this.#lagS = Math.max(0, nowMs - this.#lastMs - this.#intervalMs) / 1000
      this.#maxLagS = Math.max(this.#maxLagS, this.#lagS)
    }
    this.#lastMs = nowMs
  }
}
