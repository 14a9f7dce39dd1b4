import type { Clock, TimerHandle } from '../core/clock.ts'

export interface LookScheduleOptions {
  readonly clock: Clock
  /** Looks once. @returns when to look again, in milliseconds; Infinity waits for a hint or for `lookIn` */
  readonly look: () => Promise<number>
  /** How long after a hint the next look is, in milliseconds. */
  readonly hintMs: number
}

/**
 * When to look at something that may change: one look at a time, the next one as soon as the last one or a hint wants it.
 * Hints in a row cost one look; one that comes during a look asks for another, because the change may have been missed.
 */
export class LookSchedule {
  readonly #clock: Clock
  readonly #look: () => Promise<number>
  readonly #hintMs: number
  #timer: TimerHandle | null = null
  /** When the timer fires (monotonic ms). */
  #timerAt = Infinity
  #isLooking = false
  #hintedWhileLooking = false
  #stopped = true

  constructor ({ clock, look, hintMs }: LookScheduleOptions) {
    this.#clock = clock
    this.#look = look
    this.#hintMs = hintMs
  }

  /** True before `start` and after `stop`. A look that goes on meanwhile should tell nobody what it sees. */
  get stopped (): boolean {
    return this.#stopped
  }

  /** Takes hints and times from now on. */
  start (): void {
    this.#stopped = false
  }

  /** No look begins after this, until `start`. */
  stop (): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
    this.#timerAt = Infinity
  }

  /** Something may have changed. */
  hint (): void {
    if (this.#stopped) return
    if (this.#isLooking) this.#hintedWhileLooking = true
    else this.lookIn(this.#hintMs)
  }

  /** Looks after a time, in milliseconds, unless a look is due before. */
  lookIn (delayMs: number): void {
    const at = this.#clock.nowMs() + delayMs
    if (this.#stopped || at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null
      this.#timerAt = Infinity
      void this.#lookAndGoOn()
    })
  }

  async #lookAndGoOn (): Promise<void> {
    if (this.#isLooking) {
      this.#hintedWhileLooking = true
      return
    }
    this.#isLooking = true
    this.#hintedWhileLooking = false
    const nextMs = await this.#look()
    this.#isLooking = false
    this.lookIn(this.#hintedWhileLooking ? this.#hintMs : nextMs)
  }
}
