/**
 * A 1xx response as it goes on to the client: end-to-end fields kept, the rest out.
 */
import type { ResponseHead } from './response-head.ts'

const SPACE = Buffer.from(' ', 'latin1')
const LINE_END = Buffer.from('\r\n', 'latin1')

/**
 * A copy of an interim head, with our own version in the status line.
 * @param additions whole lines to add
 */
export function interimResponse (head: ResponseHead, additions = ''): Buffer {
  const { fields } = head
  const reason = head.reasonStart === head.reasonEnd ? SPACE : fields.buf.subarray(head.reasonStart, head.reasonEnd)
  const parts: Buffer[] = [Buffer.from(`HTTP/1.1 ${head.status}`, 'latin1'), reason, LINE_END]
  let from = head.lineEnd
  for (let index = 0; index < fields.droppedCount; index++) {
    const line = fields.dropped[index] ?? 0
    parts.push(fields.buf.subarray(from, fields.nameStart(line)))
    from = fields.lineEnd(line)
  }
  parts.push(fields.buf.subarray(from, head.end - LINE_END.length), Buffer.from(additions, 'latin1'), LINE_END)
  return Buffer.concat(parts)
}
