/**
 * Reads messages with src/http1 the way the data plane does: heads piece by piece into memory that grows and moves, bodies
 * decoded where they lie.
 */
import { ChunkedDecoder } from '../../src/http1/chunked-decoder.ts'
import { faultName } from '../../src/http1/parse-fault.ts'
import { BODY, RequestHead } from '../../src/http1/request-head.ts'
import type { RequestLimits } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import type { FieldLines } from '../../src/http1/field-lines.ts'
import type { Field, MessageHead, Reading } from './http1-message.ts'

/** Larger than what the tests send, so that only tests of limits meet them. */
export const WIDE_LIMITS: RequestLimits = { maxHeadBytes: 65_536, maxHeaderFields: 200, maxUriBytes: 16_384 }

/** Something of everybody else's lies before each message: offsets are not counted from 0. */
const BEFORE = 7

/**
 * Reads a request that comes in one piece, or in pieces that end at each of `splits` (ascending).
 */
export function readRequest (bytes: Buffer, splits: readonly number[] = [], limits = WIDE_LIMITS): Reading {
  const head = new RequestHead(limits)
  const stops = [...splits, bytes.length]
  let memory = Buffer.alloc(0)
  let outcome = 0
  let index = 0
  for (; outcome === 0 && index < stops.length; index++) {
    const stop = stops[index] ?? 0
    // Into fresh memory each time, and to another place: whatever was recorded has to be rebased.
    const start = BEFORE + index
    memory = Buffer.alloc(start + stop, 0x21)
    bytes.copy(memory, start, 0, stop)
    if (index === 0) head.reset(memory, start)
    else head.rebase(memory, head.start + 1)
    outcome = head.parse(start + stop)
  }
  const offset = BEFORE + index - 1
  if (outcome < 0) return { ...NOTHING, verdict: 'refused', reason: faultName(outcome) }
  if (outcome === 0) return NOTHING
  const described: MessageHead = {
    method: head.method(),
    target: head.target(),
    status: 0,
    minor: head.minor,
    fields: fieldsOf(head.fields),
    end: head.end - offset
  }
  return withBody(described, { framing: head.framing(), length: head.length }, bytes, splits)
}

/** Reads a response in one piece. */
export function readResponse (bytes: Buffer, toHead: boolean, splits: readonly number[] = []): Reading {
  const head = new ResponseHead(WIDE_LIMITS)
  const memory = Buffer.concat([Buffer.alloc(BEFORE), bytes])
  const outcome = head.parse(memory, BEFORE, memory.length)
  if (outcome < 0) return { ...NOTHING, verdict: 'refused', reason: faultName(outcome) }
  if (outcome === 0) return NOTHING
  const described: MessageHead = {
    method: '',
    target: '',
    status: head.status,
    minor: head.minor,
    fields: fieldsOf(head.fields),
    end: head.end - BEFORE
  }
  return withBody(described, { framing: head.framing(toHead), length: head.length }, bytes, splits)
}

/** The names and values of lines. */
export function fieldsOf (lines: FieldLines): Field[] {
  return Array.from({ length: lines.count }, (_, line) =>
    [lines.buf.toString('latin1', lines.nameStart(line), lines.nameEnd(line)), lines.value(line)] as const)
}

/** The fields of a section of whole lines that are known to be well-formed. */
function parseLines (section: string): Field[] {
  return section.split('\r\n').filter(line => line !== '').map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
  })
}

const NOTHING: Reading = { verdict: 'incomplete', reason: '', head: undefined, body: '', trailers: [], consumed: 0 }

interface Framing { readonly framing: number, readonly length: number }

function withBody (head: MessageHead, { framing, length }: Framing, bytes: Buffer, splits: readonly number[]): Reading {
  const start = head.end
  switch (framing) {
    case BODY.none: return { ...NOTHING, verdict: 'complete', head, consumed: start }
    case BODY.untilClose: return { ...NOTHING, head, body: bytes.toString('latin1', start) }
    case BODY.chunked: return readChunked(head, bytes, splits)
    default: {
      const body = bytes.toString('latin1', start, start + length)
      if (body.length < length) return { ...NOTHING, head, body }
      return { ...NOTHING, verdict: 'complete', head, body, consumed: start + length }
    }
  }
}

function readChunked (head: MessageHead, bytes: Buffer, splits: readonly number[]): Reading {
  const decoder = new ChunkedDecoder(head.status > 0)
  const stops = [...splits.filter(split => split > head.end), bytes.length]
  let body = ''
  let from = head.end
  for (const stop of stops) {
    const piece = Buffer.concat([Buffer.alloc(BEFORE), bytes.subarray(from, stop)])
    const length = decoder.decode(piece, BEFORE, piece.length)
    if (length < 0) return { ...NOTHING, verdict: 'refused', reason: faultName(length), head, body }
    body += piece.toString('latin1', BEFORE, BEFORE + length)
    from += decoder.consumed
    if (decoder.done) break
  }
  if (!decoder.done) return { ...NOTHING, head, body }
  const trailers = parseLines(decoder.trailers?.toString('latin1') ?? '')
  return { verdict: 'complete', reason: '', head, body, trailers, consumed: from }
}
