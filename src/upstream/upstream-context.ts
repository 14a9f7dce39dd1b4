/**
 * What all upstream connections of a worker share.
 */
import type { BufferPool } from '../core/buffer-pool.ts'
import type { Deadlines } from '../core/deadlines.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Clock } from '../core/clock.ts'

/** Bytes one read may bring. */
export const READ_BYTES = 65_536
/** Room behind a read for the framing of a last chunk: CR LF 0 CR LF CR LF. */
export const READ_TAILROOM = 16

export interface UpstreamTimeouts {
  readonly upstreamConnect: number
  readonly upstreamIdle: number
}

export interface UpstreamContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly buffers: BufferPool
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  /** Parsed heads are consumed at once, so one object serves all connections. */
  readonly responseHead: ResponseHead
  readonly timeoutsMs: UpstreamTimeouts
  /** Idle connections kept to one endpoint. */
  readonly maxIdleUpstream: number
}
