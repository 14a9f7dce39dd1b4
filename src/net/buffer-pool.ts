/**
 * Read buffers that are lent to connections while they carry bodies, and kept for the next one.
 */
import { createReadBuffer } from './byte-stream.ts'
import type { ReadBuffer } from './byte-stream.ts'

export interface ReadBufferShape {
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
