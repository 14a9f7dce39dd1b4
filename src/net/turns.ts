/**
 * Work that is cut into portions, one in each turn of the event loop, so that nothing waits long for it.
 */
import type { Clock } from '../core/clock.ts'

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

/** It works so long at a time, and then everything else has its turn. */
const SLICE_MS = 5

/** Work that takes long in slices of a few milliseconds, between which everything else has its turn. */
export class WorkSlices {
  readonly #clock: Clock
  readonly #afterTurn = new AfterTurn()
  #sinceMs: number

  constructor (clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.nowMs()
  }

  /** Has this slice lasted long enough? Then `rest`. */
  get isOver (): boolean { return this.#clock.nowMs() - this.#sinceMs >= SLICE_MS }

  /** Resolves in another turn of the event loop, with a slice of its own. */
  async rest (): Promise<void> {
    await new Promise<void>(resolve => { this.#afterTurn.add(resolve) })
    this.#sinceMs = this.#clock.nowMs()
  }
}

/**
 * Work that clients have sent ahead, done in portions: in one turn of the event loop so much of it, in the order in which it was
 * asked for, and the rest in the next turns. What others send is read in between, so whoever sends a lot waits, and nobody else.
 */

/** Who has work. */
export interface TurnTaker {
  /** Does one portion, and asks for another turn if there is more. */
  takeTurn (): void
  /** takeTurn has thrown. */
  onDefect (error: unknown): void
}

/** Portions in one turn of the event loop, of all who have asked together. */
export const PORTIONS_PER_TURN = 32

export class TurnQueue {
  /** Whoever asks does so once, and again from within its turn. */
  readonly #waiting: TurnTaker[] = []
  readonly #run = (): void => { this.#takeTurns() }

  /** How many wait. */
  get size (): number { return this.#waiting.length }

  /** Calls `takeTurn` once, soon, when this turn's input has been handled. */
  add (taker: TurnTaker): void {
    if (this.#waiting.length === 0) setImmediate(this.#run)
    this.#waiting.push(taker)
  }

  #takeTurns (): void {
    const waiting = this.#waiting
    let taken = 0
    while (taken < waiting.length && taken < PORTIONS_PER_TURN) {
      const taker = waiting[taken++]
      try {
        taker?.takeTurn()
      } catch (error) {
        taker?.onDefect(error)
      }
    }
    waiting.splice(0, taken)
    if (waiting.length > 0) setImmediate(this.#run)
  }
}
