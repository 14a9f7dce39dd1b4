/**
 * What goes on: heads as they are rewritten and bodies as they are framed. Both Weir and Node read it back.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { chunkEnd, chunkStart, lastChunk, lastChunkWith } from '../../src/http1/chunk-framing.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../../src/http1/rewrite-request-head.ts'
import { MAX_ADDED_BYTES, RESPONSE_HEADROOM, rewriteResponseHead } from '../../src/http1/rewrite-response-head.ts'
import { anyRequestBytes, anyResponseBytes, bodyText, host, token } from '../helpers/http1-grammar.ts'
import { latin1 } from '../helpers/http1-message.ts'
import type { Field, Reading } from '../helpers/http1-message.ts'
import { NODE_METHODS, readWithNode } from '../helpers/node-http-parser.ts'
import { readRequest, readResponse, WIDE_LIMITS } from '../helpers/weir-http1-reader.ts'
import { defineCheck } from './fuzz-check.ts'
import type { FuzzCheck } from './fuzz-check.ts'

const FILL = 0xa5

function assertEqual (what: string, expected: unknown, actual: unknown, bytes: Buffer): void {
  if (isDeepStrictEqual(expected, actual)) return
  throw new Error(`${what}\n  bytes    ${JSON.stringify(bytes.toString('latin1'))}\n  expected ${JSON.stringify(expected)}\n  actual   ${JSON.stringify(actual)}`)
}

/** RFC 9110 section 7.6.1, and what Weir writes itself. */
const NEVER_FORWARDED = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'http2-settings', 'transfer-encoding',
  'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id'])
const NEVER_RETURNED = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'transfer-encoding'])

/** What a CGI origin would take for one of the fields that a proxy looks at. */
const LOOKED_AT = new Set([...NEVER_FORWARDED, 'content-length', 'max-forwards', 'proxy-authorization'])

function isLookalike (lowerName: string): boolean {
  return !LOOKED_AT.has(lowerName) && LOOKED_AT.has(lowerName.replaceAll(/[^0-9a-z]/g, '-'))
}

function nominatedBy (fields: readonly Field[]): Set<string> {
  return new Set(fields.filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map(member => member.trim().toLowerCase())))
}

function valueOf (fields: readonly Field[], lowerName: string): string | undefined {
  return fields.find(([name]) => name.toLowerCase() === lowerName)?.[1]
}

interface Additions { readonly forwardedFor: string, readonly forwardedHost: string | undefined, readonly requestId: string }

/** The fields that a request must have upstream, as the RFCs and docs say it rather than as the code does it. */
function expectedUpstream ({ method, fields, target, minor }: { method: string, fields: readonly Field[], target: string, minor: number }, length: number, additions: Additions): Field[] {
  const nominated = nominatedBy(fields)
  const chunked = valueOf(fields, 'transfer-encoding') !== undefined
  const lengthAsSent = valueOf(fields, 'content-length')
  const canonicalLength = lengthAsSent === String(length)
  const authority = /^https?:\/\/([^/?]*)/i.exec(target)?.[1]
  const hostAsSent = valueOf(fields, 'host')
  const countsDown = method === 'OPTIONS' || method === 'TRACE'
  // Expect is a list with one member that anybody defines: one plain line goes on.
  const expectations = fields.filter(([name]) => name.toLowerCase() === 'expect')
  const expectation = expectations.find(([, value]) => value.toLowerCase() === '100-continue')
  const kept = fields.filter(field => {
    const [name] = field
    const lower = name.toLowerCase()
    if (NEVER_FORWARDED.has(lower) || isLookalike(lower)) return false
    if (lower === 'content-length') return canonicalLength
    if (lower === 'host') return authority === undefined
    if (lower === 'expect') return minor === 1 && field === expectation
    if (lower === 'max-forwards' && countsDown) return false
    return !nominated.has(lower)
  })
  const added: Field[] = []
  if (authority !== undefined || hostAsSent === undefined) added.push(['Host', authority ?? 'default:80'])
  added.push(['Via', '1.1 weir'], ['X-Forwarded-For', additions.forwardedFor], ['X-Request-Id', additions.requestId])
  const forwardedHost = additions.forwardedHost ?? authority ?? hostAsSent
  if (forwardedHost !== undefined) added.push(['X-Forwarded-Host', forwardedHost])
  if (chunked) added.push(['Transfer-Encoding', 'chunked'])
  else if (lengthAsSent !== undefined && !canonicalLength) added.push(['Content-Length', String(length)])
  if (minor === 1 && expectation === undefined && expectations.some(([, value]) => /100-continue/i.test(value))) {
    added.push(['Expect', '100-continue'])
  }
  const forwards = countsDown ? Number(valueOf(fields, 'max-forwards') ?? 0) : 0
  if (forwards > 0) added.push(['Max-Forwards', String(forwards - 1)])
  const te = fields.filter(([name]) => name.toLowerCase() === 'te').flatMap(([, value]) => value.toLowerCase().split(',').map(member => member.trim()))
  if (te.includes('trailers')) added.push(['TE', 'trailers'], ['Connection', 'TE'])
  return [...kept, ...added]
}

