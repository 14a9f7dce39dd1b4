/**
 * Generators of HTTP/1.1 messages: valid ones by the grammar of RFC 9112, and ones that an attacker would try.
 */
import fc from 'fast-check'
import { latin1 } from './http1-message.ts'

const TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

function textOf (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.nat({ max: alphabet.length - 1 }), { minLength, maxLength })
    .map(places => places.map(place => alphabet[place]).join(''))
}

/** Values as Weir and Node hand them out: without white space at the ends. */
const VALUE = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter(char => /[\t\x20-\x7e\x80-\xff]/.test(char)).join('')

export const token = textOf(TOKEN, 1, 12)
const fieldValue = fc.oneof(
  { weight: 4, arbitrary: textOf('abc xyz,;="/0123', 0, 20) },
  { weight: 1, arbitrary: textOf(VALUE, 0, 20) }
).map(value => value.replace(/^[ \t]+|[ \t]+$/g, ''))
const ows = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(' ') }, { weight: 1, arbitrary: textOf(' \t', 0, 3) })

/** A field whose name has no meaning for a proxy. */
const plainField = fc.tuple(token.map(name => `x${name}`), ows, fieldValue, textOf(' \t', 0, 2)).map(([name, before, value, after]) =>
  `${name}:${before}${value}${value === '' ? '' : after}`)

const steering = fc.constantFrom(
  'Connection: keep-alive', 'Connection: close', 'connection: Keep-Alive, xabc', 'Connection: ,, close ,', 'Connection: TE',
  'Connection: host, content-length, transfer-encoding, expect', 'CONNECTION:\tX-Secret , cookie', 'X-Secret: 1', 'x-sEcret: 2', 'xabc: 3',
  'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: trailers', 'te: gzip, trailers;q=0.5', 'Trailer: x-sum',
  'Upgrade: websocket', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP', 'Cookie: a=b; c=d', 'Cookie: e=f', 'Expect: 100-continue', 'Via: 1.0 other',
  'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: other', 'X-Request-Id: abc', 'Max-Forwards: 3',
  'Content-Encoding: chunked', 'Accept:', 'Date: Sat, 21 Nov 2026 08:00:00 GMT')

export const host = fc.oneof(
  fc.constantFrom('a', 'example.com', 'EXAMPLE.com:8080', '192.0.2.7:80', '[2001:db8::1]', '[::1]:443', 'a_b.c-d', 'xn--e1a.%41', 'a:'),
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map(address => `[${address}]:1`)
)

const originForm = fc.tuple(
  fc.array(textOf("abcXYZ019-._~%!$&'()*+,;=:@/|^{}\\\"<>`[]", 0, 10), { maxLength: 4 }),
  fc.option(textOf('abc=&?/%20|[]', 0, 12), { nil: undefined })
).map(([segments, query]) => `/${segments.join('/')}${query === undefined ? '' : `?${query}`}`)

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'M-SEARCH', 'TRACE', 'QUERY') },
  { weight: 1, arbitrary: token.filter(text => text.toUpperCase() !== 'CONNECT') }
)

const requestLine = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(method, originForm) },
  { weight: 2, arbitrary: fc.tuple(method, fc.tuple(fc.constantFrom('http://', 'https://', 'HTTP://'), host, fc.oneof(originForm, fc.constantFrom('', '?', '?a=b'))).map(parts => parts.join(''))) },
  { weight: 1, arbitrary: fc.constant(['OPTIONS', '*'] as const) }
).map(([verb, target]) => `${verb} ${target}`)

interface Body {
  /** The field that frames it, or undefined for no body. */
  readonly field: string | undefined
  readonly bytes: string
}

const noBody: fc.Arbitrary<Body> = fc.constant({ field: undefined, bytes: '' })

/** What clients and origins put into bodies, and what attackers do. */
export const bodyText = fc.oneof(
  textOf('abc\r\n0', 0, 24),
  fc.constantFrom('0\r\n\r\n', '0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: b\r\n\r\n', '\r\n\r\n', '{"a":1}')
)

const lengthBody: fc.Arbitrary<Body> = fc.tuple(bodyText, fc.constantFrom('', '', '', '0', '000')).map(([bytes, zeros]) =>
  ({ field: `Content-Length: ${zeros}${bytes.length}`, bytes }))

