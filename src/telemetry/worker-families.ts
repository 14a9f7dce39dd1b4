import { CLOSE_REASONS, REFUSAL_REASONS } from './counter-layout.ts'
import type { CounterBook } from './counter-book.ts'
import { familyHead, labelText, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'
import { classLines, errorLines } from './version-families.ts'
import type { WorkerCounters } from './version-counters.ts'

/** How the control plane's own event loop is doing. */
export interface LoopState {
  readonly lagS: number
  readonly maxLagS: number
  /** Busy share of the time, 0 to 1. */
  readonly utilization: number
}

interface WorkerRow {
  readonly id: number
  readonly counters: WorkerCounters
}

const PER_WORKER: ReadonlyArray<readonly [MetricName, (counters: WorkerCounters) => number]> = [
  ['weir_connections_accepted_total', counters => counters.connectionsAccepted],
  ['weir_connections_open', counters => counters.connectionsOpen],
  ['weir_tls_handshakes_total', counters => counters.tlsHandshakes],
  ['weir_tls_resumptions_total', counters => counters.tlsResumed],
  ['weir_upstream_connections_open', counters => counters.upstreamOpen],
  ['weir_upstream_connections_idle', counters => counters.upstreamIdle],
  ['weir_buffered_bytes', counters => counters.bufferedBytes],
  ['weir_buffered_bytes_limit', counters => counters.bufferedBytesLimit],
  ['weir_memory_refused_requests_total', counters => counters.shedRequests],
  ['weir_memory_closed_connections_total', counters => counters.shedConnections]
]

const BY_REASON: ReadonlyArray<readonly [MetricName, readonly string[], (counters: WorkerCounters) => readonly number[]]> = [
  ['weir_connections_refused_total', REFUSAL_REASONS, counters => counters.connectionsRefused],
  ['weir_connections_closed_total', CLOSE_REASONS, counters => counters.connectionsClosed]
]

const PER_THREAD: ReadonlyArray<readonly [MetricName, (loop: LoopState) => number]> = [
  ['weir_event_loop_lag_seconds', loop => loop.lagS],
  ['weir_event_loop_lag_max_seconds', loop => loop.maxLagS],
  ['weir_event_loop_utilization_ratio', loop => loop.utilization]
]

/**
 * The exposition of everything that workers count as a whole.
 * @param controlLoop the control plane's event loop, shown beside those of the workers
 * @param writerDropped access log lines that the control plane could not write
 */
export function * workerFamilies (book: CounterBook, controlLoop: LoopState, writerDropped: number): Generator<string> {
  const workers: readonly WorkerRow[] = book.workerIds().map(id => ({ id, counters: book.readWorker(id) }))
  yield familyHead('weir_unrouted_requests_total')
  yield classLines('weir_unrouted_requests_total', '', sums(workers.map(({ counters }) => counters.unroutedByClass)))
  yield familyHead('weir_unrouted_errors_total')
  yield errorLines('weir_unrouted_errors_total', '', sums(workers.map(({ counters }) => counters.unroutedErrors)))
  for (const [name, value] of PER_WORKER) {
    yield familyHead(name)
    for (const { id, counters } of workers) yield sampleLine(name, labelText({ worker: id }), value(counters))
  }
  for (const [name, reasons, values] of BY_REASON) {
    yield familyHead(name)
    for (const { id, counters } of workers) {
      for (const [index, reason] of reasons.entries()) {
        yield sampleLine(name, labelText({ worker: id, reason }), values(counters)[index] ?? 0)
      }
    }
  }
  yield familyHead('weir_access_log_dropped_total')
  const dropped = workers.reduce((sum, { counters }) => sum + counters.accessLogDropped, 0)
  yield sampleLine('weir_access_log_dropped_total', labelText({ stage: 'worker' }), dropped)
  yield sampleLine('weir_access_log_dropped_total', labelText({ stage: 'writer' }), writerDropped)
  for (const [name, value] of PER_THREAD) {
    yield familyHead(name)
    yield sampleLine(name, labelText({ thread: 'control' }), value(controlLoop))
    for (const { id, counters } of workers) yield sampleLine(name, labelText({ thread: `worker-${id}` }), value(loopOf(counters)))
  }
  yield familyHead('weir_workers')
  yield sampleLine('weir_workers', '', book.workerCount)
}

function loopOf (counters: WorkerCounters): LoopState {
  return { lagS: counters.loopLagS, maxLagS: counters.loopLagMaxS, utilization: counters.loopUtilization }
}

function sums (lists: ReadonlyArray<readonly number[]>): readonly number[] {
  const totals: number[] = []
  for (const list of lists) {
    for (const [index, value] of list.entries()) totals[index] = (totals[index] ?? 0) + value
  }
  return totals
}
