/**
 * The buffer that a client connection reads a body or a tunnel into. Many slow senders must not hold a large one each: after
 * a small read the next one is into a small buffer, and after one that fills it, into a large one again.
 */
import type { BufferPool } from '../core/buffer-pool.ts'
import type { ReadBuffer } from '../core/byte-stream.ts'

/** Bytes that a read into a small buffer may bring. */
export const SMALL_READ_BYTES = 4_096

export interface BodyBufferPools {
  readonly smallBuffers: BufferPool
  readonly buffers: BufferPool
}

export class BodyBuffer {
  readonly #pools: BodyBufferPools
  #current: ReadBuffer | null = null

  constructor (pools: BodyBufferPools) {
    this.#pools = pools
  }

  get inUse (): boolean { return this.#current !== null }

  /** Takes a large buffer: one that is read into already can be left for one that is not shorter only. */
  begin (): ReadBuffer {
    this.#current = this.#pools.buffers.take()
    return this.#current
  }

  /** To be called from within a read of so many bytes, after which the next one may be into any buffer. */
  beginWithin (length: number): ReadBuffer {
    const { smallBuffers, buffers } = this.#pools
    this.#current = length < SMALL_READ_BYTES ? smallBuffers.take() : buffers.take()
    return this.#current
  }

  /**
   * To be called from within a read of so many bytes.
   * @param pending a write still holds on to the buffer
   * @returns another buffer to read into, or null to stay
   */
  fit (length: number, pending: boolean): ReadBuffer | null {
    const before = this.#current
    if (before === null || pending) return null
    const { smallBuffers, buffers } = this.#pools
    const isSmall = isSmallBuffer(before)
    if (isSmall ? length < SMALL_READ_BYTES : length > SMALL_READ_BYTES) return null
    this.#current = isSmall ? buffers.take() : smallBuffers.take()
    this.#give(before)
    return this.#current
  }

  /** The buffer is read into no more; one that a pending write holds on to is left to it. */
  end (pending: boolean): void {
    const buffer = this.#current
    this.#current = null
    if (buffer !== null && !pending) this.#give(buffer)
  }

  #give (buffer: ReadBuffer): void {
    if (isSmallBuffer(buffer)) this.#pools.smallBuffers.give(buffer)
    else this.#pools.buffers.give(buffer)
  }
}

function isSmallBuffer (buffer: ReadBuffer): boolean {
  return buffer.window.length === SMALL_READ_BYTES
}
