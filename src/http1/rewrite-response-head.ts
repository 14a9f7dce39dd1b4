/**
 * Writes the head of the response as the client gets it, in place: right before the body that came with it, so that head
 * and body leave in one write without copying the body. The status line names our own version (RFC 9110 section 2.5).
 *
 * The buffer has headroom before the head: what is added may take more room than what is dropped.
 */
import type { ResponseHead } from './response-head.ts'
import { LOOP_BYTES } from './rewrite-request-head.ts'
import { REQUEST_ID_NAME, VERSION_NAME } from '../http/http-response.ts'
import { CHUNK_HEADROOM } from './chunk-framing.ts'

/**
 * What Weir adds to the head of a response, and how much that can be: buffers have room for it before each head.
 */

/** The longest id of a request that is believed, and the longest name of a version, as src/config/patterns.ts has it. */
const MAX_REQUEST_ID_BYTES = 128
const MAX_VERSION_NAME_BYTES = 63

/** Each line at its longest. Of the two framings a response gets one. */
const LONGEST_LINES = [
  'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
  `Content-Length: ${Number.MAX_SAFE_INTEGER}\r\n`,
  'Connection: keep-alive\r\n',
  `${REQUEST_ID_NAME}: ${'x'.repeat(MAX_REQUEST_ID_BYTES)}\r\n`,
  `${VERSION_NAME}: ${'x'.repeat(MAX_VERSION_NAME_BYTES)}\r\n`
]

/** The most that is added to a head. */
export const MAX_ADDED_BYTES = LONGEST_LINES.join('').length

/** A space that the status line may lack. */
const MISSING_SPACE = 1
const ALIGNMENT = 64

/** Room that has to be free before the head of a response: for what is added to it, and the size of a chunk behind it. */
export const RESPONSE_HEADROOM = Math.ceil((MAX_ADDED_BYTES + MISSING_SPACE + CHUNK_HEADROOM) / ALIGNMENT) * ALIGNMENT

const CHAR_1 = 0x31
const EMPTY_LINE_BYTES = 2
const NO_LINE = new Uint8Array(0)

/**
 * Rewrites the head that lies at `buf[head.start, head.end)`, with RESPONSE_HEADROOM bytes free before it.
 * @param text whole lines to add, each with CR LF
 * @param line one more, as bytes: what almost every response gets is not made a string of
 * @param tail whole lines to add behind all others
 * @returns where the head starts now; it still ends at `head.end`
 * @throws RangeError when more is added than there is room for
 */
export function rewriteResponseHead (head: ResponseHead, text: string, line: Uint8Array = NO_LINE, tail = ''): number {
  const { fields, lineEnd } = head
  const added = text.length + line.length
  const all = added + tail.length
  if (all > MAX_ADDED_BYTES) throw new RangeError(`${all} bytes are too many to add to a response: there is room for ${MAX_ADDED_BYTES}`)
  const buf = fields.buf
  // The kept ranges move right over the dropped lines, last first, so that no byte is overwritten before it was moved.
  let to = head.end
  let rangeEnd = head.end
  for (let index = fields.droppedCount - 1; index >= 0; index--) {
    const dropped = fields.dropped[index] ?? 0
    const keptFrom = fields.lineEnd(dropped)
    to = to === rangeEnd ? keptFrom : moveRight(buf, keptFrom, rangeEnd, to)
    rangeEnd = fields.nameStart(dropped)
  }
  to = to === rangeEnd ? lineEnd : moveRight(buf, lineEnd, rangeEnd, to)
  const statusLength = lineEnd - head.start
  // RFC 9112 section 4: the space behind the status is there even without a reason; some servers leave it out.
  const missingSpace = head.reasonStart === head.reasonEnd ? 1 : 0
  const start = to - added - statusLength - missingSpace
  moveStatusLine(buf, head.start, lineEnd, start)
  buf[start + 7] = CHAR_1
  if (missingSpace === 1) buf.write(' \r\n', start + statusLength - 2, 'latin1')
  const lineAt = to - added
  for (let index = 0; index < line.length; index++) buf[lineAt + index] = line[index] ?? 0
  if (text.length > 0) buf.write(text, to - text.length, 'latin1')
  return tail.length === 0 ? start : insertTail(buf, start, head.end, tail)
}

/** Moves `buf[from, end)` to `to`, on either side of where it is. */
function moveStatusLine (buf: Buffer, from: number, end: number, to: number): void {
  const length = end - from
  if (length > LOOP_BYTES) buf.copyWithin(to, from, end)
  else if (to < from) for (let index = 0; index < length; index++) buf[to + index] = buf[from + index] ?? 0
  else if (to > from) for (let index = length - 1; index >= 0; index--) buf[to + index] = buf[from + index] ?? 0
}

/** Moves the head `buf[start, end)` to make room before the empty line that ends it. @returns where it starts then */
function insertTail (buf: Buffer, start: number, end: number, tail: string): number {
  const tailEnd = end - EMPTY_LINE_BYTES
  buf.copyWithin(start - tail.length, start, tailEnd)
  buf.write(tail, tailEnd - tail.length, 'latin1')
  return start - tail.length
}

/** Moves `buf[from, end)` so that it ends at `to`, behind where it does; returns where it starts now. */
function moveRight (buf: Buffer, from: number, end: number, to: number): number {
  buf.copyWithin(to - (end - from), from, end)
  return to - (end - from)
}
