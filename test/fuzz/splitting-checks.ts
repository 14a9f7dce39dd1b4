/**
 * What is read does not depend on how the bytes come: in one piece, cut anywhere, or byte after byte.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { ChunkedDecoder } from '../../src/http1/chunked-decoder.ts'
import { faultCode, FAULT, faultName } from '../../src/http1/parse-fault.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { PartialHead, PartialResponse } from '../../src/http1/line-collector.ts'
import { anyRequestBytes, anyResponseBytes, chunkedBytes, mutate, mutations } from '../helpers/http1-grammar.ts'
import { latin1 } from '../helpers/http1-message.ts'
import type { Reading } from '../helpers/http1-message.ts'
import { readWithNode } from '../helpers/node-http-parser.ts'
import { fieldsOf, readRequest, WIDE_LIMITS } from '../helpers/weir-http1-reader.ts'
import { defineCheck } from './fuzz-check.ts'
import type { FuzzCheck } from './fuzz-check.ts'

const LINE_END = latin1('\n')

function assertSame (expected: unknown, actual: unknown, bytes: Buffer, splits: readonly number[]): void {
  if (isDeepStrictEqual(expected, actual)) return
  throw new Error(`cut at ${splits.join(', ')} it is read otherwise\n  bytes ${JSON.stringify(bytes.toString('latin1'))}\n` +
    `  whole ${JSON.stringify(expected)}\n  cut   ${JSON.stringify(actual)}`)
}

function everyByte (bytes: Buffer): number[] {
  return Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1)
}

/** A body that turns out bad has given out more or less of its data by then, depending on the pieces. */
function comparable (reading: Reading): Reading {
  return reading.verdict === 'refused' ? { ...reading, body: '' } : reading
}

function decodeCut (bytes: Buffer, splits: readonly number[]): unknown {
  const decoder = new ChunkedDecoder()
  let data = ''
  let from = 0
  for (const stop of [...splits, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, stop))
    const length = decoder.decode(piece, 0, piece.length)
    if (length < 0) return faultName(length)
    data += piece.toString('latin1', 0, length)
    from += decoder.consumed
    if (decoder.done) break
  }
  return { data, consumed: from, done: decoder.done, trailers: decoder.trailers?.toString('latin1') }
}

/**
 * Trailers are looked at line by line: what is wrong in the middle of one is refused when the line ends, if not before.
 */
function assertDecodedAlike (whole: unknown, bytes: Buffer, splits: readonly number[]): void {
  const cut = decodeCut(bytes, splits)
  const awaitsLineEnd = whole === faultName(FAULT.bad_trailer) && cut !== whole
  assertSame(whole, awaitsLineEnd ? decodeCut(Buffer.concat([bytes, LINE_END]), [...splits, bytes.length]) : cut, bytes, splits)
}

function responseVerdict (bytes: Buffer): unknown {
  const head = new ResponseHead(WIDE_LIMITS)
  const outcome = head.parse(bytes, 0, bytes.length)
  return outcome === 1 ? { end: head.end, status: head.status, length: head.length, chunked: head.chunked } : outcome
}

/** What a request head says of itself, from a connection that is given these pieces; a refusal is a number. */
function headAsOnConnection (bytes: Buffer, splits: readonly number[]): unknown {
  const shared = new RequestHead(WIDE_LIMITS)
  let partial: PartialHead | undefined
  let from = 0
  for (const stop of [...splits, bytes.length]) {
    let outcome: number
    if (partial === undefined) {
      shared.reset(bytes, 0)
      outcome = shared.parse(stop)
      if (outcome === 0) partial = new PartialHead(WIDE_LIMITS, bytes, 0, stop)
    } else {
      outcome = partial.add(bytes, from, stop)
    }
    from = stop
    if (outcome !== 0) return outcome < 0 ? outcome : describe(partial?.head ?? shared)
  }
  return 0
}

function describe (head: RequestHead): unknown {
  return [head.method(), head.target(), head.authority(), head.host(), head.path(), head.query(), head.length, head.connection, head.end - head.start, [...head.fields.dropped.subarray(0, head.fields.droppedCount)]]
}

/** What a response head says of itself, from an endpoint that sends these pieces; a refusal is a number. */
function responseAsOnConnection (bytes: Buffer, splits: readonly number[]): unknown {
  const shared = new ResponseHead(WIDE_LIMITS)
  let partial: PartialResponse | undefined
  let from = 0
  for (const stop of [...splits, bytes.length]) {
    const outcome = partial === undefined ? shared.parse(bytes, 0, stop) : partial.add(bytes, from, stop)
    if (outcome < 0) return outcome
    if (outcome === 1) return describeResponse(partial?.head ?? shared, partial?.end ?? stop, bytes)
    partial ??= new PartialResponse(shared, stop)
    from = stop
  }
  return 0
}

/** With all of its bytes, and those behind it up to `end` compared with what was sent. */
function describeResponse (head: ResponseHead, end: number, bytes: Buffer): unknown {
  const { fields, start } = head
  const behind = fields.buf.subarray(head.end, end)
  return {
    head: fields.buf.toString('latin1', start, head.end),
    places: [head.reasonStart - start, head.reasonEnd - start, head.lineEnd - start, head.end - start],
    facts: [head.status, head.minor, head.length, head.chunked, head.connection, head.hasDate, head.rewriteLength, head.upgradeLine],
    fields: fieldsOf(fields),
    dropped: [...fields.dropped.subarray(0, fields.droppedCount)],
    rest: behind.equals(bytes.subarray(head.end - start, head.end - start + behind.length))
  }
}

