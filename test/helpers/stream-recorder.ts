import type { ByteStreamHandler } from '../../src/net/byte-stream.ts'

/** A handler of a stream that writes down what happens. */
export class StreamRecorder implements ByteStreamHandler {
  readonly chunks: Buffer[] = []
  readonly reads: Array<{ readonly memory: Buffer, readonly start: number, readonly length: number }> = []
  readonly closes: Array<string | undefined> = []
  readonly defects: unknown[] = []
  ended = 0
  drains = 0
  /** What the handler does besides at each read. */
  onRead: () => void = () => {}

  onBytes (buf: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(buf.subarray(start, end)))
    this.reads.push({ memory: buf, start, length: end - start })
    this.onRead()
  }

  onEnd (): void { this.ended++ }
  onDrain (): void { this.drains++ }
  onClose (error: string | undefined): void { this.closes.push(error) }
  onDefect (error: unknown): void { this.defects.push(error) }
  get bytes (): Buffer { return Buffer.concat(this.chunks) }
}