/** RFC 9112 section 3.2: the origin form of an absolute form; other targets as they are. */
function expectedTarget (method: string, target: string): string {
  const rest = /^https?:\/\/[^/?]*(.*)$/i.exec(target)?.[1]
  if (rest === undefined) return target
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.startsWith('/') ? rest : `/${rest}`
}

function checkRequestRewriting (bytes: Buffer, additions: Additions): void {
  const read = readRequest(bytes)
  if (read.head === undefined) return
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  head.parse(bytes.length)
  const raw = {
    prefix: latin1(`Via: 1.1 weir\r\nX-Forwarded-For: ${additions.forwardedFor}\r\nX-Request-Id: `),
    requestId: latin1(additions.requestId),
    forwardedHost: additions.forwardedHost === undefined ? undefined : latin1(additions.forwardedHost),
    defaultHost: 'default:80',
    dropClaims: false,
    fields: null
  }
  const bound = rewrittenHeadBound(head, raw)
  const at = 5
  const out = Buffer.alloc(at + bound + at, FILL)
  const end = rewriteRequestHead(head, raw, out, at)
  if (end > at + bound) throw new Error(`${end - at} bytes where ${bound} were promised`)
  assertEqual('bytes outside were touched', true, out.subarray(0, at).every(byte => byte === FILL) && out.subarray(end).every(byte => byte === FILL), bytes)
  const message = Buffer.concat([out.subarray(at, end), encodeBody(read)])
  const again = readRequest(message)
  assertEqual('the rewritten request is not what it was', {
    method: read.head.method,
    target: expectedTarget(read.head.method, read.head.target),
    status: 0,
    minor: 1,
    fields: expectedUpstream(read.head, head.length, additions),
    end: end - at
  }, again.head, bytes)
  assertEqual('the body is not what it was', [read.verdict === 'complete', read.body, read.trailers], [again.verdict === 'complete', again.body, again.trailers], bytes)
  if (NODE_METHODS.has(read.head.method)) assertEqual('Node reads the rewritten request otherwise', again, readWithNode(message), bytes)
  const names = again.head?.fields.map(([name]) => name.toLowerCase()) ?? []
  if (names.filter(name => name === 'content-length' || name === 'transfer-encoding').length > 1) throw new Error('framed twice')
}

/** Frames what was read of a body as the exchange does. */
function encodeBody (read: Reading): Buffer {
  if (valueOf(read.head?.fields ?? [], 'transfer-encoding') === undefined) return latin1(read.body)
  const length = read.body.length
  const memory = Buffer.alloc(32 + length + 32)
  memory.write(read.body, 32, 'latin1')
  const start = length === 0 ? 32 : chunkStart(memory, 32, 32 + length)
  const end = length === 0 ? 32 : chunkEnd(memory, 32 + length)
  if (read.verdict !== 'complete') return memory.subarray(start, end)
  const trailers = read.trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([memory.subarray(start, end), lastChunkWith(latin1(trailers))])
}

