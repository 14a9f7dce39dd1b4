/**
 * What is asked of all workers: what they would do with a request, what they remember of one, whom they have seen.
 */
import type { ClientSample } from '../contract/client-sample.ts'
import type { SampledMessage, ExplainedMessage, RecalledMessage, SingleMessage } from '../contract/messages.ts'
import type { ChoiceAnswer, ChoiceQuestion, RecallAnswer } from '../contract/questions.ts'
import type { Clock } from '../core/clock.ts'
import { WorkerQuestions, type WorkerAnswers } from './worker-questions.ts'

/** Those who are asked. */
interface AskedWorkers {
  /** Those that run. */
  ids (): readonly number[]
  /** Says it to each of them. */
  tell (message: SingleMessage): void
}

/** Each answers undefined when too many of its questions wait for answers already. */
export class WorkerInquiries {
  readonly #workers: AskedWorkers
  readonly #choices: WorkerQuestions<ChoiceAnswer>
  readonly #recalls: WorkerQuestions<RecallAnswer>
  readonly #samples: WorkerQuestions<ClientSample | null>

  constructor (clock: Clock, workers: AskedWorkers) {
    this.#workers = workers
    this.#choices = new WorkerQuestions(clock)
    this.#recalls = new WorkerQuestions(clock)
    this.#samples = new WorkerQuestions(clock)
  }

  /** What they would do with a request. */
  async explain (question: ChoiceQuestion): Promise<WorkerAnswers<ChoiceAnswer> | undefined> {
    return await this.#choices.ask(this.#workers.ids(), id => { this.#workers.tell({ type: 'explain', id, question }) })
  }

  /** What they remember of a request. */
  async recall (requestId: string): Promise<WorkerAnswers<RecallAnswer> | undefined> {
    return await this.#recalls.ask(this.#workers.ids(), id => { this.#workers.tell({ type: 'recall', id, requestId }) })
  }

  /** Which clients a route has had lately. */
  async clients (route: string): Promise<WorkerAnswers<ClientSample | null> | undefined> {
    return await this.#samples.ask(this.#workers.ids(), id => { this.#workers.tell({ type: 'clients', id, route }) })
  }

  answered (worker: number, message: ExplainedMessage | RecalledMessage | SampledMessage): void {
    switch (message.type) {
      case 'explained': return this.#choices.answered(worker, message.id, message.answer)
      case 'recalled': return this.#recalls.answered(worker, message.id, message.answer)
      default: return this.#samples.answered(worker, message.id, message.sample)
    }
  }

  /** A worker has ended: it will not answer any more. */
  gone (worker: number): void {
    this.#choices.gone(worker)
    this.#recalls.gone(worker)
    this.#samples.gone(worker)
  }
}
