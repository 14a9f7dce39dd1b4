import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../../src/net/byte-stream.ts'

/**
 * A stream whose kernel takes nothing until the test says so: what is written stays where it lies, as a pending write's
 * bytes do, and is looked at only when it is taken.
 */
export class StalledStream implements ByteStream {
  readonly taken: Buffer[] = []
  paused = false
  writeRefused = false
  /** A FIN was sent. */
  ended = false
  gone: 'destroyed' | 'reset' | undefined
  #stalled: Buffer[] = []
  #unread = Buffer.alloc(0)
  #delivering = false
  #handler: ByteStreamHandler | undefined
  #buffer: ReadBuffer

  constructor (buffer: ReadBuffer) {
    this.#buffer = buffer
  }

  attach (handler: ByteStreamHandler): void {
    this.#handler = handler
  }

  write (bytes: Buffer): boolean {
    this.#stalled.push(bytes)
    return false
  }

  /** What a stream with copies of its own would say. */
  ownBytes = 0
  get writePending (): boolean { return this.#stalled.length > 0 }
  get stalledBytes (): number { return this.#stalled.reduce((sum, { length }) => sum + length, 0) }

  /** The kernel takes everything. */
  take (): void {
    this.taken.push(...this.#stalled.map(bytes => Buffer.from(bytes)))
    this.#stalled = []
    this.#handler?.onDrain()
  }

  /** Bytes come in, into the buffer that the reader has given, in as many reads as it takes; while it is paused the rest waits. */
  receive (bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes])
    this.#deliver()
  }

  #deliver (): void {
    if (this.#delivering) return
    this.#delivering = true
    while (!this.paused && this.gone === undefined && this.#unread.length > 0) {
      const { memory, window, offset } = this.#buffer
      const length = this.#unread.copy(window)
      this.#unread = this.#unread.subarray(length)
      this.#handler?.onBytes(memory, offset, offset + length)
    }
    this.#delivering = false
  }

  isReset (): boolean { return false }
  look (): undefined { return undefined }

  readInto (buffer: ReadBuffer): void { this.#buffer = buffer }
  pause (): void { this.paused = true }
  resume (): void {
    this.paused = false
    this.#deliver()
  }

  end (): void { this.ended = true }
  destroy (): void { this.gone ??= 'destroyed' }
  reset (): void { this.gone ??= 'reset' }
}
