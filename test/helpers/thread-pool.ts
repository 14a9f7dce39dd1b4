import { systemClock } from '../../src/core/clock.ts'
import { WorkerPool, type WorkerPoolShape } from '../../src/control/worker-pool.ts'
import { WorkerThread } from '../../src/control/worker-thread.ts'
import { CounterBook } from '../../src/telemetry/counter-book.ts'
import { RecordingLogger } from './recording-logger.ts'
import type { DataPlaneOptions, IoMode } from '../../src/contract/data-plane-options.ts'

/** Workers in threads of their own, as Weir runs them, on the clock of the system, with what they count and log. */
export class ThreadPool {
  readonly pool: WorkerPool
  readonly book = new CounterBook(systemClock)
  readonly log = new RecordingLogger()
  /** The lines of the access log. */
  readonly accessLines: string[] = []
  /** All threads that were ever started, in that order. */
  readonly threads: WorkerThread[] = []
  /** How often a worker has died and was replaced. */
  restarts = 0
  /** How the workers' streams reach the kernel, as they have said. */
  io: IoMode | undefined

  /** Nothing runs before `pool.start`; the test ends it with `pool.stop`. */
  constructor (shape: Omit<WorkerPoolShape, 'io'> & Partial<Pick<WorkerPoolShape, 'io'>>, options: DataPlaneOptions) {
    this.pool = new WorkerPool({
      clock: systemClock,
      log: this.log,
      book: this.book,
      spawn: (data, startedMs, events) => {
        const thread = new WorkerThread(data, startedMs, events)
        this.threads.push(thread)
        return thread
      },
      health: { report: () => {}, forget: () => {} },
      appendAccessLog: (lines, done) => {
        this.accessLines.push(...Buffer.from(lines).toString('latin1').split('\n').slice(0, -1))
        done()
      },
      onRestart: () => { this.restarts++ },
      onIo: mode => { this.io = mode }
    }, { io: 'auto', ...shape }, options)
  }
}