const extension = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.tuple(token, fc.oneof(fc.constant(''), token.map(value => `=${value}`), fc.constantFrom('=""', '="a b"', '="\\""'))).map(parts => `;${parts.join('')}`) }
)

const chunk = fc.tuple(bodyText.filter(text => text !== ''), extension, fc.constantFrom('', '', '', '0', '00'), fc.boolean()).map(([data, ext, zeros, upper]) => {
  const size = data.length.toString(16)
  return `${zeros}${upper ? size.toUpperCase() : size}${ext}\r\n${data}\r\n`
})

const trailerSection = fc.array(fc.oneof(plainField, fc.constantFrom('Host: evil', 'Content-Length: 9', 'Transfer-Encoding: chunked', 'Set-Cookie: a=b', 'Connection: close', 'If-Match: *')), { maxLength: 3 })
  .map(lines => lines.map(line => `${line}\r\n`).join(''))

export const chunkedBytes = fc.tuple(fc.array(chunk, { maxLength: 4 }), fc.constantFrom('0', '00', '000'), extension, trailerSection)
  .map(([chunks, zeros, ext, trailers]) => `${chunks.join('')}${zeros}${ext}\r\n${trailers}\r\n`)

const chunkedBody: fc.Arbitrary<Body> = fc.tuple(fc.constantFrom('Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED', 'Transfer-Encoding:  Chunked '), chunkedBytes)
  .map(([field, bytes]) => ({ field, bytes }))

const body = fc.oneof(noBody, lengthBody, chunkedBody)

/** Where a line goes among others. */
const place = fc.nat({ max: 1000 })

function insertAt (lines: readonly string[], at: number, line: string | undefined): string[] {
  const copy = [...lines]
  if (line !== undefined) copy.splice(at % (copy.length + 1), 0, line)
  return copy
}

const fieldLines = fc.array(fc.oneof({ weight: 3, arbitrary: plainField }, { weight: 2, arbitrary: steering }), { maxLength: 8 })
  // Max-Forwards is one number (RFC 9110 section 7.6.2): there is one line of it at most.
  .map(lines => lines.filter((line, index) => !line.startsWith('Max-Forwards') || lines.indexOf(line) === index))

/** A request that RFC 9112 calls valid, and that Weir has to take. */
export const validRequest: fc.Arbitrary<Buffer> = fc.tuple(requestLine, host, fieldLines, body, place, place).map(([line, hostValue, fields, { field, bytes }, hostAt, framingAt]) => {
  const lines = insertAt(insertAt(fields, framingAt, field), hostAt, `Host: ${hostValue}`)
  return latin1(`${line} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${bytes}`)
})

/** The same for HTTP/1.0, which has no chunked and may lack Host. */
export const validOldRequest: fc.Arbitrary<Buffer> = fc.tuple(requestLine, fc.option(host, { nil: undefined }), fieldLines, fc.oneof(noBody, lengthBody), place).map(([line, hostValue, fields, { field, bytes }, at]) => {
  const lines = insertAt(insertAt(fields, at, field), at, hostValue === undefined ? undefined : `Host: ${hostValue}`)
  return latin1(`${line} HTTP/1.0\r\n${lines.map(text => `${text}\r\n`).join('')}\r\n${bytes}`)
})

const statusLine = fc.oneof(
  fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints', 'HTTP/1.1 404 ', 'HTTP/1.1 599 \xe9t\xe9', 'HTTP/1.1 200'),
  fc.tuple(fc.integer({ min: 100, max: 599 }).filter(status => status !== 101), textOf('abc ', 0, 8)).map(([status, reason]) => `HTTP/1.1 ${status} ${reason}`)
)

const responseSteering = fc.constantFrom(
  'Connection: close', 'Connection: keep-alive', 'Connection: xabc, content-length, date', 'xabc: 3', 'Keep-Alive: timeout=5', 'Proxy-Connection: close', 'Upgrade: h2c',
  'Set-Cookie: a=b', 'Set-Cookie: c=d', 'Trailer: x-sum', 'ETag: "x"', 'Date: Sat, 21 Nov 2026 08:00:00 GMT', 'Via: 1.1 origin')

/** A response that RFC 9112 calls valid. */
export const validResponse: fc.Arbitrary<Buffer> = fc.tuple(statusLine, fc.array(fc.oneof(plainField, responseSteering), { maxLength: 8 }), body, place).map(([line, fields, { field, bytes }, at]) => {
  const bodiless = /^HTTP\/1\.1 (1|204|304)/.test(line)
  const lines = insertAt(fields, at, bodiless && field?.toLowerCase().startsWith('transfer') === true ? undefined : field)
  return latin1(`${line}\r\n${lines.map(text => `${text}\r\n`).join('')}\r\n${bodiless ? '' : bytes}`)
})

