/**
 * How a client is read: into which buffer, and whether at all for now. Hot.
 *
 * While no body is on its way the connection reads into a buffer that all connections of the worker share; what can't be
 * used up during the call is copied out of it. A body is read into a buffer of the connection's own. What is kept for the client
 * is charged here.
 */
import { ByteAccount } from '../net/byte-budget.ts'
import type { ByteStream, ReadBuffer } from '../net/byte-stream.ts'
import { socketKey } from '../net/socket-ends.ts'
import { BodyBuffer, SMALL_READ_BYTES } from '../net/buffer-pool.ts'
import type { DownstreamContext } from './downstream-context.ts'
import { PartialHead } from '../http1/line-collector.ts'
import type { RequestHead } from '../http1/request-head.ts'

/**
 * What a client has sent ahead of its turn: the bytes of its next requests, copied.
 */

/** Bytes of requests sent ahead from which on the client is not read; a read more may come. */
const MAX_PIPELINED_BYTES = 4_096

class SentAhead {
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

/** What the objects of a connection take that has begun a head, besides its bytes: measured (`npm run bench:memory`). */
const HEAD_OBJECT_BYTES = 8_192

export class ClientReading {
  /** The head that was read last, and where the bytes end that have come with it. */
  head: RequestHead
  headBytesEnd = 0
  /** A head that has not come whole yet. */
  partial: PartialHead | null = null
  /** What came ahead of its turn. */
  readonly ahead = new SentAhead()
  /** The client's FIN has been seen, if only behind what has not been read yet. */
  endSeen = false
  /** What is kept for the client. */
  readonly account: ByteAccount
  /** Bytes of buffers that pending writes of the present request hold on to; given up by `settle`. */
  lent = 0
  readonly #context: DownstreamContext
  readonly #buffer: BodyBuffer
  #stream: ByteStream | null = null
  /** Whoever gets the bytes takes no more of them for now. */
  #paused = false
  /** The next read waits for a turn. */
  #resting = false
  /** It was not read at the latest look. */
  #looked = false
  /** Bytes that were written to the client, which has not taken them. */
  #owed = 0

  constructor (context: DownstreamContext) {
    this.#context = context
    this.head = context.requestHead
    this.account = new ByteAccount(context.budget)
    this.#buffer = new BodyBuffer(context)
  }

