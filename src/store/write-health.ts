import { backoffMs } from '../core/backoff.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'

export interface WriteHealthOptions {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Finds out whether it can be written again, and says so here. Must not reject. */
  readonly trial: () => Promise<void>
}

/** Until a trial, in milliseconds. */
const TRIAL_BACKOFF = { baseMs: 1_000, maxMs: 10_000 }

/**
 * Whether a store over the network can be written, as the last write has shown: that it can be read says nothing of it. After a failed
 * write it is tried again from time to time, for the next change may be days away.
 */
export class WriteHealth {
  readonly #options: WriteHealthOptions
  #failure: { readonly sinceWallMs: number, readonly reason: string, readonly needsChange: boolean } | undefined
  #timer: TimerHandle | undefined
  /** Since it was written last. */
  #trials = 0
  #stopped = false

  constructor (options: WriteHealthOptions) {
    this.#options = options
  }

  get isFailing (): boolean { return this.#failure !== undefined }

  /** Only a write that changes something shows that it is over. */
  get needsChange (): boolean { return this.#failure?.needsChange ?? false }

  /** What is wrong and since when, for people; empty when all is well. */
  get detail (): string {
    if (this.#failure === undefined) return ''
    const { reason, sinceWallMs } = this.#failure
    return `it can't be written since ${new Date(sinceWallMs).toISOString()}: ${reason}`
  }

  failed (reason: string, needsChange = false): void {
    const { clock } = this.#options
    this.#failure = { sinceWallMs: this.#failure?.sinceWallMs ?? clock.wallMs(), reason, needsChange }
    this.tryLater()
  }

  /** It was written. @returns whether that ends a time of failures */
  succeeded (): boolean {
    const ended = this.isFailing
    this.#failure = undefined
    this.#trials = 0
    this.#timer?.cancel()
    this.#timer = undefined
    return ended
  }

  /** Somebody else has written it. */
  othersWrote (): void {
    if (this.needsChange) this.succeeded()
  }

  /** Asks for a trial. */
  tryLater (): void {
    if (this.#stopped) return
    const { clock, random, trial } = this.#options
    this.#timer ??= clock.after(backoffMs(++this.#trials, TRIAL_BACKOFF, random), () => {
      this.#timer = undefined
      void trial()
    })
  }

  stop (): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