/** Lines that smuggle, in all the ways that are known. Each stands for one line; some break out of it. */
export const hostileLine = fc.constantFrom(
  'Content-Length: 5', 'Content-Length: 0', 'content-length: +5', 'Content-Length: -5', 'Content-Length: 0x5', 'Content-Length: 5e0', 'Content-Length: 0 5', 'Content-Length: 5, 5',
  'Content-Length: 5, 6', 'Content-Length:', 'Content-Length: 18446744073709551621', 'Content-Length: 9007199254740993', 'Content-Length: 9007199254740991',
  `Content-Length: ${'9'.repeat(42)}`, 'Content-Length: 5\0', 'Content-Length: \x0b5', 'Content-Length: "5"', 'Content-Length : 5', 'Content-Length 5', 'Content_Length: 5', 'Content-Length: 05',
  'Transfer-Encoding: chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx', 'Transfer-Encoding: chunk', 'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: \xa0chunked', 'Transfer-Encoding: chunked\0', 'Transfer-Encoding: chunked\x85', 'Transfer-Encoding: chun\x08ked', 'Transfer-Encoding: ,chunked', 'Transfer-Encoding:',
  'Transfer-Encoding:\tchunked', 'Transfer-Encoding: chunked\t', 'Transfer-Encoding : chunked', ' Transfer-Encoding: chunked', '\tTransfer-Encoding: chunked', 'Transfer Encoding: chunked', 'Transfer-Encoding\x0b: chunked',
  'Transfer-Encoding\0: chunked', 'Tra\rnsfer-Encoding: chunked', 'Foo: bar\rTransfer-Encoding: chunked', 'Foo: bar\nTransfer-Encoding: chunked', 'Foo: bar\r\n\rTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: chunked\r\n ', 'Foo: bar\r\n Transfer-Encoding: chunked', 'Transfer-Encoding chunked', ': chunked', 'Transfer_Encoding: chunked', 'X:',
  'Connection: close\r\nContent-Length: 0', 'Connection: Content-Length', 'Connection: a b', 'Connection: "close"', 'Connection: upgrade', 'Upgrade: websocket', 'Host: b', 'Host:', 'Host: a,b', 'Host: a b',
  'Host: a@b', 'Host: a/b', 'Host: [::1', 'Host: %zz', 'Expect: 200-ok', 'Expect: 100-continue', 'X: \x7f', 'X: \xff', 'X\xff: a', '[X]: a', 'X : a', '\0: a', 'X: a\n', '\rX: a', 'X\n: a')

const hostileRequestLine = fc.constantFrom(
  'GET  / HTTP/1.1', 'GET\t/ HTTP/1.1', 'GET / HTTP/1.1 ', ' GET / HTTP/1.1', 'GET /a b HTTP/1.1', 'GET /\r HTTP/1.1', 'GET /\0 HTTP/1.1', 'GET /\x01 HTTP/1.1', 'GET /\x7f HTTP/1.1', 'GET /\xe9 HTTP/1.1',
  'G(T / HTTP/1.1', 'GET / HTTQ/1.1', 'GET /', 'GET a HTTP/1.1', 'PRI * HTTP/2.0', 'CONNECT a:80 HTTP/1.1', 'CONNECT / HTTP/1.1', 'GET * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'OPTIONS *a HTTP/1.1', 'GET /#a HTTP/1.1',
  'GET http:// HTTP/1.1', 'GET http:///a HTTP/1.1', 'GET ftp://a/ HTTP/1.1', 'GET http://u@a/ HTTP/1.1', 'GET http://a:b/ HTTP/1.1', 'GET http:a HTTP/1.1', 'GET / HTTP/1.2', 'GET / HTTP/1.9', 'GET / HTTP/2.0', 'GET / HTTP/0.9',
  'GET / HTTP/1.10', 'GET / HTTP/11.1', 'GET / http/1.1', 'GET / HTTP/1,1', 'GET / HTTP/1.1\n', '\r\nGET / HTTP/1.1', '\nGET / HTTP/1.1', '\r\n\r\nGET / HTTP/1.1', 'get / HTTP/1.1', 'GET ? HTTP/1.1', 'SOURCE / ICE/1.0',
  `${'M'.repeat(33)} / HTTP/1.1`, `GET /${'a'.repeat(200)} HTTP/1.1`, 'OPTIONS http://a HTTP/1.1', 'GET / HTTP/1.0', 'POST / HTTP/1.1', 'POST /a?b HTTP/1.1')

