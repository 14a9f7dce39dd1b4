/**
 * Writes the head of the response as the client gets it, in place: right before the body that came with it, so that head
 * and body leave in one write without copying the body. The status line names our own version (RFC 9110 section 2.5).
 *
 * The buffer has headroom before the head: what is added may take more room than what is dropped.
 */
import type { ResponseHead } from './response-head.ts'

/** Room that has to be free before the head. */
export const RESPONSE_HEADROOM = 512

const CHAR_1 = 0x31

/** What a response gets besides its own fields: whole lines, each with CR LF, less than RESPONSE_HEADROOM bytes in all. */
export type ResponseAdditions = string

/**
 * Rewrites the head that lies at `buf[head.start, head.end)`.
 * @returns where the head starts now; it still ends at `head.end`
 */
export function rewriteResponseHead (head: ResponseHead, additions: ResponseAdditions): number {
  const { fields, lineEnd } = head
  const buf = fields.buf
  // The kept ranges move right over the dropped lines, last first, so that no byte is overwritten before it was moved.
  let to = head.end
  let rangeEnd = head.end
  for (let index = fields.droppedCount - 1; index >= 0; index--) {
    const line = fields.dropped[index] ?? 0
    to = moveRight(buf, fields.lineEnd(line), rangeEnd, to)
    rangeEnd = fields.nameStart(line)
  }
  to = moveRight(buf, lineEnd, rangeEnd, to)
  const statusLength = lineEnd - head.start
  // RFC 9112 section 4: the space behind the status is there even without a reason; some servers leave it out.
  const missingSpace = head.reasonStart === head.reasonEnd ? 1 : 0
  const start = to - additions.length - statusLength - missingSpace
  if (start !== head.start) buf.copyWithin(start, head.start, lineEnd)
  buf[start + 7] = CHAR_1
  if (missingSpace === 1) buf.write(' \r\n', start + statusLength - 2, 'latin1')
  if (additions.length > 0) buf.write(additions, to - additions.length, 'latin1')
  return start
}

/** Moves `buf[from, end)` so that it ends at `to`; returns where it starts now. */
function moveRight (buf: Buffer, from: number, end: number, to: number): number {
  if (end !== to) buf.copyWithin(to - (end - from), from, end)
  return to - (end - from)
}
