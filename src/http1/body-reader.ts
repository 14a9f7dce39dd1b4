/**
 * Where a body ends (RFC 9112 section 6.3), with its framing taken off: of a request in what the client sends, of a response in what the
 * endpoint sends. Hot.
 */
import { ChunkedDecoder } from './chunked-decoder.ts'
import { BODY, type RequestHead } from './request-head.ts'

export class BodyReader {
  /** Where the unframed bytes of the last read end. */
  end = 0
  /** Where what the body used up of the last read ends. */
  consumed = 0
  /** The body is complete. */
  last = true
  /** The trailer lines, when the body is complete. */
  trailers: Buffer | undefined
  #framing: number = BODY.none
  #remaining = 0
  #decoder: ChunkedDecoder | null = null

  /** Expects the body of a request. */
  begin (head: RequestHead): void {
    this.#framing = head.framing()
    this.#remaining = head.length
    this.trailers = undefined
    if (this.#framing !== BODY.chunked) return
    this.#decoder ??= new ChunkedDecoder()
    this.#decoder.reset()
  }

  /**
   * Reads on in `buf[start, end)`.
   * @returns 0, or the negative number of a fault
   */
  read (buf: Buffer, start: number, end: number): number {
    if (this.#framing === BODY.chunked) return this.#readChunks(buf, start, end)
    const length = this.#framing === BODY.length ? Math.min(this.#remaining, end - start) : 0
    this.#remaining -= length
    this.end = this.consumed = start + length
    this.last = this.#framing === BODY.none || this.#remaining === 0
    return 0
  }

  #readChunks (buf: Buffer, start: number, end: number): number {
    const decoder = this.#decoder
    if (decoder === null) return 0
    const length = decoder.decode(buf, start, end)
    if (length < 0) return length
    this.end = start + length
    this.consumed = start + decoder.consumed
    this.last = decoder.done
    this.trailers = decoder.trailers
    return 0
  }
}

/**
 * The body of a response as it comes: takes its framing off and finds its end (RFC 9112 section 6.3). One object per
 * connection, reused for each of its responses. Hot.
 */

export class ResponseBody {
  /** One of BODY. */
  framing: number = BODY.none
  /** The body has ended, within the bytes read last. */
  done = false
  /** Bytes came behind its end: they belong to nobody. */
  surplus = false
  #remaining = 0
  #decoder: ChunkedDecoder | null = null

  /** @param length of a body that has one: the bytes in it */
  begin (framing: number, length: number): void {
    this.framing = framing
    this.done = this.surplus = false
    this.#remaining = length
    if (framing !== BODY.chunked) return
    this.#decoder ??= new ChunkedDecoder(true)
    this.#decoder.reset()
  }

  /**
   * Takes the bytes that have come in `buf[start, end)`: afterwards those of the body lie at `start`.
   * @returns where they end, or the negative number of a fault
   */
  read (buf: Buffer, start: number, end: number): number {
    switch (this.framing) {
      case BODY.length: {
        const bodyEnd = Math.min(end, start + this.#remaining)
        this.#remaining -= bodyEnd - start
        return this.#ends(this.#remaining === 0, bodyEnd, end > bodyEnd)
      }
      case BODY.chunked: return this.#decode(buf, start, end)
      case BODY.untilClose: return end
      default: return this.#ends(true, start, end > start)
    }
  }

  #decode (buf: Buffer, start: number, end: number): number {
    const decoder = this.#decoder
    if (decoder === null) return start
    const length = decoder.decode(buf, start, end)
    return length < 0 ? length : this.#ends(decoder.done, start + length, start + decoder.consumed < end)
  }

  #ends (done: boolean, bodyEnd: number, surplus: boolean): number {
    this.done = done
    this.surplus = surplus
    return bodyEnd
  }

  /** The trailer lines of a body that has ended, each with CR LF. */
  get trailers (): Buffer | undefined {
    return this.framing === BODY.chunked ? this.#decoder?.trailers : undefined
  }
}