const hostileChunked = fc.constantFrom(
  '0x3\r\nabc\r\n', '+3\r\nabc\r\n', '-3\r\nabc\r\n', ' 3\r\nabc\r\n', '0_3\r\nabc\r\n', '3Z\r\nabc\r\n', '3 x\r\nabc\r\n', '3 \r\nabc\r\n', '\r\nabc\r\n', 'g\r\nabc\r\n', '3\0\r\nabc\r\n', '10000000000000003\r\nabc\r\n',
  `${'0'.repeat(17)}3\r\nabc\r\n`, '3\r\r;x\nabc\r\n', '3\nabc\r\n', '3\r\nabc\n', '3\r\nabcXX', '3\r\nabc\r', '3\r\nabcd\r\n', '3\r\nab\r\n', '3;\r\nabc\r\n', '3;;\r\nabc\r\n', '3;a\nb\r\nabc\r\n', '3;a=\r\nabc\r\n', '3;a="\r\nabc\r\n',
  '3;a="\\"\r\nabc\r\n', '3; a = b\r\nabc\r\n', '3 ;a\r\nabc\r\n', '3;a\r\nabc\r\n', '3;a="b;c"\r\nabc\r\n', '3;\xe9\r\nabc\r\n', '3;a=b c\r\nabc\r\n', '3,\r\nabc\r\n', '3\r\nabc\r\n', '00A\r\n0123456789\r\n', 'ffffffffffffffff\r\nabc\r\n')

const hostileEnd = fc.constantFrom(
  '0\r\n\r\n', '0\r\n\r\n', '0\n\n', '0\r\n\n', '0\n\r\n', '0,\r\n\r\n', '-0\r\n\r\n', '0\r\nX: a\r\n\r\n', '0\r\nX: a\n\r\n', '0\r\nX\r\n\r\n', '0\r\n X: a\r\n\r\n', '0\r\nX : a\r\n\r\n', '0\r\n\rX', '0\r\nX: a\r\n b\r\n\r\n', '0;a=b\r\n\r\n',
  '0\r\nTransfer-Encoding: chunked\r\n\r\n', '0\r\nContent-Length: 5\r\n\r\n', '0\r\nX: \0\r\n\r\n', '0\r\nX: a', '0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', '')

/** Requests made of parts that are good or bad; about a third of them are valid. */
export const hostileRequest: fc.Arbitrary<Buffer> = fc.record({
  line: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('GET / HTTP/1.1', 'POST /a HTTP/1.1', 'PUT /b HTTP/1.0') }, { weight: 1, arbitrary: hostileRequestLine }),
  hosts: fc.oneof({ weight: 12, arbitrary: fc.constant(['Host: a']) }, { weight: 1, arbitrary: fc.constantFrom([], ['Host: a', 'host: a']) }),
  framing: fc.oneof({ weight: 4, arbitrary: fc.constantFrom([], ['Transfer-Encoding: chunked'], ['Content-Length: 5']) }, { weight: 3, arbitrary: fc.array(hostileLine, { minLength: 1, maxLength: 2 }) }),
  others: fc.array(fc.oneof({ weight: 5, arbitrary: steering }, { weight: 3, arbitrary: plainField }, { weight: 1, arbitrary: hostileLine }), { maxLength: 3 }),
  chunks: fc.array(fc.oneof(hostileChunked, chunk), { maxLength: 2 }),
  end: hostileEnd,
  order: place
}).map(({ line, hosts, framing, others, chunks, end, order }) => {
  let lines: readonly string[] = [...framing, ...others]
  for (const hostLine of hosts) lines = insertAt(lines, order, hostLine)
  return latin1(`${line}\r\n${lines.map(text => `${text}\r\n`).join('')}\r\n${chunks.join('')}${end}GET /hidden HTTP/1.1\r\nHost: b\r\n\r\n`)
})

