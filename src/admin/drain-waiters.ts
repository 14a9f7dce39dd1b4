/**
 * Those who wait for a version to be drained. Nothing announces that, so all of them are looked at a few times a second.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'

const LOOK_MS = 100
/** Each of them holds a connection of the admin API. */
const MAX_WAITERS = 100

interface Waiter {
  readonly isOver: () => boolean
  readonly untilMs: number
  readonly resolve: () => void
}

export class DrainWaiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #timer: TimerHandle | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  get size (): number { return this.#waiters.size }
  get full (): boolean { return this.#waiters.size >= MAX_WAITERS }

  /** Resolves when `isOver` says so, when the time is over, when `gone` is aborted, or when nobody is waited for any more. */
  async wait (isOver: () => boolean, timeoutMs: number, gone: AbortSignal): Promise<void> {
    if (timeoutMs === 0 || gone.aborted || isOver()) return
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const resolve = (): void => { release() }
    const waiter = { isOver, untilMs: this.#clock.nowMs() + timeoutMs, resolve }
    this.#waiters.add(waiter)
    gone.addEventListener('abort', resolve)
    this.#timer ??= this.#schedule()
    await promise
    gone.removeEventListener('abort', resolve)
    this.#waiters.delete(waiter)
    this.#rest()
  }

  #schedule (): TimerHandle {
    return this.#clock.after(LOOK_MS, () => {
      const nowMs = this.#clock.nowMs()
      for (const { isOver, untilMs, resolve } of this.#waiters) if (nowMs >= untilMs || isOver()) resolve()
      this.#timer = this.#schedule()
    })
  }

  #rest (): void {
    if (this.#waiters.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Lets all of them go. */
  release (): void {
    for (const { resolve } of this.#waiters) resolve()
  }
}
