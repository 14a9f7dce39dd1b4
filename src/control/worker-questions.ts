/**
 * Questions that the control plane asks all workers at once: who has answered, and who is not waited for any longer.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'

/** What came of a question. */
export interface WorkerAnswers<Answer> {
  /** By worker, in the order of their numbers. */
  readonly answers: ReadonlyMap<number, Answer>
  /** Workers that did not answer in time. */
  readonly silent: readonly number[]
}

interface Waiting<Answer> {
  readonly answers: Map<number, Answer>
  readonly missing: Set<number>
  readonly timer: TimerHandle
  readonly resolve: (answers: WorkerAnswers<Answer>) => void
}

/** A worker answers within microseconds, unless it is stuck or has that much to do. */
export const ANSWER_MS = 1_000
/** Questions under way; each costs every worker a moment that its clients wait for. */
const MAX_WAITING = 16

export class WorkerQuestions<Answer> {
  readonly #clock: Clock
  readonly #waiting = new Map<number, Waiting<Answer>>()
  #lastId = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /**
   * Asks, and waits for the answers for ANSWER_MS at most.
   * @param send sends the question under its id
   * @returns undefined when too many questions wait already
   */
  ask (workers: readonly number[], send: (id: number) => void): Promise<WorkerAnswers<Answer> | undefined> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.resolve(undefined)
    const id = ++this.#lastId
    return new Promise(resolve => {
      const timer = this.#clock.after(ANSWER_MS, () => { this.#settle(id) })
      this.#waiting.set(id, { answers: new Map(), missing: new Set(workers), timer, resolve })
      send(id)
      this.#settleWhenWhole(id)
    })
  }

  answered (worker: number, id: number, answer: Answer): void {
    const question = this.#waiting.get(id)
    if (question?.missing.delete(worker) !== true) return
    question.answers.set(worker, answer)
    this.#settleWhenWhole(id)
  }

  /** A worker has ended: it will not answer any more. */
  gone (worker: number): void {
    for (const [id, { missing }] of this.#waiting) if (missing.delete(worker)) this.#settleWhenWhole(id)
  }

  #settleWhenWhole (id: number): void {
    if (this.#waiting.get(id)?.missing.size === 0) this.#settle(id)
  }

  #settle (id: number): void {
    const question = this.#waiting.get(id)
    if (question === undefined) return
    this.#waiting.delete(id)
    question.timer.cancel()
    question.resolve({ answers: new Map([...question.answers].sort(([left], [right]) => left - right)), silent: [...question.missing] })
  }
}

/** A question about a request that nobody could answer; the message says why, for people. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  /** `workers_silent`: no worker has said anything in time. `unknown_request`: none remembers the request. */
  readonly code: 'workers_silent' | 'unknown_request'

  constructor (code: Unanswered['code'], detail: string) {
    super(detail)
    this.code = code
  }
}
