/**
 * Gives what a stream has read to its handler, in the buffer that the reader wants, and keeps what the handler throws from
 * whoever calls. Hot.
 */
import type { ByteStreamHandler, ReadBuffer } from './byte-stream.ts'

/** The stream that is read. */
export interface ReadSource {
  /** Nothing is to be told any more but the close. */
  readonly gone: boolean
  /** Takes bytes back that the reader does not want yet: they come again, first, when it resumes. */
  putBack (bytes: Buffer): void
}

export class ReadFeed {
  /** Where the reader wants what comes next. */
  buffer: ReadBuffer
  /** The reader wants nothing for now. */
  paused = false
  readonly #source: ReadSource
  readonly #handler: ByteStreamHandler

  constructor (source: ReadSource, handler: ByteStreamHandler, buffer: ReadBuffer) {
    this.#source = source
    this.#handler = handler
    this.buffer = buffer
  }

  /** So many bytes have been read into the window of the buffer. */
  deliver (length: number): void {
    const { memory, offset } = this.buffer
    try {
      this.#handler.onBytes(memory, offset, offset + length)
    } catch (error) {
      this.#handler.onDefect(error)
    }
  }

  /** Bytes that lie elsewhere, up to `end`: copied into the buffer, so that the room around it is there too. */
  copy (bytes: Buffer, end: number): void {
    let from = 0
    while (from < end && !this.#source.gone) {
      if (from > 0 && this.paused) return this.#source.putBack(bytes.subarray(from, end))
      const { window } = this.buffer
      const length = Math.min(window.length, end - from)
      bytes.copy(window, 0, from, from + length)
      from += length
      this.deliver(length)
    }
  }

  /** Tells the handler something. */
  guard (tell: (handler: ByteStreamHandler) => void): void {
    try {
      tell(this.#handler)
    } catch (error) {
      this.#handler.onDefect(error)
    }
  }
}
