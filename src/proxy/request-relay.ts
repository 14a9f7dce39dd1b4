/**
 * Passes a request on to an endpoint: head and first piece of the body in one write, kept there for another attempt; then
 * the rest as it comes, framed as the endpoint can read it. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { BODY } from '../http1/request-head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../http1/rewrite-request-head.ts'
import type { RequestAdditions } from '../http1/rewrite-request-head.ts'
import { appendChunk, framePiece, PIECE_FRAMING_BYTES } from './body-piece.ts'
import type { BodyPiece } from './body-piece.ts'
import { OwedSince } from './owed-since.ts'
import type { OutTarget, RequestTarget } from './out-buffer.ts'

const MS_PER_S = 1_000
const NO_BYTES = Buffer.alloc(0)

export class RequestRelay {
  /** Everything of the request has been handed to the connection. */
  done = false
  /** All that was sent lies in the connection's `out`, and can be sent again. */
  whole = false
  /** It is the rate of the body, and not a silence, that the deadline of the next piece was set by. */
  tooSlow = false
  #framing: number = BODY.none
  /** When the body began, later by the time in which it was held. */
  #startMs = 0
  /** The rest of the body waits for the endpoint. */
  readonly #held = new OwedSince()
  #bytes = 0
  /** The request as it was sent: a second look at it costs another parse, but only errors and the access log look. */
  #sent: Buffer = NO_BYTES
  #sentLength = 0
  #headLength = 0

  get held (): boolean { return this.#held.owed }

  /** How long the rest of the body has waited for the endpoint, which takes nothing; 0 when it does not wait. */
  heldForMs (nowMs: number): number {
    return this.#held.forMs(nowMs)
  }

  reset (head: RequestHead, piece: BodyPiece, nowMs: number): void {
    this.#framing = head.framing()
    this.done = piece.last
    this.whole = true
    this.#held.end()
    this.#startMs = nowMs
    this.#bytes = piece.end - piece.start
  }

  /**
   * The endpoint takes no more for now, so the client has to wait with the rest of the body.
   * @returns false when there is nothing to wait with
   */
  hold (nowMs: number): boolean {
    if (this.done || this.held) return false
    this.#held.begin(nowMs)
    return true
  }

  /**
   * The endpoint takes more.
   * @returns false when nothing was held
   */
  letGo (nowMs: number): boolean {
    if (!this.held) return false
    // Time in which the client could not send does not count for its rate.
    this.#startMs += this.heldForMs(nowMs)
    this.#held.end()
    return true
  }

  /**
   * How long the next piece of the body may take: no longer than a silence may be, and so that the body keeps to its rate.
   * @param minRate bytes per second, on average, once the body is older than a silence may be; 0 sets no rate
   */
  pieceTimeMs (nowMs: number, silenceMs: number, minRate: number): number {
    this.tooSlow = false
    if (this.held || minRate === 0) return silenceMs
    const leftMs = this.#startMs + silenceMs + this.#bytes / minRate * MS_PER_S - nowMs
    if (leftMs >= silenceMs) return silenceMs
    this.tooSlow = true
    return Math.max(1, leftMs)
  }

  /** Serialises the head and the first piece into the connection's own memory, where they stay for another attempt. */
  writeHead (target: OutTarget, head: RequestHead, additions: RequestAdditions, piece: BodyPiece): void {
    const bodyLength = piece.end - piece.start
    const trailers = piece.trailers === undefined ? 0 : piece.trailers.length
    target.reserveOut(rewrittenHeadBound(head, additions) + bodyLength + trailers + PIECE_FRAMING_BYTES)
    const { out } = target
    let pos = this.#headLength = rewriteRequestHead(head, additions, out, 0)
    if (this.#framing === BODY.chunked) {
      pos = appendChunk(piece, out, pos)
    } else if (bodyLength > 0) {
      piece.buf.copy(out, pos, piece.start, piece.end)
      pos += bodyLength
    }
    target.outLength = pos
    this.#sent = out
    this.#sentLength = pos
  }

  /**
   * Sends another piece.
   * @param replayBytes what is sent is kept for another attempt up to so many bytes
   * @returns has the kernel taken it, so that its buffer is free?
   */
  writeBody (connection: RequestTarget, piece: BodyPiece, replayBytes: number): boolean {
    if (piece.last) this.done = true
    this.#bytes += piece.end - piece.start
    const bytes = this.#framing === BODY.chunked ? framePiece(piece) : piece.buf.subarray(piece.start, piece.end)
    if (bytes.length === 0) return true
    if (this.whole) this.#keep(connection, bytes, replayBytes)
    return connection.write(bytes)
  }

  #keep (target: RequestTarget, bytes: Buffer, replayBytes: number): void {
    const length = target.outLength + bytes.length
    this.whole = length <= replayBytes
    if (!this.whole) return this.#keepHeadOnly(target)
    if (target.out.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(length * 2, Math.max(length, replayBytes)))
      target.out.copy(larger, 0, 0, target.outLength)
      this.#sent = larger
      target.replaceOut(larger, target.outLength)
    }
    bytes.copy(target.out, target.outLength)
    target.outLength = length
  }

  /** It is not repeated any more: of what was sent, only the head is looked at again. */
  #keepHeadOnly (target: RequestTarget): void {
    const length = this.#headLength
    if (target.out.length < 2 * length) return
    const head = Buffer.allocUnsafeSlow(length)
    target.out.copy(head, 0, 0, length)
    this.#sent = head
    this.#sentLength = length
    target.replaceOut(head, length)
  }

  /** What it means that the next piece has not come in time: the code, and the option that says so. */
  get overdue (): readonly [ProxyErrorCode, string] {
    if (this.held) return ['upstream_timeout', 'timeouts.requestBody']
    return this.tooSlow ? ['body_too_slow', 'limits.minBodyRate'] : ['request_timeout', 'timeouts.requestBody']
  }

  /** Whose silence it is when neither request nor answer moves any more, and the client takes what there is. */
  get silentParty (): ProxyErrorCode {
    return this.done || this.held ? 'upstream_idle_timeout' : 'request_timeout'
  }

  /** What was sent first; `parser` is a head that nobody else uses. Null when nothing was. */
  sentHead (parser: RequestHead): RequestHead | null {
    if (this.#sentLength === 0) return null
    parser.reset(this.#sent, 0)
    return parser.parse(this.#sentLength) === 1 ? parser : null
  }

  /** Forgets the request. */
  release (): void {
    this.#sent = NO_BYTES
    this.#sentLength = 0
  }
}
