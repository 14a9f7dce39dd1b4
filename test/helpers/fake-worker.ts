import type { WorkerData } from '../../src/contract/data-plane-options.ts'
import type { ControlMessage, WorkerMessage } from '../../src/contract/messages.ts'
import type { RunningWorker, WorkerThreadEvents } from '../../src/control/worker-thread.ts'
import { ConnectionLedger } from '../../src/downstream/connection-ledger.ts'

/** A thread that does nothing but remember what it was told. */
export class FakeWorker implements RunningWorker {
  readonly id: number
  readonly startedMs: number
  readonly appliedEpochs = new Map<string, number>()
  readonly page: Float64Array
  readonly ledger: ConnectionLedger
  readonly received: ControlMessage[] = []
  readonly #events: WorkerThreadEvents
  #ended = false

  constructor (data: WorkerData, startedMs: number, events: WorkerThreadEvents) {
    this.id = data.workerId
    this.startedMs = startedMs
    this.page = new Float64Array(data.page)
    this.ledger = new ConnectionLedger(data.ledger, data.workerId)
    this.#events = events
  }

  send (message: ControlMessage): void {
    this.received.push(message)
  }

  say (message: WorkerMessage): void {
    this.#events.onMessage(this, message)
  }

  /** Ends as an uncaught error would end it. */
  die (reason = 'RangeError: for a test'): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.onExit(this, reason)
  }

  async terminate (): Promise<void> {
    this.die('exit code 1')
  }

  get types (): readonly string[] { return this.received.map(({ type }) => type) }
}
