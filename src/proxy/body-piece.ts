/**
 * A piece of a request's body on its way to an endpoint.
 */
import { chunkEnd, chunkStart, lastChunk, lastChunkWith } from '../http1/chunk-framing.ts'

/** A piece of a request's body, unframed, in `buf[start, end)`, with free room around it for chunk framing. */
export interface BodyPiece {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly last: boolean
  /** The trailer lines, with the last piece. */
  readonly trailers: Buffer | undefined
}

/** More bytes than the chunk framing around a piece takes, trailers not counted. */
export const PIECE_FRAMING_BYTES = 32

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
