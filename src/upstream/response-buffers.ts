/**
 * What a connection reads into: a small buffer of its own, where a response begins, and a large one on loan for as long as
 * there is more than fits.
 */
import { createReadBuffer } from '../net/byte-stream.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ByteBudget } from '../net/byte-budget.ts'
import type { ReadBuffer } from '../net/byte-stream.ts'
import { RESPONSE_HEADROOM } from '../http1/rewrite-response-head.ts'
import { FIRST_READ_BYTES } from './upstream-context.ts'
import { READ_TAILROOM } from '../http1/chunk-framing.ts'

export class ResponseBuffers {
  readonly #pool: BufferPool
  readonly #budget: ByteBudget
  #small: ReadBuffer
  #large: ReadBuffer | null = null
  /** Bytes that lie before the window of the large buffer and wait for the next read, to be handled with it. */
  #carried = 0

  constructor (pool: BufferPool, budget: ByteBudget) {
    this.#pool = pool
    this.#budget = budget
    this.#small = createSmallBuffer()
  }

  get current (): ReadBuffer { return this.#large ?? this.#small }
  /** May it be a large one? Not while memory runs short. */
  get mayGrow (): boolean { return this.#large === null && this.#budget.used < this.#budget.largeBelow }
  /** Is it a large one, while memory runs short? */
  get tooLarge (): boolean { return this.#large !== null && this.#budget.used >= this.#budget.largeBelow }
  get carried (): number { return this.#carried }
  /** Bytes of memory that they take. */
  get memoryBytes (): number { return this.#small.memory.length + (this.#large === null ? 0 : this.#large.memory.length) }

  /** Borrows a large buffer. */
  enlarge (): ReadBuffer {
    this.#large = this.#pool.take()
    return this.#large
  }

  /** Puts bytes right before the window of a large buffer, where they wait for the next read. */
  carry (buf: Buffer, start: number, end: number): ReadBuffer {
    const large = this.enlarge()
    this.#carried = end - start
    buf.copy(large.memory, large.offset - this.#carried, start, end)
    return large
  }

  /** The bytes that wait are handled now; returns how many they are. */
  takeCarried (): number {
    const carried = this.#carried
    this.#carried = 0
    return carried
  }

  /** Gives the large buffer back; null when there is none. */
  shrink (): ReadBuffer | null {
    const large = this.#large
    if (large === null) return null
    this.#large = null
    this.#pool.give(large)
    return this.#small
  }

  /** Leaves the buffer that was read into last, `current`, to a write that still needs it. */
  abandon (): ReadBuffer {
    if (this.#large === null) this.#small = createSmallBuffer()
    this.#large = null
    return this.#small
  }
}

function createSmallBuffer (): ReadBuffer {
  return createReadBuffer(RESPONSE_HEADROOM, FIRST_READ_BYTES, READ_TAILROOM)
}
