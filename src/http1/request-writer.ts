/**
 * Writes a request as an endpoint gets it: the head and the first piece of the body into one buffer, where they stay for another attempt;
 * then the rest as it comes, framed as the endpoint can read it. Hot.
 */
import type { BodyPiece, HttpRequest, RequestEdits } from '../http/http-request.ts'
import { PIECE_ROOM } from '../http/http-request.ts'
import { appendChunk, framePiece } from './body-chunks.ts'
import { foreignRequestHead } from './foreign-heads.ts'
import { BODY, RequestHead } from './request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from './rewrite-request-head.ts'

/** A request in the notation of HTTP/1.1, as far as it has been sent, kept so that it can be sent again. */
export interface KeptRequest {
  out: Buffer
  outLength: number
  /** The bytes of the head, at the beginning of `out`. */
  headLength: number
  /** Its body is in chunks. */
  chunked: boolean
}

/** Where a request can be written. */
export interface RequestStore extends KeptRequest {
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
    store.chunked = request.length < 0 && !(piece.last && bodyLength === 0)
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

/** Another piece as it goes on the wire. It may lie in the piece's own buffer. */
export function pieceBytes ({ chunked }: KeptRequest, piece: BodyPiece): Buffer {
  return chunked ? framePiece(piece) : piece.buf.subarray(piece.start, piece.end)
}

/**
 * Keeps bytes that are sent behind what is kept already.
 * @param maxBytes the most that is kept of a request
 * @returns false when that is too much: then the request can't be sent again, and of what was sent only the head is kept, to be looked at
 */
export function keepBytes (kept: KeptRequest, bytes: Buffer, maxBytes: number): boolean {
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

function keepHeadOnly (kept: KeptRequest): void {
  const { out, headLength } = kept
  kept.outLength = headLength
  if (out.length < 2 * headLength) return
  const head = Buffer.allocUnsafeSlow(headLength)
  out.copy(head, 0, 0, headLength)
  kept.out = head
}
