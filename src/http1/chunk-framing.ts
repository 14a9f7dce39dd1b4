/**
 * Writes the canonical chunk framing around data in place (RFC 9112 section 7.1): the size line into the free room before
 * it, CR LF and the last chunk into the free room behind it.
 */
const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const DIGITS = Buffer.from('0123456789abcdef', 'latin1')

/** The most that chunkStart writes before the data: eight digits, CR LF. */
export const CHUNK_HEADROOM = 10

/** The last chunk and the empty trailer section. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')

/**
 * Writes the size line of `buf[start, end)`, which is not empty.
 * @returns where the size line starts
 */
export function chunkStart (buf: Buffer, start: number, end: number): number {
  let pos = start
  buf[--pos] = LF
  buf[--pos] = CR
  for (let length = end - start; length > 0; length >>>= 4) buf[--pos] = DIGITS[length & 15] ?? ZERO
  return pos
}

/** How many bytes chunkStart writes before data of this length, which is not 0. */
export function chunkStartBytes (length: number): number {
  let bytes = 2
  for (let rest = length; rest > 0; rest >>>= 4) bytes++
  return bytes
}

/** Ends the data of a chunk at `end`; returns the position behind. */
export function chunkEnd (buf: Buffer, end: number): number {
  buf[end] = CR
  buf[end + 1] = LF
  return end + 2
}

/** Writes the last chunk without trailers at `at`; returns the position behind. */
export function lastChunk (buf: Buffer, at: number): number {
  buf[at] = ZERO
  buf[at + 1] = CR
  buf[at + 2] = LF
  buf[at + 3] = CR
  buf[at + 4] = LF
  return at + 5
}

/** The last chunk with a trailer section; each line of `trailers` has its CR LF. */
export function lastChunkWith (trailers: Buffer): Buffer {
  return Buffer.concat([LAST_CHUNK.subarray(0, 3), trailers, LAST_CHUNK.subarray(3)])
}

/** Room behind a read for the framing of a last chunk, CR LF 0 CR LF CR LF: 7 bytes. */
export const READ_TAILROOM = 16
