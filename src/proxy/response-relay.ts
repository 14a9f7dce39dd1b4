/**
 * Passes a response on to the client: the head rewritten right before the body that came with it, the body framed as the
 * client can read it, head and first piece in one write. Hot.
 */
import { chunkEnd, chunkStart, chunkStartBytes, LAST_CHUNK, lastChunk, lastChunkWith } from '../http1/chunk-framing.ts'
import { BODY } from '../http1/request-head.ts'
import type { ResponseAdditions } from '../http1/response-additions.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { rewriteResponseHead } from '../http1/rewrite-response-head.ts'
import type { Downstream } from './downstream.ts'
import type { HttpDate } from './http-date.ts'

const UPGRADE_REQUIRED = 426
/** How the body goes to the client. */
const FRAMING = { plain: 0, chunked: 1, untilClose: 2 } as const

/** What the client's side allows. */
export interface RelayTerms {
  /** The client's minor version: an HTTP/1.0 client can't read chunks. */
  readonly minor: number
  /** May its connection be kept? */
  readonly keepAlive: boolean
}

export class ResponseRelay {
  /** Has any byte of the response gone to the client? */
  begun = false
  readonly #downstream: Pick<Downstream, 'write'>
  readonly #date: HttpDate
  #framing: number = FRAMING.plain
  /** Where the rewritten head starts that waits for its body; -1 when none does. */
  #headFrom = -1

  constructor (downstream: Pick<Downstream, 'write'>, date: HttpDate) {
    this.#downstream = downstream
    this.#date = date
  }

  /** Only the end of the connection will tell the client where the response ends. */
  get untilClose (): boolean { return this.#framing === FRAMING.untilClose }

  reset (): void {
    this.begun = false
    this.#framing = FRAMING.plain
    this.#headFrom = -1
  }

  /**
   * Rewrites the head; a body() follows in the same turn.
   * @param framing of the response as it came: one of BODY
   * @param own what the response gets besides
   * @returns may the client's connection be kept after this response?
   */
  head (head: ResponseHead, framing: number, terms: RelayTerms, own: ResponseAdditions): boolean {
    // Another attempt may have got as far as its head.
    this.#framing = FRAMING.plain
    let keepAlive = terms.keepAlive
    let additions = head.hasDate ? own.text : `${own.text}Date: ${this.#date.now()}\r\n`
    if (framing === BODY.chunked || framing === BODY.untilClose) {
      if (terms.minor === 0) {
        this.#framing = FRAMING.untilClose
        keepAlive = false
      } else {
        this.#framing = FRAMING.chunked
        additions += 'Transfer-Encoding: chunked\r\n'
      }
    } else if (head.rewriteLength) {
      additions += `Content-Length: ${head.length}\r\n`
    }
    if (head.status === UPGRADE_REQUIRED && head.upgradeLine >= 0) additions += 'Connection: Upgrade\r\n'
    if (!keepAlive) additions += 'Connection: close\r\n'
    else if (terms.minor === 0) additions += 'Connection: keep-alive\r\n'
    this.#headFrom = rewriteResponseHead(head, additions, own.line)
    return keepAlive
  }

  /**
   * Passes on `buf[start, end)`, and the head before it if that waits.
   * @returns has the kernel taken everything, so that the buffer is free?
   */
  body (buf: Buffer, start: number, end: number): boolean {
    if (this.#framing !== FRAMING.chunked || end === start) return this.#write(buf, this.#takeHead(start), end)
    return this.#write(buf, this.#takeChunkHead(buf, start, end), chunkEnd(buf, end))
  }

  /** The same for the last piece, with the trailer lines if there are any. */
  lastBody (buf: Buffer, start: number, end: number, trailers: Buffer | undefined): boolean {
    if (this.#framing !== FRAMING.chunked) return this.#write(buf, this.#takeHead(start), end)
    if (end > start) {
      const from = this.#takeChunkHead(buf, start, end)
      const to = chunkEnd(buf, end)
      if (trailers === undefined) return this.#write(buf, from, lastChunk(buf, to))
      return this.#writeTrailers(this.#write(buf, from, to), trailers)
    }
    // Nothing of the buffer is used but the head: what lies behind it may belong to a pending write.
    return this.#writeTrailers(this.#write(buf, this.#takeHead(start), end), trailers)
  }

  #writeTrailers (taken: boolean, trailers: Buffer | undefined): boolean {
    return this.#downstream.write(trailers === undefined ? LAST_CHUNK : lastChunkWith(trailers)) && taken
  }

  #takeHead (start: number): number {
    const from = this.#headFrom
    if (from < 0) return start
    this.#headFrom = -1
    return from
  }

  /** Writes the size line before the data, and moves the head out of its way first. */
  #takeChunkHead (buf: Buffer, start: number, end: number): number {
    const head = this.#headFrom
    if (head < 0) return chunkStart(buf, start, end)
    this.#headFrom = -1
    const from = head - chunkStartBytes(end - start)
    buf.copyWithin(from, head, start)
    chunkStart(buf, start, end)
    return from
  }

  #write (buf: Buffer, from: number, to: number): boolean {
    if (from === to) return true
    this.begun = true
    return this.#downstream.write(buf.subarray(from, to))
  }
}
