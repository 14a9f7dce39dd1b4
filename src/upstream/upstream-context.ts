/**
 * What all upstream connections of a worker share.
 */
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ByteBudget } from '../net/byte-budget.ts'
import type { Deadlines } from '../net/deadlines.ts'
import type { StreamIo } from '../net/worker-io.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Clock } from '../core/clock.ts'
import type { TurnQueue } from '../net/turns.ts'

/**
 * Bytes that a read into a connection's own buffer may bring. Enough for most responses; those that fill it go on in a
 * large buffer, which is lent for as long as the response takes. The one that was given back last is lent first: it is
 * still in the processor's cache, where a buffer for each connection would not be.
 */
export const FIRST_READ_BYTES = 8_192
/** Bytes that a read into a large buffer may bring. */
export const READ_BYTES = 131_072

interface UpstreamTimeouts {
  readonly upstreamConnect: number
  readonly upstreamIdle: number
  /** How long the tunnels of an endpoint may go on that is not used any more. */
  readonly tunnelGrace: number
}

/** Work to be done when everything that this turn of the event loop has read is handled. */
export interface AfterReads {
  /** Calls `callback` then, once. */
  afterReads (callback: () => void): void
}

export interface UpstreamContext extends AfterReads {
  readonly clock: Clock
  /** How its streams reach the kernel. */
  readonly io: StreamIo
  /** A recent reading of the clock, for deadlines. */
  readonly recentMs: number
  readonly deadlines: Deadlines
  /** For work that would keep others waiting. */
  readonly turns: TurnQueue
  /** Large buffers: READ_BYTES with room for the head and a first read before them. */
  readonly buffers: BufferPool
  /** What the worker keeps for clients and endpoints. */
  readonly budget: ByteBudget
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  /** Parsed heads are consumed at once, so one object serves all connections. */
  readonly responseHead: ResponseHead
  readonly timeoutsMs: UpstreamTimeouts
  /** Tells of a defect of Weir itself. */
  readonly reportDefect: (error: unknown) => void
  /** Idle connections kept to one endpoint. */
  readonly maxIdleUpstream: number
}
