import type { Clock, TimerHandle } from '../../src/core/clock.ts'

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that stands still until the test moves it. Timers run in the order of their time, then of their making. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>()
  #startWallMs: number
  #nowMs = 0
  #made = 0

  constructor (startWallMs = Date.UTC(2026, 0, 1)) {
    this.#startWallMs = startWallMs
  }

  wallMs (): number {
    return this.#startWallMs + this.#nowMs
  }

  nowMs (): number {
    return this.#nowMs
  }

  after (delayMs: number, callback: () => void): TimerHandle {
    const timer: Timer = { atMs: this.#nowMs + delayMs, order: this.#made++, callback }
    this.#timers.add(timer)
    return { cancel: () => { this.#timers.delete(timer) } }
  }

  /** Timers that wait. */
  get pending (): number {
    return this.#timers.size
  }

  /** Moves the time on and runs what falls due, timers made meanwhile included. */
  advance (ms: number): void {
    const end = this.#nowMs + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      timer.callback()
    }
    this.#nowMs = end
  }

  /** The process does not run for so long: what falls due meanwhile does so afterwards, once. */
  sleep (ms: number): void {
    this.#nowMs += ms
    this.advance(0)
  }

  /** Somebody sets the clock on the wall. */
  setWall (wallMs: number): void {
    this.#startWallMs = wallMs - this.#nowMs
  }

  #next (endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order)) next = timer
    }
    return next
  }
}
