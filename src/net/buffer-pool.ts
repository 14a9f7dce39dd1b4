/**
 * Read buffers that are lent to connections while they carry bodies, and kept for the next one.
 */
import { createReadBuffer, type ReadBuffer } from './byte-stream.ts'
import type { ByteBudget } from './byte-budget.ts'

interface ReadBufferShape {
  readonly headroom: number
  readonly length: number
  readonly tailroom: number
}

export class BufferPool {
  readonly #shape: ReadBufferShape
  readonly #maxFree: number
  readonly #free: ReadBuffer[] = []

  /** @param maxFree buffers kept for later; more are left to the garbage collector */
  constructor (shape: ReadBufferShape, maxFree: number) {
    this.#shape = shape
    this.#maxFree = maxFree
  }

  take (): ReadBuffer {
    return this.#free.pop() ?? createReadBuffer(this.#shape.headroom, this.#shape.length, this.#shape.tailroom)
  }

  /** Gives back a buffer that nobody reads into or writes from any more. */
  give (buffer: ReadBuffer): void {
    if (this.#free.length < this.#maxFree) this.#free.push(buffer)
  }
}

/**
 * The buffer that a client connection reads a body or a tunnel into. Many slow senders must not hold a large one each: the first
 * read is into a small buffer, one that fills it is followed by one into a larger buffer, and a small read by one into a small
 * buffer again. When memory runs short, all of them are small.
 */

/** Bytes that a read into a small buffer may bring. */
export const SMALL_READ_BYTES = 4_096
/** Bytes that a read into a larger one may bring. An endpoint that does not read leaves that much with each of its clients. */
export const BODY_READ_BYTES = 32_768

interface BodyBufferPools {
  readonly smallBuffers: BufferPool
  readonly bodyBuffers: BufferPool
  readonly budget: Pick<ByteBudget, 'used' | 'largeBelow'>
}

export class BodyBuffer {
  readonly #pools: BodyBufferPools
  #current: ReadBuffer | null = null

  constructor (pools: BodyBufferPools) {
    this.#pools = pools
  }

  get inUse (): boolean { return this.#current !== null }
  /** Bytes of memory that it takes. */
  get memoryBytes (): number { return this.#current === null ? 0 : this.#current.memory.length }

  /** Takes a small buffer. */
  begin (): ReadBuffer {
    this.#current = this.#pools.smallBuffers.take()
    return this.#current
  }

  /** Takes the buffer that fits after a read of so many bytes. */
  beginWithin (length: number): ReadBuffer {
    this.#current = length < SMALL_READ_BYTES || !this.#roomy ? this.#pools.smallBuffers.take() : this.#pools.bodyBuffers.take()
    return this.#current
  }

  get #roomy (): boolean {
    const { used, largeBelow } = this.#pools.budget
    return used < largeBelow
  }

  /**
   * To be called from within a read of so many bytes.
   * @param pending a write still holds on to the buffer
   * @returns another buffer to read into, or null to stay
   */
  fit (length: number, pending: boolean): ReadBuffer | null {
    const before = this.#current
    if (before === null || pending) return null
    const { smallBuffers, bodyBuffers } = this.#pools
    const isSmall = isSmallBuffer(before)
    const large = this.#roomy && (isSmall ? length >= SMALL_READ_BYTES : length > SMALL_READ_BYTES)
    if (large !== isSmall) return null
    this.#current = isSmall ? bodyBuffers.take() : smallBuffers.take()
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
    else this.#pools.bodyBuffers.give(buffer)
  }
}

function isSmallBuffer (buffer: ReadBuffer): boolean {
  return buffer.window.length === SMALL_READ_BYTES
}
