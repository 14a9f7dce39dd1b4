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
