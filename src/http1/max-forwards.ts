import { contentLength } from './content-length.ts'
import type { FieldLines } from './field-lines.ts'
import { FAULT } from './parse-fault.ts'

/** A head whose Max-Forwards is being read. */
export interface ForwardedHead {
  readonly fields: FieldLines
  /** Max-Forwards of an OPTIONS or TRACE, or -1. */
  maxForwards: number
  methodIs (method: string): boolean
}

/**
 * Takes note of a Max-Forwards line. RFC 9110 section 7.6.2: it counts down for OPTIONS and TRACE and means nothing elsewhere.
 * @returns 0, or the number of a fault
 */
export function readMaxForwards (head: ForwardedHead, line: number): number {
  const { fields } = head
  if (!head.methodIs('OPTIONS') && !head.methodIs('TRACE')) return 0
  if (head.maxForwards >= 0) return FAULT.bad_max_forwards
  fields.drop(line)
  head.maxForwards = contentLength(fields.buf, fields.valueStart(line), fields.valueEnd(line))
  return head.maxForwards < 0 ? FAULT.bad_max_forwards : 0
}
