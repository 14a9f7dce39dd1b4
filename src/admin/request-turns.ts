import type { Clock, TimerHandle } from '../core/clock.ts'

/** A window is a slice of the event loop's time: what it admits takes a few milliseconds. */
const WINDOW_MS = 10

/**
 * Turns for requests of which nobody knows yet who sends them: so many in a window of time, the others one after another as
 * they came. So the work that anybody can cause is bounded, whatever is sent on however many connections.
 */
export class RequestTurns {
  readonly #clock: Clock
  readonly #perWindow: number
  readonly #waiting = new Set<() => void>()
  #windowAtMs = Number.NEGATIVE_INFINITY
  #given = 0
  #timer: TimerHandle | undefined

  /** @param perWindow requests in 10 ms */
  constructor (clock: Clock, perWindow: number) {
    this.#clock = clock
    this.#perWindow = perWindow
  }

  /** Those that wait. */
  get waiting (): number { return this.#waiting.size }

  /** Calls `go` at once or when it is its turn. @returns what gives the turn up */
  enter (go: () => void): () => void {
    if (this.#waiting.size === 0 && this.#admits()) {
      go()
      return () => {}
    }
    this.#waiting.add(go)
    this.#timer ??= this.#clock.after(WINDOW_MS, () => { this.#admitWaiting() })
    return () => { this.#waiting.delete(go) }
  }

  #admits (): boolean {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#windowAtMs >= WINDOW_MS) {
      this.#windowAtMs = nowMs
      this.#given = 0
    }
    return this.#given < this.#perWindow && ++this.#given > 0
  }

  #admitWaiting (): void {
    this.#timer = undefined
    this.#windowAtMs = this.#clock.nowMs()
    this.#given = 0
    for (const go of this.#waiting) {
      if (this.#given >= this.#perWindow) break
      this.#given++
      this.#waiting.delete(go)
      go()
    }
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(WINDOW_MS, () => { this.#admitWaiting() })
  }
}
