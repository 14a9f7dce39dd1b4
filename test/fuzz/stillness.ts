/**
 * Tells when nothing moves any more in a conversation. Everybody in it lives in this thread, and loopback delivers what was
 * written by the next turn of the event loop: some turns without any event mean that everybody waits for somebody else.
 */
const QUIET_TURNS = 12
/** For the kernel, should it ever need longer than a turn. */
const QUIET_MS = 3

export class Stillness {
  #moves = 0
  readonly #soon: Array<() => void> = []
  readonly #alone: Array<() => void> = []
  readonly #patient = new Set<() => void>()

  /** Something has happened. */
  moved (): void { this.#moves++ }

  /** The next time that nothing moves: for what was planned to happen then. */
  soon (): Promise<void> {
    return new Promise(resolve => { this.#soon.push(resolve) })
  }

  /** The same for what has to happen alone: one at a time, and nothing else then. */
  alone (): Promise<void> {
    return new Promise(resolve => { this.#alone.push(resolve) })
  }

  /** Calls back when there is nothing to wait for any more; returns how to take that back. */
  giveUp (callback: () => void): () => void {
    this.#patient.add(callback)
    return () => { this.#patient.delete(callback) }
  }

  /** Lets all who wait for something give up; false when nobody does. */
  releasePatient (): boolean {
    const waiting = [...this.#patient]
    this.#patient.clear()
    for (const callback of waiting) callback()
    return waiting.length > 0
  }

  /** Forgets everybody. */
  clear (): void {
    this.#soon.length = 0
    this.#alone.length = 0
    this.#patient.clear()
  }

  /**
   * Comes back when nothing has moved for `patienceMs` and nothing is planned, or as soon as `done` holds.
   * @returns does `done` hold?
   */
  async until (done: () => boolean, patienceMs: number): Promise<boolean> {
    let seen = -1
    let turns = 0
    let sinceMs = 0
    while (!done()) {
      if (seen !== this.#moves) {
        seen = this.#moves
        turns = 0
        sinceMs = performance.now()
      } else if (++turns >= QUIET_TURNS && performance.now() - sinceMs >= QUIET_MS) {
        if (this.#releasePlanned()) this.moved()
        else if (performance.now() - sinceMs >= patienceMs) return false
      }
      await turn()
    }
    return true
  }

  #releasePlanned (): boolean {
    const soon = this.#soon.splice(0)
    const next = soon.length > 0 ? soon : this.#alone.splice(0, 1)
    for (const resolve of next) resolve()
    return next.length > 0
  }
}

/** The next turn of the event loop. */
export function turn (): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve) })
}
