/**
 * Requests that two readers could frame differently, by family, and what Weir makes of each. Nothing of these lists is taken
 * from captured attacks: each is one grammar rule broken in one place, with a hidden request where a lenient reader would find it.
 */
import { FRAMING_FAULTS } from './framing-faults.ts'

/** The status of a refusal; `incomplete`: no answer, the client ends first; or the bodies of the requests that are forwarded. */
type Outcome = number | 'incomplete' | readonly string[]

export interface FramingVariant {
  readonly what: string
  readonly bytes: string
  readonly outcome: Outcome
}

export interface FramingFamily {
  readonly name: string
  readonly variants: readonly FramingVariant[]
}

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n'
/** A reader of Content-Length sees one request, a reader of chunks two. */
const DUAL_BODY = `0\r\n\r\n${HIDDEN}`
const LENGTH = `Content-Length: ${DUAL_BODY.length}`

const show = (bytes: string): string => JSON.stringify(bytes.length > 60 ? `${bytes.slice(0, 60)}…` : bytes)

function variantsOf (outcome: Outcome, inputs: readonly string[], bytesOf: (input: string) => string): readonly FramingVariant[] {
  return inputs.map(input => ({ what: show(input), bytes: bytesOf(input), outcome }))
}

/** The lines given, with the dual body and its length behind or before them. */
function dual (lines: string, order: 'length first' | 'length last'): string {
  const fields = order === 'length first' ? `${LENGTH}\r\n${lines}` : `${lines}\r\n${LENGTH}`
  return `POST /x HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${DUAL_BODY}`
}

const ORDERS = ['length first', 'length last'] as const

function transferEncodingValues (): readonly FramingFamily[] {
  const exact = ['CHUNKED', '\tchunked\t', '  chunked  ', 'chunked']
  return ORDERS.map(order => ({
    name: `Transfer-Encoding values with a Content-Length, ${order}`,
    variants: [
      ...variantsOf(501, FRAMING_FAULTS.codings, value => dual(`Transfer-Encoding: ${value}`, order)),
      ...variantsOf(400, FRAMING_FAULTS.codingsWithControls, value => dual(`Transfer-Encoding: ${value}`, order)),
      ...variantsOf(400, exact, value => dual(`Transfer-Encoding:${value}`, order))
    ]
  }))
}

function transferEncodingNames (): FramingFamily {
  return {
    name: 'names like Transfer-Encoding',
    variants: [
      ...variantsOf(400, ['TRANSFER-ENCODING', 'transfer-encoding', 'tRANSFER-eNCODING', 'Connection: Transfer-Encoding\r\nTransfer-Encoding'],
        name => dual(`${name}: chunked`, 'length last')),
      ...variantsOf(400, FRAMING_FAULTS.codingNames, name => dual(`${name}: chunked`, 'length last')),
      ...variantsOf([DUAL_BODY], FRAMING_FAULTS.otherNames, name => dual(`${name}: chunked`, 'length last'))
    ]
  }
}

function linesBetween (): FramingFamily {
  const te = 'Transfer-Encoding: chunked'
  const invalid = [
    `X: a\r${te}`, `X: a\n${te}`, `X: a\n\r${te}`, `X: a\r\r\n${te}`, `X: a\0\r\n${te}`, `X: a\r\n ${te}`, `X: a\r\n\t${te}`,
    `X:\r\n ${te}`, `${te}\n`, `${te}\r`, `X: a\r\n\n${te}`, `X: a\r\n\r${te}`, `X\r\n${te}`, `X: a\x0b\r\n${te}`, `X: a\r\n\0${te}`,
    `X: a\r\n:${te}`, `X: a\r\n${te}\r\n identity`
  ]
  const valid = [`X: a${te}`, `X: "a, ${te}"`, `X: a\\r\\n${te}`, `X: a%0d%0a${te}`, `X: a\x85${te}`, `X: a\xc4\x8d\xc4\x8a${te}`]
  return {
    name: 'Transfer-Encoding between the lines',
    variants: [
      ...variantsOf(400, invalid, lines => dual(lines, 'length last')),
      // Refused at its first line, whatever follows.
      ...variantsOf(501, [
        'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked',
        'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding:\r\n\tchunked', 'Transfer-Encoding:\r\n \r\n chunked'
      ], lines => dual(lines, 'length last')),
      ...variantsOf(400, [
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'Transfer-Encoding: chunked\r\ntransfer-encoding: chunked',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding:'
      ],
      lines => dual(lines, 'length last')),
      ...variantsOf([DUAL_BODY], valid, lines => dual(lines, 'length last'))
    ]
  }
}

