import { within } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'

/** A change is stored or refused within so long: turns, tries and waits together. */
const CHANGE_MS = 4_000
/** A try that is begun with less time left can hardly be answered, and then nobody knows whether it was made. */
const LAST_TRY_MS = 100
/** Who has asked for it is answered by then, whatever the store does: a disk can hang in a way that nobody can end. */
const ANSWER_MS = 4_500

/** The time that one change has, from the moment in which it was asked for. */
export class ChangeDeadline {
  readonly #clock: Clock
  readonly #atMs: number

  constructor (clock: Clock) {
    this.#clock = clock
    this.#atMs = clock.nowMs() + CHANGE_MS
  }

  /** Milliseconds, at least 0. */
  get leftMs (): number { return Math.max(0, this.#atMs - this.#clock.nowMs()) }

  /** There is no time for another try. */
  get isOver (): boolean { return this.leftMs < LAST_TRY_MS }

  /** What `work` comes to; `late` when somebody has to be answered before that. The work goes on. */
  async answer<T> (work: Promise<T>): Promise<T | 'late'> {
    const answered = await within(this.#clock, { timeoutMs: this.leftMs + ANSWER_MS - CHANGE_MS }, async () => ({ value: await work }))
    return typeof answered === 'string' ? 'late' : answered.value
  }
}
