/** One end of a connection that is tried out: it keeps what it reads. */
import type { ByteStream, ByteStreamHandler } from './byte-stream.ts'

/** Only a trial that fails takes so long. */
const LIMIT_MS = 5_000

export class TrialReader<Stream extends ByteStream> implements ByteStreamHandler {
  stream: Stream | undefined
  received: Buffer = Buffer.alloc(0)
  ended = false
  /** Why the connection has gone; '' for no reason. */
  closed: string | undefined
  readonly #limitMs: number
  #defect: Error | undefined

  /** @param limitMs how long it waits for anything, in milliseconds */
  constructor (limitMs = LIMIT_MS) {
    this.#limitMs = limitMs
  }

  onBytes (memory: Buffer, start: number, end: number): void {
    this.received = Buffer.concat([this.received, memory.subarray(start, end)])
  }

  onEnd (): void { this.ended = true }
  onClose (error: string | undefined): void { this.closed = error ?? '' }
  onDrain (): void {}
  onDefect (error: unknown): void { this.#defect = error instanceof Error ? error : new Error(String(error)) }

  /**
   * Looks once in each turn of the event loop.
   * @param what goes into the error
   * @throws Error when the connection goes meanwhile, the stream throws, or it takes too long
   */
  async until (what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + this.#limitMs
    while (!condition()) {
      if (this.#defect !== undefined) throw this.#defect
      if (this.closed !== undefined) throw new Error(`the connection has gone before ${what}: ${this.closed}`)
      if (performance.now() > deadlineMs) throw new Error(`${what} does not come`)
      await new Promise<void>(resolve => { setImmediate(resolve) })
    }
  }
}
