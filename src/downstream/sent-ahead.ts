/**
 * What a client has sent ahead of its turn: the bytes of its next requests, copied.
 */

/** Bytes of requests sent ahead from which on the client is not read; a read more may come. */
const MAX_PIPELINED_BYTES = 4_096

export class SentAhead {
  #bytes: Buffer | null = null
  /** The bytes that are being worked off: what is left of them needs no copy. */
  #working: Buffer | null = null

  /** Is there nothing? */
  get empty (): boolean { return this.#bytes === null }

  /** Is it more than is wanted for now? */
  get enough (): boolean { return this.#bytes !== null && this.#bytes.length >= MAX_PIPELINED_BYTES }

  /** Bytes of memory that it takes, with what has been worked off of the same copy. */
  get memoryBytes (): number { return this.#bytes === null ? 0 : this.#bytes.buffer.byteLength }

  /** Adds `buf[start, end)`. */
  add (buf: Buffer, start: number, end: number): void {
    const before = this.#bytes
    if (before === null && buf === this.#working) {
      this.#bytes = buf.subarray(start, end)
      return
    }
    // Memory of its own: a share of the pool of small Buffers would keep all of it from being freed.
    const length = before === null ? 0 : before.length
    const bytes = Buffer.allocUnsafeSlow(length + end - start)
    before?.copy(bytes)
    buf.copy(bytes, length, start, end)
    this.#bytes = bytes
  }

  /** Takes all of it out, to be worked off: one request is, and the rest of the same buffer may be added again. */
  take (): Buffer | null {
    const bytes = this.#bytes
    this.#bytes = null
    this.#working = bytes
    return bytes
  }

  /** What was taken is worked off. */
  done (): void { this.#working = null }

  /** Forgets it. */
  drop (): void { this.#bytes = null }
}
