/** The pool of workers that a configuration asks for, and what each of them may use. */
import { availableParallelism } from 'node:os'
import type { Config } from '../config/schema.ts'
import type { HealthBook } from '../control/health-book.ts'
import { WorkerPool } from '../control/worker-pool.ts'
import { WorkerThread } from '../control/worker-thread.ts'
import type { Clock } from '../core/clock.ts'
import type { EventLog, Logger } from '../core/logger.ts'
import { bufferShare, bufferWarning, memoryFacts } from '../net/byte-budget.ts'
import { openFilesLimit, openFilesWarning } from '../net/open-files.ts'
import { dataPlaneOptions } from '../routes/configured-options.ts'
import type { ControlMetrics } from '../telemetry/control-metrics.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { LogWriter } from '../telemetry/log-writer.ts'

interface PoolParts {
  readonly clock: Clock
  readonly log: EventLog
  readonly throttled: Logger
  readonly book: CounterBook
  readonly accessLog: LogWriter
  readonly health: HealthBook
  readonly metrics: ControlMetrics
  /** Different for each process. */
  readonly instance: string
}

/** Nothing is started yet. */
export function createPool (config: Config, { clock, log, throttled, book, accessLog, health, metrics, instance }: PoolParts): WorkerPool {
  const sharing = process.platform === 'linux'
  const wanted = config.workers === 'auto' ? availableParallelism() : config.workers
  if (!sharing && wanted > 1) log.warn('this system does not spread connections over workers: there is one', { platform: process.platform, wanted })
  const count = sharing ? wanted : 1
  const shortage = openFilesWarning({ maxConnections: config.limits.maxConnections, workers: count }, openFilesLimit())
  if (shortage !== undefined) log.warn('there are not enough descriptors for the connections that limits.maxConnections allows', shortage)
  const shortOfMemory = bufferWarning(bufferBytes(config, count), memoryFacts(), count)
  if (shortOfMemory !== undefined) log.warn('the workers may keep more for slow clients than the memory limit leaves', shortOfMemory)
  return new WorkerPool({
    clock,
    log: throttled,
    book,
    spawn: (data, startedMs, events) => new WorkerThread(data, startedMs, events),
    appendAccessLog: (lines, done) => { accessLog.append(lines, done) },
    health,
    onRestart: () => { metrics.workerRestarted() },
    onIo: mode => { metrics.ioDecided(mode) }
  }, {
    count, listeners: config.listeners, reusePort: count > 1, io: config.io, instance
  }, dataPlaneOptions(config, bufferBytes(config, count)))
}

/** What each of so many workers may keep for its clients and endpoints. */
export function bufferBytes ({ limits }: Config, workers: number): number {
  return limits.maxBufferedBytes ?? bufferShare(memoryFacts(), workers)
}
