import type { Clock, TimerHandle } from './clock.ts'
import type { Leadership } from './leadership.ts'

export interface HolderDutyOptions {
  readonly leadership: Leadership
  readonly clock: Clock
  /** Is there still something to do? Asked before each try. */
  readonly isDue: () => boolean
  /** Must bear that another replica does the same at the same time. Must not reject. */
  readonly perform: () => Promise<void>
}

/**
 * How long another replica that holds the Lease is relied on, in milliseconds: longer than one that has died is taken for alive. One that
 * lives and has not done it by then sees less than this replica.
 */
const RELY_MS = 20_000

/**
 * Something that every replica sees and one has to do. The holder does it at once; the others when there is no live holder, and when
 * the holder has had its time.
 */
export class HolderDuty {
  readonly #options: HolderDutyOptions
  readonly #stopWatching: () => void
  #timer: TimerHandle | undefined
  #stopped = false

  constructor (options: HolderDutyOptions) {
    this.#options = options
    this.#stopWatching = options.leadership.watch(standing => { if (standing !== 'follower') this.#perform() })
  }

  /** There may be something to do. */
  ask (): void {
    const { leadership, clock, isDue } = this.#options
    if (leadership.standing !== 'follower') {
      this.#perform()
    } else if (!this.#stopped && isDue()) {
      this.#timer ??= clock.after(RELY_MS, () => { this.#perform() })
    }
  }

  stop (): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#stopWatching()
  }

  #perform (): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (!this.#stopped && this.#options.isDue()) void this.#options.perform()
  }
}