function contentLengths (): FramingFamily {
  const withLength = (value: string): string => `POST /x HTTP/1.1\r\nHost: h\r\nContent-Length:${value}\r\n\r\nhello${HIDDEN}`
  const tooLong = ['500', '4294967301', '2147483653', '9007199254740991']
  const exact = [
    '5', '05', `${'0'.repeat(60)}5`, '\t5\t', '  5  ', '5\r\nContent_Length: 0', '5\r\nX-Content-Length: 0', '5\r\nContent-Length-: 0',
    '5\r\nConnection: content-length', '5\r\nTrailer: Content-Length'
  ]
  return {
    name: 'Content-Length values and places',
    variants: [
      ...variantsOf(400, FRAMING_FAULTS.lengths, withLength),
      ...variantsOf(400, FRAMING_FAULTS.lengthsAgain, withLength),
      ...variantsOf('incomplete', tooLong, withLength),
      ...variantsOf(['hello'], exact, value => withLength(value).slice(0, -HIDDEN.length)),
      ...variantsOf(['hello', ''], exact, value => withLength(value).replace('/hidden', '/next'))
    ]
  }
}

/** A request as the body of another: it stays a body, whatever else is in the head. */
function requestsAsBodies (): FramingFamily {
  const carrying = (method: string, version: string, fields: string): string => `${method} /x HTTP/${version}\r\nHost: h\r\n${fields}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`
  const chunked = (method: string, fields: string): string => `${method} /x HTTP/1.1\r\nHost: h\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
  const fields = [
    'Expect: 100-continue\r\n', 'Upgrade: websocket\r\nConnection: Upgrade\r\n',
    'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n', 'Connection: close\r\n',
    'Connection: keep-alive, Content-Length, Transfer-Encoding\r\n', 'Content-Type: message/http\r\n', 'Content-Encoding: chunked\r\n',
    'TE: chunked, trailers\r\n', 'Range: bytes=0-1\r\n'
  ]
  return {
    name: 'requests as bodies',
    variants: [
      ...variantsOf([HIDDEN], [
        'GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'PUT', 'PATCH', 'PROPFIND', 'get', 'LOCK'
      ], method => carrying(method, '1.1', '')),
      ...variantsOf([HIDDEN], ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'QUERY'], method => chunked(method, '')),
      ...variantsOf([HIDDEN], fields, lines => carrying('POST', '1.1', lines)),
      ...variantsOf([HIDDEN], fields, lines => chunked('GET', lines)),
      ...variantsOf([HIDDEN], ['1.0', '1.2', '1.9'], version => carrying('POST', version, '')),
      ...variantsOf(400, ['', 'Connection: keep-alive\r\n', 'Connection: Transfer-Encoding\r\n', `${LENGTH}\r\n`],
        lines => `POST /x HTTP/1.0\r\nHost: h\r\n${lines}Transfer-Encoding: chunked\r\n\r\n${DUAL_BODY}`)
    ]
  }
}

function chunkSizes (): FramingFamily {
  const withSize = (size: string): string => `POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\nabc\r\n0\r\n\r\n${HIDDEN}`
  const tooLong = ['3e0', '80000000', '7fffffff', 'ffffffff', '100000003', 'fffffffffffff']
  const exact = [
    '3', '03', '0000000000003', '3;a', '3;a=b', '3;a="b;c"', '3;a="\\""', '3;a=b;c', '3;a = b', '3; a ; b', '3;a="\t "',
    `3;${'a'.repeat(500)}`
  ]
  return {
    name: 'chunk sizes and extensions',
    variants: [
      ...variantsOf(400, FRAMING_FAULTS.chunkSizes, withSize),
      ...variantsOf(400, FRAMING_FAULTS.paddedSizes, withSize),
      ...variantsOf('incomplete', tooLong, withSize),
      ...variantsOf(['abc', ''], [...exact, ...FRAMING_FAULTS.spacedExtensions], size => withSize(size).replace('/hidden', '/next'))
    ]
  }
}

function chunkLines (): FramingFamily {
  const withBody = (body: string): string => `POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}`
  const incomplete = [
    '', '3', '3\r', '3\r\n', '3\r\nab', '3\r\nabc', '3\r\nabc\r', '3\r\nabc\r\n', '3\r\nabc\r\n0', '3\r\nabc\r\n0\r\n',
    '3\r\nabc\r\n0\r\n\r', '0\r\nX: y\r\n', '0\r\nX: y\r\n\r', '0\r\nX: y'
  ]
  const trailers = [
    'Host: evil', 'Content-Length: 99', 'Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', 'Content_Length: 99',
    'Connection: close', 'Expect: 100-continue', 'Content-Length: x', 'X-Forwarded-For: 1.2.3.4', 'Upgrade: h2c'
  ]
  return {
    name: 'the lines of a chunked body',
    variants: [
      ...variantsOf(400, [...FRAMING_FAULTS.chunkedBodies, '0 \r\n\r\n'], body => withBody(body + HIDDEN)),
      ...variantsOf('incomplete', incomplete, withBody),
      ...variantsOf(['abc', ''], trailers, line => withBody(`3\r\nabc\r\n0\r\n${line}\r\n\r\n${HIDDEN.replace('hidden', 'next')}`))
    ]
  }
}

function requestLines (): FramingFamily {
  const withLine = (line: string): string => `${line}\r\nHost: h\r\n\r\n${HIDDEN}`
  const bad = [
    'GET  /x HTTP/1.1', 'GET\t/x HTTP/1.1', 'GET /x\tHTTP/1.1', 'GET /x  HTTP/1.1', 'GET /x HTTP/1.1 ', 'GET /x HTTP/1.1\t',
    ' GET /x HTTP/1.1', '\tGET /x HTTP/1.1', 'GET /x', 'GET', 'GET /x HTTP/1.1\r', 'GET /x http/1.1', 'GET /x HTTP/1.10',
    'GET /x HTTP/01.1', 'GET /x HTTP/1.1.1', 'GET /x HTTP/1,1', 'GET /x HTTP/ 1.1', 'GET /x HTTP/1. 1', 'GET /x HTTP/+1.1',
    'GET /x HTTP/1', 'GET /x HTTP/', 'GET /x HTTPS/1.1', 'GET /x HTTP /1.1', 'GET /x ICAP/1.0', 'GET /x HTTP/1.1x', 'GET /x HTTP/\xb9.1',
    'GET /x HTTP/1.1;', 'GET /x HTTP/\xef\xbc\x91.1', 'GET /x y HTTP/1.1', 'GET /x\0 HTTP/1.1', 'GET /x\x7f HTTP/1.1',
    'GET /\x80 HTTP/1.1', 'GET /\xc3\xa9 HTTP/1.1', 'GET /x#y HTTP/1.1', 'GET x HTTP/1.1', 'GET ?x HTTP/1.1', 'GET * HTTP/1.1',
    'POST * HTTP/1.1', 'OPTIONS *x HTTP/1.1', 'GET h:80 HTTP/1.1', 'GET http:// HTTP/1.1', 'GET http:/h/ HTTP/1.1',
    'GET http://h\\@e/ HTTP/1.1', 'GET http://u@h/ HTTP/1.1', 'GET http://h:x/ HTTP/1.1', 'GET ws://h/ HTTP/1.1',
    'GET javascript:0 HTTP/1.1', 'GET HTTP/1.1', 'GET HTTP/1.1 HTTP/1.1', 'G@T /x HTTP/1.1', 'G\0T /x HTTP/1.1', 'GE\xc9T /x HTTP/1.1',
    '"GET" /x HTTP/1.1', 'GET: /x HTTP/1.1', '(GET) /x HTTP/1.1', `${'A'.repeat(33)} /x HTTP/1.1`, 'GET/x HTTP/1.1', '\x16\x03\x01\x02',
    '\xef\xbb\xbfGET /x HTTP/1.1', '\0GET /x HTTP/1.1', '\nGET /x HTTP/1.1', '\rGET /x HTTP/1.1', '\r\n\r\nGET /x HTTP/1.1',
    'HTTP/1.1 200 OK', 'GET /x\nHTTP/1.1', 'GET\r\n/x HTTP/1.1', 'GET /x\r\n HTTP/1.1', 'GET /x HTTP/1.1\nX: y', '{"a": 1}'
  ]
  return {
    name: 'request lines',
    variants: [
      ...variantsOf(400, bad, withLine),
      ...variantsOf(505, [
        'PRI * HTTP/2.0', 'GET /x HTTP/2.0', 'GET /x HTTP/3.0', 'GET /x HTTP/0.9', 'GET /x HTTP/9.9', 'GET x HTTP/2.0'
      ], withLine),
      ...variantsOf(405, ['CONNECT h:443 HTTP/1.1', 'CONNECT / HTTP/1.1', 'CONNECT http://h/ HTTP/1.1', 'CONNECT h:443 HTTP/1.0'], withLine),
      ...variantsOf([
        '', ''], ['\r\nGET /x HTTP/1.1', 'GET /x HTTP/1.7', 'GET //h/x HTTP/1.1', 'GET /x?GET%20/y%20HTTP/1.1 HTTP/1.1',
        `${'A'.repeat(32)} /x HTTP/1.1`, 'GET http://h HTTP/1.1'
      ],
      line => withLine(line).replace('/hidden', '/next'))
    ]
  }
}

function headerSections (): FramingFamily {
  const withFields = (fields: string): string => `GET /x HTTP/1.1\r\n${fields}\r\n\r\n${HIDDEN}`
  const hosted = [
    'X[]: y', 'X\0: y', 'X: \0', ': y', 'no colon', 'X\x80: y', 'X: a\rb', 'X: \x01', 'X: \x1f', 'X: a\x7f', 'X: a\x0b', 'X Y: z',
    'X\t: y', 'X:y\nZ: a', 'X:\n\nGET /inner HTTP/1.1\nHost: h', '\rZ: y', 'X: y\r', '\nX: y', '=: y', 'X=y', 'Connection: ;',
    'Connection: "close"', 'Connection: a b', 'Connection: keep-alive; timeout=5', 'Connection: close; x', 'Connection: x; close', 'Connection: close\0', 'Connection: \xe9', 'Host: h', 'HOST: other', 'Host : h',
    'host\t: h', 'Host', ' Host: other', 'X: y\r\n other', 'Connection: host\r\nHost: other',
    `Connection: ${Array.from({ length: 65 }, (_, index) => `a${index}`).join()}`
  ].map(lines => `Host: h\r\n${lines}`)
  const hosts = [
    '', ' ', 'h\0', 'h, h', 'h h', 'a@h', 'h/', 'h?x', 'h#', 'h\\', '[::1', '[]', '[zz]', '::1', 'h:x', 'h:123456', 'h:80:80', ':80',
    'h\x80', 'h\x7f', 'h%', 'h%0', 'h%zz', '"h"', '<h>', 'h\r\n i', 'h\n', `${'h'.repeat(300)}`
  ].map(value => `Host: ${value}`)
  return {
    name: 'header sections',
    variants: [
      ...variantsOf(400, [
        'X: y', ' Host: h', '\tHost: h', 'Host h', 'Host: h\nX: y', '\r\rHost: h', 'X: y\r\n Host: h', 'Transfer-Encoding: chunked', ...hosted,
        ...hosts
      ], withFields),
      ...variantsOf(417, [
        '100', '100-continue, x', '200-ok', '100-continue;q=1', '"100-continue"', ',100-continu', 'x,100-continue'
      ], value => withFields(`Host: h\r\nExpect: ${value}`)),
      ...variantsOf([
        '', ''], ['X: ', 'X:', 'X:y', 'X: \xe9\xff', 'X: a: b', 'Connection: ,, ,', '!#$%&\'*+-.^_`|~: y', 'X-A: (a "b)', 'Host_: other',
        'X-Host: other', 'Connection: close2'
      ],
      lines => withFields(`Host: h\r\n${lines}`).replace('/hidden', '/next'))
    ]
  }
}

/** All families of requests. */
export function requestFramingFamilies (): readonly FramingFamily[] {
  return [
    ...transferEncodingValues(), transferEncodingNames(), linesBetween(), contentLengths(), requestsAsBodies(),
    chunkSizes(), chunkLines(), requestLines(), headerSections()
  ]
}
