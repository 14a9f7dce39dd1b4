import type { EventLog } from '../core/logger.ts'
import type { WatchRecovery } from '../kube/list-watch.ts'

/** What is read, for the log. */
interface ReadSubject {
  readonly subject: string
  readonly configMap: string
}

/** Whether a store over the network can be read, as its watch has shown: told when that changes. */
export class ReadHealth {
  readonly #log: EventLog
  readonly #read: ReadSubject
  #failure = ''
  /** The failure that is in the log and not over; empty when none is. */
  #told = ''

  constructor (log: EventLog, read: ReadSubject) {
    this.#log = log
    this.#read = read
  }

  /** Why it could not be read last; empty when it could. */
  get failure (): string { return this.#failure }

  /** It was read as a whole. */
  succeeded (): void { this.#failure = '' }

  /** Each reason is told once: the same one comes again with every try. @param wasRead has it ever been? */
  failed (failure: string, wasRead: boolean): void {
    this.#failure = failure
    if (this.#told === failure) return
    this.#told = failure
    const { subject, configMap } = this.#read
    const meanwhile = wasRead ? 'what was read last is used' : 'nothing has been read yet'
    this.#log.warn(`${subject} in Kubernetes can't be read; ${meanwhile}`, { configMap, error: failure })
  }

  recovered ({ failures, afterMs }: WatchRecovery): void {
    if (this.#told === '') return
    this.#told = ''
    const { subject, configMap } = this.#read
    this.#log.info(`${subject} in Kubernetes can be read again`, { configMap, failures, afterMs: Math.round(afterMs) })
  }
}
