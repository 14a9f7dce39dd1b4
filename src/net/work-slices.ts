import type { Clock } from '../core/clock.ts'
import { AfterTurn } from './after-turn.ts'

/** Work that takes long in slices of a few milliseconds, between which everything else has its turn. */
export class WorkSlices {
  readonly #clock: Clock
  readonly #sliceMs: number
  readonly #afterTurn = new AfterTurn()
  #sinceMs: number

  /** @param sliceMs how long it works at a time, in milliseconds */
  constructor (clock: Clock, sliceMs: number) {
    this.#clock = clock
    this.#sliceMs = sliceMs
    this.#sinceMs = clock.nowMs()
  }

  /** Has this slice lasted long enough? Then `rest`. */
  get isOver (): boolean { return this.#clock.nowMs() - this.#sinceMs >= this.#sliceMs }

  /** Resolves in another turn of the event loop, with a slice of its own. */
  async rest (): Promise<void> {
    await new Promise<void>(resolve => { this.#afterTurn.add(resolve) })
    this.#sinceMs = this.#clock.nowMs()
  }
}
