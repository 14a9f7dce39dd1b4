/**
 * What every answer of Weir's own has in common, whatever it says: the fields to quote, and a body that is counted.
 */
const LINE_END = '\r\n'
const HEAD_END = '\r\n\r\n'

/** An answer of Weir's own, with lines added behind its status line. */
export function ownAnswer (answer: Buffer, lines: string): Buffer {
  if (lines === '') return answer
  const at = answer.indexOf(LINE_END) + LINE_END.length
  return Buffer.concat([answer.subarray(0, at), Buffer.from(lines, 'latin1'), answer.subarray(at)])
}

/** The bytes behind the head. */
export function bodyBytesOf (answer: Buffer): number {
  return answer.length - answer.indexOf(HEAD_END) - HEAD_END.length
}
