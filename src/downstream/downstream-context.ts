import type { ExchangeContext } from '../exchange/exchange-context.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ReadBuffer } from '../net/byte-stream.ts'
import type { TurnQueue } from '../net/turn-queue.ts'
import type { WorkerIo } from '../net/worker-io.ts'
import type { AfterReads } from '../upstream/upstream-context.ts'

/** What all client connections of a worker share. */
export interface DownstreamContext extends ExchangeContext, AfterReads {
  readonly io: WorkerIo
  /** Clients that have sent more than one turn serves. */
  readonly turns: TurnQueue
  /** For bodies of requests, and what clients send through tunnels. */
  readonly bodyBuffers: BufferPool
  /** The same, when they come in small pieces. */
  readonly smallBuffers: BufferPool
  /** Where client connections read when no body is on its way. */
  readonly sharedBuffer: ReadBuffer
  /** Parsed heads are consumed at once, so one object serves all connections. */
  readonly requestHead: RequestHead
  /** Tells of a defect of Weir itself: the request that met it fails, and the others go on. */
  readonly reportDefect: (error: unknown) => void
  /** Descriptors that the connections of this worker may have; what is beyond them is for the rest of Weir. */
  readonly maxDescriptors: number
  /** The worker is on its way out: connections are not kept. */
  readonly draining: boolean
}
