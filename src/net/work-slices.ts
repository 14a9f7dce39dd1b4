import type { Clock } from '../core/clock.ts'
import { AfterTurn } from './after-turn.ts'

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