/** Responses made the same way. */
export const hostileResponse: fc.Arbitrary<Buffer> = fc.record({
  line: fc.oneof(statusLine, fc.constantFrom('HTTP/1.0 200 OK', 'HTTP/1.2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 600 OK', 'HTTP/1.1 200\tOK', 'HTTP/1.1 200OK', 'HTTP/1.1 200 \0', 'HTTP/1.1 200 a\rb', 'HTTP/1.1 200 OK\n', ' HTTP/1.1 200 OK', '\r\nHTTP/1.1 200 OK', 'http/1.1 200 OK', 'ICY 200 OK', '200 OK')),
  framing: fc.oneof({ weight: 3, arbitrary: fc.constantFrom([], ['Transfer-Encoding: chunked'], ['Content-Length: 5']) }, { weight: 2, arbitrary: fc.array(hostileLine, { minLength: 1, maxLength: 2 }) }),
  others: fc.array(fc.oneof({ weight: 3, arbitrary: plainField }, { weight: 3, arbitrary: responseSteering }, { weight: 1, arbitrary: hostileLine }), { maxLength: 3 }),
  chunks: fc.array(fc.oneof(hostileChunked, chunk), { maxLength: 2 }),
  end: hostileEnd
}).map(({ line, framing, others, chunks, end }) =>
  latin1(`${line}\r\n${[...framing, ...others].map(text => `${text}\r\n`).join('')}\r\n${chunks.join('')}${end}`))

const SPECIAL = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', ';', '0', '9', 'f', '"', '\\', '\x0b', '\x7f', '\x80', '\xff', '#', '\r\n ', '\r\n\r\n', '\n\n', '99999999999999999999', 'HTTP/1.1', 'chunked']

export interface Mutation { readonly kind: number, readonly at: number, readonly other: number }

const KINDS = 11

export const mutations: fc.Arbitrary<readonly Mutation[]> =
  fc.array(fc.record({ kind: fc.nat({ max: KINDS - 1 }), at: fc.nat(), other: fc.nat() }), { minLength: 1, maxLength: 4 })

/** Applies mutations to a message, one after the other. */
export function mutate (bytes: Buffer, list: readonly Mutation[]): Buffer {
  let text = bytes.toString('latin1')
  for (const mutation of list) text = mutateOnce(text, mutation)
  return latin1(text)
}

function mutateOnce (text: string, { kind, at, other }: Mutation): string {
  if (text === '') return text
  const pos = at % text.length
  const special = SPECIAL[other % SPECIAL.length] ?? ''
  const lines = text.split('\r\n')
  const line = at % lines.length
  const second = other % lines.length
  switch (kind) {
    case 0: return replaceAt(text, pos, String.fromCharCode(text.charCodeAt(pos) ^ (1 << (other % 8))))
    case 1: return replaceAt(text, pos, String.fromCharCode(other % 256))
    case 2: return replaceAt(text, pos, '')
    case 3: return text.slice(0, pos)
    case 4: return lines.toSpliced(line, 1).join('\r\n')
    case 5: return lines.toSpliced(second, 0, lines[line] ?? '').join('\r\n')
    case 6: return lines.with(line, lines[second] ?? '').with(second, lines[line] ?? '').join('\r\n')
    case 7: {
      const end = ['\n', '\r', '\r\r\n', '\r\n ', '\r\n\r\n', '\n\r'][other % 6] ?? ''
      return [...lines.slice(0, line), `${lines[line] ?? ''}${end}${lines.slice(line + 1).join('\r\n')}`].join('\r\n')
    }
    case 8: return text.replace(/\d+/, special)
    default: return text.slice(0, pos) + special + text.slice(pos)
  }
}

function replaceAt (text: string, pos: number, by: string): string {
  return text.slice(0, pos) + by + text.slice(pos + 1)
}

/** Anything at all that could reach the request parser, most of it close to a request. */
export const anyRequestBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 2, arbitrary: validRequest },
  { weight: 1, arbitrary: validOldRequest },
  { weight: 4, arbitrary: hostileRequest },
  { weight: 4, arbitrary: fc.tuple(fc.oneof(validRequest, hostileRequest), mutations).map(([bytes, list]) => mutate(bytes, list)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes)) }
)

/** The same for responses. */
export const anyResponseBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 2, arbitrary: validResponse },
  { weight: 4, arbitrary: hostileResponse },
  { weight: 3, arbitrary: fc.tuple(fc.oneof(validResponse, hostileResponse), mutations).map(([bytes, list]) => mutate(bytes, list)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes)) }
)