  /** Says anew what is kept. To be called when that has changed, which is never so for a request that comes alone and whole. */
  recharge (): void {
    const partialBytes = this.partial === null ? 0 : HEAD_OBJECT_BYTES + this.partial.memoryBytes
    const streamBytes = this.#stream === null ? 0 : this.#stream.ownBytes
    this.account.set(this.ahead.memoryBytes + this.#buffer.memoryBytes + this.lent + partialBytes + this.#owed + streamBytes)
  }

  /**
   * Parses on in what has come of a head. One that has come whole is parsed where it lies, and others are kept.
   * @returns as RequestHead.parse does; then the head, complete or at fault, is `head`
   */
  readHead (buf: Buffer, start: number, end: number): number {
    const { partial } = this
    if (partial !== null) return this.#readPartial(partial, buf, start, end)
    const head = this.head = this.#context.requestHead
    this.headBytesEnd = end
    head.reset(buf, start)
    const outcome = head.parse(end)
    if (outcome !== 0) return outcome
    this.partial = new PartialHead(this.#context.settings.limits, buf, start, end)
    this.recharge()
    return 0
  }

  #readPartial (partial: PartialHead, buf: Buffer, start: number, end: number): number {
    const outcome = partial.add(buf, start, end)
    if (outcome !== 0) {
      this.head = partial.head
      this.headBytesEnd = partial.length
      this.partial = null
    }
    this.recharge()
    return outcome
  }

  /** Nothing of the client's requests is wanted any more. */
  drop (): void {
    this.ahead.drop()
    this.partial = null
    this.leaveBody()
  }

  /** So many bytes are kept until the client has taken what was written to it. */
  owe (bytes: number): void {
    this.#owed += bytes
    this.recharge()
  }

  /** The client has taken everything. */
  paid (): void {
    this.#owed = 0
    this.recharge()
  }

  /** A write of the request holds on to so many bytes of memory. */
  lend (bytes: number): void {
    this.lent += bytes
    this.recharge()
  }

  /** No write of the request holds on to anything any more. */
  settle (): void {
    this.lent = 0
    this.recharge()
  }

  attach (stream: ByteStream): void { this.#stream = stream }

  /** Looks after a client that is not read. @returns its key, when it was not read at the look before either */
  look (): string | undefined {
    const ends = this.#stream?.look()
    const again = this.#looked && ends !== undefined
    this.#looked = ends !== undefined
    return again && !this.endSeen ? socketKey(ends) : undefined
  }

  /** Keeps bytes of the next requests. */
  stash (buf: Buffer, start: number, end: number): void {
    this.ahead.add(buf, start, end)
    if (this.ahead.enough) this.#stream?.pause()
    this.recharge()
  }

  /** Stops for the sake of whoever gets the bytes. */
  pause (): void {
    this.#paused = true
    this.#stream?.pause()
  }

  unpause (): void {
    this.#paused = false
    if (this.lent !== 0) this.settle()
    this.resume()
  }

  /** Reads on, unless something else is in the way. */
  resume (): void {
    if (!this.#paused && !this.#resting) this.#stream?.resume()
  }

  /** Reads on, whatever there was. */
  restart (): void {
    this.#paused = false
    this.#resting = false
    this.#stream?.resume()
  }

  /** From now on reads go to a buffer of the connection's own. */
  beginBody (): void {
    this.#stream?.readInto(this.#buffer.begin())
    this.recharge()
  }

  /**
   * A piece of a body has been read. A body that is framing more than anything else takes long to decode: it gets a small
   * buffer, and one read in each turn.
   * @param length of the read, of which so many bytes were `data`
   * @param pending a write still holds on to the buffer
   * @returns false when the next read has to wait for a turn: `endRest` then
   */
  readOn (length: number, data: number, pending: boolean): boolean {
    const slow = length >= SMALL_READ_BYTES && data < length / 2
    const next = this.#buffer.fit(slow ? data : length, pending)
    if (next !== null) this.#change(next)
    if (!slow) return true
    this.#resting = true
    this.#stream?.pause()
    return false
  }

  endRest (): void {
    if (!this.#resting) return
    this.#resting = false
    this.resume()
  }

  /** The body is complete: the next read may share. To be called from within a read. */
  endBody (pending: boolean): void {
    if (!this.#buffer.inUse) return
    this.#stream?.readInto(this.#context.sharedBuffer)
    if (pending) this.lent += this.#buffer.memoryBytes
    this.#buffer.end(pending)
    this.recharge()
  }

  /** What is left of the body is of no use to anybody. */
  leaveBody (): void {
    if (this.#buffer.inUse) this.#stream?.readInto(this.#context.sharedBuffer)
    // A connection that ends in mid-body may leave a write behind.
    this.#buffer.end(true)
    this.settle()
  }

  /** Bytes for a tunnel: what all connections read into can't wait for the endpoint. */
  tunnelPiece (buf: Buffer, start: number, end: number): Buffer {
    const bytes = buf.subarray(start, end)
    return this.#buffer.inUse ? bytes : Buffer.from(bytes)
  }

  /** So many bytes went through the tunnel. `pending`: a write still holds on to them. */
  readOnInTunnel (length: number, pending: boolean): void {
    if (pending && !this.#buffer.inUse) this.lend(length)
    const next = this.#buffer.inUse ? this.#buffer.fit(length, pending) : this.#buffer.beginWithin(length)
    if (next !== null) this.#change(next)
  }

  #change (next: ReadBuffer): void {
    this.#stream?.readInto(next)
    this.recharge()
  }
}

/**
 * How long a client is read that still sends what is of no use any more: the rest of a request whose answer is out. To close at
 * once would send a reset, which can destroy the answer on its way. Whoever sends gets time, however much it is; but not for
 * ever, and not for doing nothing.
 */

/** Altogether. */
const LINGER_MS = 30_000
/** Without a byte. */
const LINGER_SILENCE_MS = 5_000
/** Without a byte while the worker drains; the end of the drain bounds the rest. */
const DRAIN_SILENCE_MS = 2_000

export class Linger {
  #untilMs = 0

  /** The answer is out. */
  begin (nowMs: number): void {
    this.#untilMs = nowMs + LINGER_MS
  }

  /** How long the next byte may take. */
  timeMs (nowMs: number, draining: boolean): number {
    return Math.max(1, Math.min(this.#untilMs - nowMs, draining ? DRAIN_SILENCE_MS : LINGER_SILENCE_MS))
  }
}
