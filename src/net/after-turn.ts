/**
 * Work that waits until the event loop has handled the input that is there now. However much there is, it costs one
 * immediate a turn.
 */
export class AfterTurn {
  #waiting: Array<() => void> = []
  readonly #run = (): void => { this.#flush() }

  /** Calls `callback` once, when this turn's input has been handled. */
  add (callback: () => void): void {
    if (this.#waiting.length === 0) setImmediate(this.#run)
    this.#waiting.push(callback)
  }

  #flush (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const callback of waiting) callback()
  }
}
