/**
 * Writes a request as an endpoint gets it: the head and the first piece of the body into one buffer, where they stay for another attempt;
 * then the rest as it comes, framed as the endpoint can read it. Hot.
 */
import { type BodyPiece, type HttpRequest, type KeptRequest, PIECE_ROOM, type RequestEdits } from '../http/http-request.ts'
import { foreignRequestHead } from './foreign-heads.ts'
import { BODY, RequestHead } from './request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from './rewrite-request-head.ts'
import { chunkEnd, chunkStart, lastChunk, lastChunkWith } from './chunk-framing.ts'

/**
 * A piece of a request's body as a chunk (RFC 9112 section 7.1), on its way to an endpoint.
 */

/** Copies a piece to `out` as a chunk; returns the position behind. */
function appendChunk (piece: BodyPiece, out: Buffer, at: number): number {
  let pos = at
  const length = piece.end - piece.start
  if (length > 0) {
    pos += out.write(`${length.toString(16)}\r\n`, pos, 'latin1')
    piece.buf.copy(out, pos, piece.start, piece.end)
    pos = chunkEnd(out, pos + length)
  }
  if (!piece.last) return pos
  if (piece.trailers === undefined) return lastChunk(out, pos)
  return pos + lastChunkWith(piece.trailers).copy(out, pos)
}

/** Frames a piece as a chunk in its own buffer. */
function framePiece (piece: BodyPiece): Buffer {
  let from = piece.start
  let to = piece.end
  if (to > from) {
    from = chunkStart(piece.buf, piece.start, piece.end)
    to = chunkEnd(piece.buf, piece.end)
  }
  if (!piece.last) return piece.buf.subarray(from, to)
  if (piece.trailers === undefined) return piece.buf.subarray(from, lastChunk(piece.buf, to))
  return Buffer.concat([piece.buf.subarray(from, to), lastChunkWith(piece.trailers)])
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] }

/** Where a request can be written. */
export interface RequestStore extends Writable<KeptRequest> {
  /** Makes `out` at least so large, keeping nothing. */
  reserveOut (bytes: number): void
}

/** Room for the framing of a first piece. */
const FIRST_PIECE_ROOM = 2 * PIECE_ROOM

/** Serialises the head and the first piece into `store`. */
export function writeRequest (store: RequestStore, request: HttpRequest, edits: RequestEdits, piece: BodyPiece): void {
  const bodyLength = piece.end - piece.start
  const room = bodyLength + FIRST_PIECE_ROOM + (piece.trailers === undefined ? 0 : piece.trailers.length)
  let pos: number
  if (request instanceof RequestHead) {
    store.reserveOut(rewrittenHeadBound(request, edits) + room)
    pos = rewriteRequestHead(request, edits, store.out, 0)
    store.chunked = request.framing() === BODY.chunked
  } else {
    store.chunked = isChunked(request, piece)
    const head = foreignRequestHead(request, edits, store.chunked)
    store.reserveOut(head.length + room)
    pos = head.copy(store.out)
  }
  store.headLength = pos
  if (store.chunked) {
    pos = appendChunk(piece, store.out, pos)
  } else if (bodyLength > 0) {
    piece.buf.copy(store.out, pos, piece.start, piece.end)
    pos += bodyLength
  }
  store.outLength = pos
}

/** A request of another version of HTTP: nobody knows how long its body is. */
function isChunked ({ length }: HttpRequest, { last, start, end }: BodyPiece): boolean {
  return length < 0 && !(last && end === start)
}

/** Another piece as it goes on the wire. It may lie in the piece's own buffer. */
export function pieceBytes ({ chunked }: KeptRequest, piece: BodyPiece): Buffer {
  return chunked ? framePiece(piece) : piece.buf.subarray(piece.start, piece.end)
}

/**
 * Keeps bytes that are sent behind what is kept already.
 * @param maxBytes the most that is kept of a request
 * @returns false when that is too much: then the request can't be sent again, and of what was sent only the head is kept, to be looked at
 */
export function keepBytes (kept: Writable<KeptRequest>, bytes: Buffer, maxBytes: number): boolean {
  const length = kept.outLength + bytes.length
  if (length > maxBytes) {
    keepHeadOnly(kept)
    return false
  }
  if (kept.out.length < length) {
    const larger = Buffer.allocUnsafeSlow(Math.min(length * 2, Math.max(length, maxBytes)))
    kept.out.copy(larger, 0, 0, kept.outLength)
    kept.out = larger
  }
  bytes.copy(kept.out, kept.outLength)
  kept.outLength = length
  return true
}

function keepHeadOnly (kept: Writable<KeptRequest>): void {
  const { out, headLength } = kept
  kept.outLength = headLength
  if (out.length < 2 * headLength) return
  const head = Buffer.allocUnsafeSlow(headLength)
  out.copy(head, 0, 0, headLength)
  kept.out = head
}

/** The head of a request as it would be sent, in memory of its own. */
export function plainHead (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): Buffer {
  if (!(request instanceof RequestHead)) return foreignRequestHead(request, edits, isChunked(request, piece))
  const out = Buffer.allocUnsafe(rewrittenHeadBound(request, edits))
  return Buffer.from(out.subarray(0, rewriteRequestHead(request, edits, out, 0)))
}

/** A kept request with another head. */
export function withHead ({ out, outLength, headLength, chunked }: KeptRequest, head: Buffer): KeptRequest {
  const changed = Buffer.allocUnsafeSlow(head.length + outLength - headLength)
  head.copy(changed)
  out.copy(changed, head.length, headLength, outLength)
  return { out: changed, outLength: changed.length, headLength: head.length, chunked }
}

const FIRST_BYTES = 2_048

/** Keeps a request for which there is no call yet, and what has come of its body. */
export function keepRequest (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest {
  const store = new OutBuffer()
  writeRequest(store, request, edits, piece)
  return store
}

class OutBuffer implements RequestStore {
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  outLength = 0
  headLength = 0
  chunked = false

  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.out = Buffer.allocUnsafeSlow(bytes)
    this.outLength = 0
  }
}