const NARROW = { maxHeadBytes: 100, maxHeaderFields: 4, maxUriBytes: 20 }
const LIMIT_CODES = new Set(['head_too_large', 'uri_too_long'])

/** A head within the limits is read as without them; one beyond is refused, whatever the pieces. */
function checkLimits (bytes: Buffer): void {
  const wide = readRequest(bytes)
  const cuts = [[], everyByte(bytes), [bytes.length >> 1]]
  for (const splits of cuts) {
    const narrow = readRequest(bytes, splits.filter(split => split > 0), NARROW)
    const { head } = narrow
    if (head !== undefined) {
      assertSame(comparable(wide), comparable(narrow), bytes, splits)
      // Node counts fewer bytes of a head than Weir: with the same limit it takes whatever Weir takes.
      if (readWithNode(bytes.subarray(0, head.end), { maxHeaderSize: NARROW.maxHeadBytes + 1 }).reason === 'HPE_HEADER_OVERFLOW') {
        throw new Error(`too large for Node: ${JSON.stringify(narrow)}`)
      }
      if (head.end > NARROW.maxHeadBytes + 2 || head.fields.length > NARROW.maxHeaderFields || head.target.length > NARROW.maxUriBytes) {
        throw new Error(`beyond the limits: ${JSON.stringify(narrow)}`)
      }
    } else if (wide.head !== undefined) {
      const fault = Object.entries(FAULT).find(([name]) => name === narrow.reason)?.[1] ?? 0
      const { end, fields, target } = wide.head
      const within = end <= NARROW.maxHeadBytes && fields.length <= NARROW.maxHeaderFields && target.length <= NARROW.maxUriBytes
      if (within || !LIMIT_CODES.has(faultCode(fault))) throw new Error(`refused for ${narrow.reason}: ${JSON.stringify(bytes.toString('latin1'))}`)
    }
  }
}

const chunkedInput = fc.oneof(
  chunkedBytes.map(latin1),
  fc.tuple(chunkedBytes, mutations).map(([text, list]) => mutate(latin1(text), list)),
  fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes))
)

export const splittingChecks: readonly FuzzCheck[] = [
  defineCheck('a request is read the same whole, cut once at every point, and byte after byte', 200, anyRequestBytes, bytes => {
    const whole = comparable(readRequest(bytes))
    for (const split of everyByte(bytes)) assertSame(whole, comparable(readRequest(bytes, [split])), bytes, [split])
    assertSame(whole, comparable(readRequest(bytes, everyByte(bytes))), bytes, everyByte(bytes))
  }),
  defineCheck('a request is read the same however many pieces it comes in', 1_000, fc.tuple(anyRequestBytes, fc.array(fc.nat(), { maxLength: 6 })), ([bytes, places]) => {
    const splits = places.map(at => at % (bytes.length + 1)).sort((a, b) => a - b)
    assertSame(comparable(readRequest(bytes)), comparable(readRequest(bytes, splits)), bytes, splits)
  }),
  defineCheck('a connection that is given pieces sees the head that is there', 1_000, fc.tuple(anyRequestBytes, fc.array(fc.nat(), { maxLength: 6 })), ([bytes, places]) => {
    const splits = places.map(at => at % (bytes.length + 1)).sort((a, b) => a - b)
    const whole = headAsOnConnection(bytes, [])
    for (const cuts of [splits, everyByte(bytes)]) {
      const cut = headAsOnConnection(bytes, cuts)
      // A connection looks at whole lines, so what is refused in the middle of one may not be refused yet.
      if (cut !== 0 || typeof whole !== 'number') assertSame(whole, cut, bytes, cuts)
    }
  }),
  defineCheck('a chunked body is decoded the same whole, cut once at every point, and byte after byte', 1_000, chunkedInput, bytes => {
    const whole = decodeCut(bytes, [])
    for (const split of everyByte(bytes)) assertDecodedAlike(whole, bytes, [split])
    assertDecodedAlike(whole, bytes, everyByte(bytes))
  }),
  defineCheck('a response head is waited for until it is whole, and read the same then', 400, anyResponseBytes, bytes => {
    const whole = responseVerdict(bytes)
    const firstVerdict = everyByte(bytes).map(length => responseVerdict(bytes.subarray(0, length))).find(verdict => verdict !== 0)
    assertSame(whole, firstVerdict ?? whole, bytes, [])
  }),
  defineCheck('an endpoint that sends pieces is understood as if it had sent the whole', 500, fc.tuple(anyResponseBytes, fc.array(fc.nat(), { maxLength: 6 })), ([bytes, places]) => {
    const splits = places.map(at => at % (bytes.length + 1)).sort((a, b) => a - b)
    const whole = responseAsOnConnection(bytes, [])
    for (const cuts of [splits, everyByte(bytes)]) {
      const cut = responseAsOnConnection(bytes, cuts)
      // What is refused in the middle of a line is refused when it ends, if not before.
      const awaitsLineEnd = typeof whole === 'number' && whole < 0 && cut === 0
      assertSame(whole, awaitsLineEnd ? responseAsOnConnection(Buffer.concat([bytes, LINE_END]), [...cuts, bytes.length]) : cut, bytes, cuts)
    }
  }),
  defineCheck('limits hold however the bytes come', 750, anyRequestBytes, checkLimits)
]