function checkResponseRewriting (bytes: Buffer, additions: string): void {
  const read = readResponse(bytes, false)
  if (read.head === undefined) return
  const before = RESPONSE_HEADROOM + 40
  const memory = Buffer.concat([Buffer.alloc(before, FILL), bytes])
  const head = new ResponseHead(WIDE_LIMITS)
  head.parse(memory, before, memory.length)
  const start = rewriteResponseHead(head, additions)
  assertEqual('bytes before the headroom were touched', true, memory.subarray(0, before - RESPONSE_HEADROOM).every(byte => byte === FILL), bytes)
  assertEqual('bytes behind the head were touched', bytes.subarray(read.head.end), memory.subarray(before + read.head.end), bytes)
  if (start < before - RESPONSE_HEADROOM || head.end !== before + read.head.end) throw new Error(`head at ${start} to ${head.end}`)
  const nominated = nominatedBy(read.head.fields)
  const bodiless = read.head.status < 200 || read.head.status === 204
  const kept = read.head.fields.filter(([name, value]) => {
    const lower = name.toLowerCase()
    if (NEVER_RETURNED.has(lower)) return false
    if (lower === 'content-length') return !bodiless && value === String(head.length)
    return lower === 'date' || !nominated.has(lower)
  })
  const added = additions.split('\r\n').filter(line => line !== '').map(line => line.split(': ', 2)).map(([name, value]) => [name, value])
  const again = readResponse(memory.subarray(start, head.end), true)
  const expected = { method: '', target: '', status: read.head.status, minor: 1, fields: [...added, ...kept], end: head.end - start }
  assertEqual('the rewritten response is not what it was', expected, again.head, bytes)
  const node = readWithNode(memory.subarray(start, head.end), { response: true, toHead: true })
  assertEqual('Node reads the rewritten response otherwise', expected, node.head, bytes)
  assertEqual('the status line is not ours', true, /^HTTP\/1\.1 \d\d\d [^\r\n]*\r\n/.test(memory.toString('latin1', start, head.end)), bytes)
}

function checkChunkFraming (pieces: readonly string[], splits: readonly number[]): void {
  const framed = pieces.map(text => {
    const memory = Buffer.alloc(16 + text.length + 16, FILL)
    memory.write(text, 16, 'latin1')
    return Buffer.from(memory.subarray(chunkStart(memory, 16, 16 + text.length), chunkEnd(memory, 16 + text.length)))
  })
  const last = Buffer.alloc(8, FILL)
  const body = Buffer.concat([...framed, last.subarray(0, lastChunk(last, 0))])
  const message = Buffer.concat([latin1('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'), body])
  const cuts = splits.map(at => at % message.length).sort((a, b) => a - b)
  for (const reading of [readRequest(message, cuts), readWithNode(message)]) {
    assertEqual('the decoded data is not the encoded data', ['complete', pieces.join(''), message.length], [reading.verdict, reading.body, reading.consumed], message)
  }
}

const additionsOfRequest: fc.Arbitrary<Additions> = fc.record({
  forwardedFor: fc.constantFrom('192.0.2.1', '2001:db8::1', `${'198.51.100.7, '.repeat(20)}192.0.2.1`),
  forwardedHost: fc.option(host, { nil: undefined }),
  requestId: token
})

const ADDED_LINES = ['Date: Sat, 21 Nov 2026 08:00:00 GMT\r\n', 'Via: 1.1 weir\r\n', 'Connection: close\r\n']
const COOKIE = 'Set-Cookie: weir='
/** With all the others it takes the room that there is, to the last byte. */
const FILLING_LINE = `${COOKIE}${'a'.repeat(MAX_ADDED_BYTES - ADDED_LINES.join('').length - COOKIE.length - 2)}\r\n`

const additionsOfResponse = fc.subarray([...ADDED_LINES, FILLING_LINE]).map(lines => lines.join(''))

export const forwardingChecks: readonly FuzzCheck[] = [
  defineCheck('a rewritten request is the same request, framed once, without hop-by-hop fields', 2_500,
    fc.tuple(anyRequestBytes, additionsOfRequest), ([bytes, additions]) => checkRequestRewriting(bytes, additions)),
  defineCheck('a rewritten response is the same response, in its place, without hop-by-hop fields', 2_000,
    fc.tuple(anyResponseBytes, additionsOfResponse), ([bytes, additions]) => checkResponseRewriting(bytes, additions)),
  defineCheck('chunked data is decoded to what was encoded, at any cut', 1_000,
    fc.tuple(fc.array(bodyText.filter(text => text !== ''), { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 5 })), ([pieces, splits]) => checkChunkFraming(pieces, splits))
]
