/**
 * One worker as the control plane sees it: a thread, what it has said, and its end.
 */
import { Worker } from 'node:worker_threads'
import type { ControlMessage, WorkerMessage } from '../contract/messages.ts'
import type { WorkerData } from '../contract/data-plane-options.ts'

export interface WorkerThreadEvents {
  onMessage (thread: RunningWorker, message: WorkerMessage): void
  /** The thread has ended; called once. `reason` says why, as far as is known. */
  onExit (thread: RunningWorker, reason: string): void
}

/** What the pool needs of a thread. */
export interface RunningWorker {
  readonly id: number
  readonly startedMs: number
  /** By route: the epoch that the worker reported last. */
  readonly appliedEpochs: Map<string, number>
  send (message: ControlMessage): void
  /** Ends the thread at once. */
  terminate (): Promise<void>
}

/** The young generation of a worker in MiB: what a request allocates dies at once, and a larger one would only cost memory. */
const YOUNG_GENERATION_MB = 8

export class WorkerThread implements RunningWorker {
  readonly id: number
  readonly startedMs: number
  readonly appliedEpochs = new Map<string, number>()
  readonly #worker: Worker
  #failure = ''

  constructor (data: WorkerData, startedMs: number, events: WorkerThreadEvents) {
    this.id = data.workerId
    this.startedMs = startedMs
    const entry = new URL(import.meta.url.endsWith('.ts') ? '../worker/worker.ts' : '../worker/worker.js', import.meta.url)
    this.#worker = new Worker(entry, {
      name: `weir-worker-${data.workerId}`, workerData: data, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB }
    })
    this.#worker.on('message', (message: WorkerMessage) => { events.onMessage(this, message) })
    this.#worker.on('error', error => { this.#failure = error instanceof Error ? error.stack ?? error.message : String(error) })
    this.#worker.on('exit', code => { events.onExit(this, this.#failure === '' ? `exit code ${code}` : this.#failure) })
  }

  send (message: ControlMessage): void {
    this.#worker.postMessage(message)
  }

  async terminate (): Promise<void> {
    await this.#worker.terminate()
  }
}
