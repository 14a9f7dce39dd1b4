/**
 * A piece of a request's body as a chunk (RFC 9112 section 7.1), on its way to an endpoint.
 */
import type { BodyPiece } from '../http/http-request.ts'
import { chunkEnd, chunkStart, lastChunk, lastChunkWith } from './chunk-framing.ts'

/** Copies a piece to `out` as a chunk; returns the position behind. */
export function appendChunk (piece: BodyPiece, out: Buffer, at: number): number {
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
export function framePiece (piece: BodyPiece): Buffer {
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
