/**
 * Finds the end of a request's body in what the client sends, and takes its framing off. Hot.
 */
import { ChunkedDecoder } from './chunked-decoder.ts'
import { BODY } from './request-head.ts'
import type { RequestHead } from './request-head.ts'

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
