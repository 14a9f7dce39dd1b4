/**
 * A two-way stream of bytes as the data plane uses it. Its one purpose is to leave out what a Node stream does for each
 * chunk: bytes arrive in a buffer that the reader gave, and a write says at once whether the kernel took all of it.
 */
import type { SocketEnds } from './socket-ends.ts'

export interface ByteStreamHandler {
  /**
   * Bytes have arrived in `buf[start, end)`. They are valid during the call only, unless the buffer is the handler's own.
   */
  onBytes (buf: Buffer, start: number, end: number): void
  /** The peer will send no more (a FIN). */
  onEnd (): void
  /** Everything written so far has been taken by the kernel, after a write that was not. */
  onDrain (): void
  /** The stream is gone. Called once, last. `error` is a code such as ECONNRESET when it did not end in peace. */
  onClose (error: string | undefined): void
  /** One of the calls above has thrown: a defect of the handler. It ends what it is at, so that others are not harmed. */
  onDefect (error: unknown): void
}

export interface ByteStream {
  /**
   * Writes bytes.
   * @returns true when the kernel has taken them all; false when `bytes` must stay untouched until onDrain
   */
  write (bytes: Buffer): boolean
  /** The latest write was refused by the kernel: nothing of it has been sent, and the close follows. False where that can't be known. */
  readonly writeRefused: boolean
  /** Are there bytes that the kernel has not taken yet? */
  readonly writePending: boolean
  /** Bytes of memory of the stream's own: copies of what waits to be written, and what was read and is not wanted yet. */
  readonly ownBytes: number
  /** After onEnd: has the peer answered what was written with a reset? No event tells of it. False where it can't be known for sure. */
  isReset (): boolean
  /**
   * While nothing is read and nothing waits to be written, no event tells of a reset: looks for one, and closes the stream then.
   * @returns the ends of the connection, when nothing is read; undefined otherwise
   */
  look (): SocketEnds | undefined
  /** Bytes received from now on come in this buffer. From within onBytes it costs nothing; else the next read is copied to it. */
  readInto (buffer: ReadBuffer): void
  /** Stops and resumes reading. */
  pause (): void
  resume (): void
  /** Sends a FIN after what has been written. */
  end (): void
  /** Closes the stream at once and drops what has not been sent. */
  destroy (): void
  /** Closes with a reset, so that the peer can't take what it has got for complete. */
  reset (): void
}

/** Where a stream puts what it reads: `memory[offset, offset + length)`. The room around it belongs to the reader. */
export interface ReadBuffer {
  readonly memory: Buffer
  readonly window: Buffer
  readonly offset: number
}

/** A buffer to read into, with room before and after it. */
export function createReadBuffer (headroom: number, length: number, tailroom: number): ReadBuffer {
  const memory = Buffer.allocUnsafeSlow(headroom + length + tailroom)
  return { memory, window: memory.subarray(headroom, headroom + length), offset: headroom }
}

/**
 * Gives what a stream has read to its handler, in the buffer that the reader wants, and keeps what the handler throws from
 * whoever calls. Hot.
 */

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
