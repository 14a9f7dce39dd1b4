import { pause } from '../core/abortable.ts'
import { errorCode, errorText } from '../core/error-text.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { LogFile } from './log-file.ts'

const MAX_QUEUED_BYTES = 4 * 1024 * 1024
/** A pipe that is full is tried again after this time. */
const RETRY_MS = 50
/** How long `close` waits for a file or reader that does not take the rest. */
const CLOSE_TIMEOUT_MS = 2_000

const LINE_FEED = 0x0a

export interface LogWriterOptions {
  /** A file, or `-` for standard output. */
  readonly path: string
  readonly open: (path: string) => Promise<LogFile>
  readonly clock: Clock
  /** Should be throttled: a full disk fails every batch. */
  readonly logger: Logger
  readonly maxQueuedBytes?: number
}

interface Batch {
  readonly bytes: Uint8Array
  readonly done: () => void
}

/**
 * The control plane's side of the access log: appends batches of whole lines to a file or standard output, in order, one
 * write at a time. It never makes its caller wait: what does not fit the queue, and what the file refuses, is dropped and
 * counted. A line that was cut by a failed write is ended before the next one, so that the damage stays in that line.
 */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #maxQueued: number
  readonly #queue: Batch[] = []
  #queuedBytes = 0
  #file: LogFile | undefined
  #reopenWanted = false
  #running: Promise<void> | undefined
  #midLine = false
  #closing = false
  #abandoned = false
  #droppedLines = 0

  constructor (options: LogWriterOptions) {
    this.#options = options
    this.#maxQueued = options.maxQueuedBytes ?? MAX_QUEUED_BYTES
  }

  /** Lines that were not written, since the start. */
  get droppedLines (): number {
    return this.#droppedLines
  }

  /**
   * Queues a batch of whole lines.
   * @param done called once, when the batch was written or dropped
   */
  append (bytes: Uint8Array, done: () => void = () => {}): void {
    if (this.#closing || this.#queuedBytes + bytes.length > this.#maxQueued) {
      this.#droppedLines += countLines(bytes)
      done()
      return
    }
    this.#queue.push({ bytes, done })
    this.#queuedBytes += bytes.length
    this.#run()
  }

  /** Opens the file anew after the batch in hand, for logs that were renamed by rotation. Keeps the old one if that fails. */
  reopen (): void {
    if (this.#closing) return
    this.#reopenWanted = true
    this.#run()
  }

  /** Writes what is queued, for a bounded time, and closes the file. Batches that come later are dropped. */
  async close (): Promise<void> {
    this.#closing = true
    const timeout = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(CLOSE_TIMEOUT_MS, timeout.resolve)
    await Promise.race([this.#running, timeout.promise])
    timer.cancel()
    this.#abandoned = true
    for (const batch of this.#queue.splice(0)) this.#drop(batch)
    // A write that still hangs owns the file; the end of the process closes it.
    if (this.#running !== undefined) return
    const file = this.#file
    this.#file = undefined
    await file?.close().catch((error: unknown) => { this.#report('The access log was not closed cleanly', error) })
  }

  #run (): void {
    this.#running ??= this.#drain()
  }

  async #drain (): Promise<void> {
    // Ends its turn by itself: a batch that comes after the last look at the queue finds nobody running.
    while (this.#reopenWanted || this.#queue.length > 0) {
      if (this.#reopenWanted) await this.#swapFile()
      const batch = this.#queue.shift()
      if (batch === undefined) continue
      const unwritten = await this.#write(batch.bytes)
      this.#droppedLines += countLines(unwritten)
      this.#queuedBytes -= batch.bytes.length
      batch.done()
    }
    this.#running = undefined
  }

  async #swapFile (): Promise<void> {
    this.#reopenWanted = false
    const { path, open } = this.#options
    try {
      const next = await open(path)
      const previous = this.#file
      this.#file = next
      this.#midLine = false
      await previous?.close()
    } catch (error) {
      this.#report('The access log could not be reopened; the old file stays in use', error)
    }
  }

  /** @returns the rest that could not be written */
  async #write (bytes: Uint8Array): Promise<Uint8Array> {
    let rest = bytes
    try {
      this.#file ??= await this.#options.open(this.#options.path)
      if (this.#midLine && await this.#writeSome(this.#file, Buffer.from('\n')) === 1) this.#midLine = false
      while (rest.length > 0) {
        const written = await this.#writeSome(this.#file, rest)
        if (written > 0) this.#midLine = rest[written - 1] !== LINE_FEED
        rest = rest.subarray(written)
      }
    } catch (error) {
      this.#report('The access log cannot be written; lines are dropped', error)
    }
    return rest
  }

  /** Writes what the file takes; 0 after a pause when a pipe is full. */
  async #writeSome (file: LogFile, bytes: Uint8Array): Promise<number> {
    try {
      const written = await file.write(bytes)
      if (written > 0) return written
    } catch (error) {
      if (!isBusy(error) || this.#abandoned) throw error
    }
    await pause(this.#options.clock, RETRY_MS)
    return 0
  }

  #drop (batch: Batch): void {
    this.#droppedLines += countLines(batch.bytes)
    this.#queuedBytes -= batch.bytes.length
    batch.done()
  }

  #report (message: string, error: unknown): void {
    this.#options.logger.error(message, {
      path: this.#options.path,
      reason: errorText(error),
      remedy: 'check that accessLog.path can be written and that its disk has room; for standard output, that something reads it'
    })
  }
}

function isBusy (error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EAGAIN' || code === 'EBUSY' || code === 'EINTR'
}

/** A cut last line counts as one. */
function countLines (bytes: Uint8Array): number {
  let lines = 0
  for (const byte of bytes) if (byte === LINE_FEED) lines++
  return lines
}
