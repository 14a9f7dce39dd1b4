/**
 * Answers of an origin that two readers could frame differently, by family, and what a client may see of them.
 */
import { FRAMING_FAULTS } from './framing-faults.ts'

/** What an origin sends, and what comes of it. */
export interface ResponseVariant {
  readonly what: string
  readonly bytes: string
  /** A FIN follows the bytes. */
  readonly end: boolean
  /** The body that the client gets; or `refused`: a 502, or an answer that is seen to be incomplete. */
  readonly outcome: 'refused' | { readonly body: string }
}

export interface ResponseFamily {
  readonly name: string
  readonly variants: readonly ResponseVariant[]
  /** Bytes follow the answer: in pieces they could be the answer to the next request. */
  readonly hasSurplus: boolean
}

type BytesOf = (input: string) => string

const show = (bytes: string): string => JSON.stringify(bytes.length > 60 ? `${bytes.slice(0, 60)}…` : bytes)
const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'

function refused (inputs: readonly string[], bytesOf: BytesOf): readonly ResponseVariant[] {
  return inputs.map(input => ({ what: show(input), bytes: bytesOf(input), end: false, outcome: 'refused' }))
}

function refusedAtEnd (inputs: readonly string[], bytesOf: BytesOf): readonly ResponseVariant[] {
  return inputs.map(input => ({ what: `${show(input)} and a FIN`, bytes: bytesOf(input), end: true, outcome: 'refused' }))
}

function accepted (body: string, inputs: readonly string[], bytesOf: BytesOf): readonly ResponseVariant[] {
  return inputs.map(input => ({ what: show(input), bytes: bytesOf(input), end: false, outcome: { body } }))
}

const withFields: BytesOf = fields => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\nhello`

function statusLines (): ResponseFamily {
  const withLine: BytesOf = line => `${line}\r\nContent-Length: 5\r\n\r\nhello`
  const bad = [
    'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 200OK', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1 200\tOK', 'HTTP/1.1 -20 OK',
    'HTTP/1.1 +20 OK', 'HTTP/1.1 2x0 OK', 'HTTP/1.1 000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1', 'HTTP/1.1 ',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 O\nK', 'HTTP/1.1 200 \x01', 'HTTP/1.1 200 OK\x7f', 'HTTP/1.10 200 OK', 'HTTP/11 200 OK', 'HTTP/2 200',
    'HTTP/2.0 200 OK',
    'HTTP/0.9 200 OK', 'http/1.1 200 OK', 'HTTQ/1.1 200 OK', 'HTTP/1.1 200 OK\r', ' HTTP/1.1 200 OK', '\r\nHTTP/1.1 200 OK', '\nHTTP/1.1 200 OK',
    'ICY 200 OK', '<html>',
    'GET / HTTP/1.1', 'HTTP/1.1 \xb2\xb3\xb9 OK', 'HTTP/1.1 0x0 OK', 'HTTP/1.1 2 0', '\0HTTP/1.1 200 OK', 'HTTP/1,1 200 OK', 'HTTP/1.x 200 OK',
    '\x15\x03\x01\0\x02', 'HTTP/1.1 200 OK\nX: y',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade', 'HTTP/1.1 101 Switching Protocols'
  ]
  const good = [
    'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 \xe9 fine', 'HTTP/1.0 200 OK', 'HTTP/1.5 200 OK', 'HTTP/1.1 200 200 OK',
    'HTTP/1.1 299 Odd', 'HTTP/1.1 600 OK', 'HTTP/1.1 999',
    'HTTP/1.1 200  two spaces'
  ]
  return { name: 'status lines', hasSurplus: false, variants: [...refused(bad, withLine), ...accepted('hello', good, withLine)] }
}

function codings (): ResponseFamily {
  const withCoding: BytesOf = value => `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${value}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  const withBoth: BytesOf = value => `HTTP/1.1 200 OK\r\nContent-Length: 15\r\nTransfer-Encoding: ${value}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  const lines = [
    'chunked\r\nTransfer-Encoding: chunked', 'chunked\r\nTransfer-Encoding: identity', 'identity\r\nTransfer-Encoding: chunked',
    'chunked\r\nContent-Length: 15', 'chunked\r\nContent-Length: 0', 'chunked\r\n , identity', '\r\n chunked'
  ]
  return {
    name: 'Transfer-Encoding values of answers',
    hasSurplus: false,
    variants: [
      ...refused([...FRAMING_FAULTS.codings, ...FRAMING_FAULTS.codingsWithControls, ...lines], withCoding),
      ...refused([
        'chunked', 'CHUNKED', 'identity', 'chunked, chunked', ' '
      ], withBoth).map(variant => ({ ...variant, what: `a length and ${variant.what}` })),
      ...refused(['HTTP/1.0'], version => withCoding('chunked').replace('HTTP/1.1', version)),
      ...accepted('hello', [
        'chunked', 'CHUNKED', '\tchunked\t', 'chunked\r\nTransfer_Encoding: identity', 'chunked\r\nConnection: Transfer-Encoding'
      ], withCoding)
    ]
  }
}

function fields (): ResponseFamily {
  const withName: BytesOf = name => withFields(`${name}: chunked\r\nContent-Length: 5`)
  const bad = [
    'X : y', 'X\t: y', 'X: a\r\n b', 'X: a\r\n\tb', 'X: \0', 'X: a\rb', 'X: a\nb', 'X: a\x7f', 'X: \x01', 'X[]: y', ': y', 'no colon', '\xe9: y',
    'X:y\nZ: a', 'X: y\r',
    'X: a\r\n\rSet-Cookie: b', 'X: a\r\n\n', 'X\0Y: a'
  ].map(lines => `Content-Length: 5\r\n${lines}`)
  return {
    name: 'header sections of answers',
    hasSurplus: false,
    variants: [
      ...refused([
        ...bad, ' X: y\r\nContent-Length: 5', '\tContent-Length: 5', 'Content-Length: 5\n', `X: ${'x'.repeat(40_000)}`, 'X: y\r\n'.repeat(200)
      ], withFields),
      ...refused(FRAMING_FAULTS.codingNames, withName),
      ...accepted('hello', FRAMING_FAULTS.otherNames.filter(name => name !== 'TE'), withName),
      ...accepted('hello', [
        'X:', 'X:y', 'X: \xe9\xff', 'x_y: z', 'Connection: Content-Length', 'Connection: Date, ,', 'Connection: ;', 'Connection: a b',
        'Connection: \xe9', 'Connection: keep-alive; timeout=5', 'Upgrade: h2c', 'Expect: x', 'Host: h',
        'Host: h\r\nHost: g', 'TE: chunked'
      ],
      lines => withFields(`Content-Length: 5\r\n${lines}`))
    ]
  }
}

function lengths (): ResponseFamily {
  const withLength: BytesOf = value => withFields(`Content-Length:${value}`)
  return {
    name: 'Content-Length values of answers',
    hasSurplus: false,
    variants: [
      ...refused(FRAMING_FAULTS.lengths, withLength),
      ...refusedAtEnd(['6', '500', '4294967301', '9007199254740991'], withLength),
      ...accepted('hello', ['5', '05', `${'0'.repeat(60)}5`, '\t5\t', '5\r\nContent_Length: 0', '5\r\nX-Content-Length: 0'], withLength),
      ...accepted('hello', FRAMING_FAULTS.lengthsAgain, withLength)
    ]
  }
}

function chunks (): ResponseFamily {
  const chunked: BytesOf = body => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`
  const withSize: BytesOf = size => chunked(`${size}\r\nabc\r\n0\r\n\r\n`)
  const incomplete = [
    '', '3', '3\r\nab', '3\r\nabc', '3\r\nabc\r\n', '3\r\nabc\r\n0', '3\r\nabc\r\n0\r\n', '3\r\nabc\r\n0\r\n\r', '0\r\nX: y\r\n', '0\r\nX'
  ]
  return {
    name: 'chunked bodies of answers',
    hasSurplus: false,
    variants: [
      ...refused(FRAMING_FAULTS.chunkSizes, withSize),
      ...refused(FRAMING_FAULTS.chunkedBodies, chunked),
      ...refusedAtEnd(['3e0', '80000000', 'ffffffff', 'fffffffffffff'], withSize),
      ...refusedAtEnd(incomplete, chunked),
      ...accepted('abc', ['3', '0000000000003', '3;a', '3;a="b;c"', '3;a = b'], withSize),
      ...accepted('abc', [...FRAMING_FAULTS.paddedSizes, ...FRAMING_FAULTS.spacedExtensions], withSize),
      ...accepted('', ['0 \r\n\r\n', '0\t;a\r\n\r\n'], chunked),
      ...accepted('abc', [
        'X: y', 'Content-Length: 99', 'Transfer-Encoding: gzip', 'Set-Cookie: a=b', 'Connection: keep-alive'
      ], line => chunked(`3\r\nabc\r\n0\r\n${line}\r\n\r\n`))
    ]
  }
}

function interims (): ResponseFamily {
  const before: BytesOf = interim => `${interim}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello`
  const bad = [
    'HTTP/1.1 103 Early\r\nX : y', 'HTTP/1.1 103 Early\r\nX: \0', 'HTTP/1.1 103 Early\r\nTransfer-Encoding: gzip',
    'HTTP/1.1 103 Early\r\nContent-Length: x',
    'HTTP/1.1 103 Early\r\nContent-Length: 1\r\nTransfer-Encoding: chunked', 'HTTP/1.1 101 Switching', 'HTTP/1.1 10 Early',
    'HTTP/1.1 103 Early\nX: y', 'HTTP/1.1 100 Continue\r\n\r\n\r\nX: y',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching', Array.from({ length: 33 }, () => 'HTTP/1.1 102 Processing').join('\r\n\r\n')
  ]
  const good = [
    'HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early\r\nContent-Length: 5', 'HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked',
    'HTTP/1.1 103 Early\r\nConnection: close', 'HTTP/1.1 199', 'HTTP/1.0 103 Early',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>', Array.from({ length: 32 }, () => 'HTTP/1.1 102 Processing').join('\r\n\r\n')
  ]
  return { name: 'interim answers', hasSurplus: false, variants: [...refused(bad, before), ...accepted('hello', good, before)] }
}

/** Something lies behind the answer: it is for nobody. */
function surplus (): ResponseFamily {
  const behind = [EVIL, 'x', '\r\n', '0\r\n\r\n', 'HTTP/1.1', '\0', 'evil'.repeat(5_000)]
  const heads: ReadonlyArray<readonly [head: string, body: string]> = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', ''],
    ['HTTP/1.1 204 No Content\r\n\r\n', ''],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 38\r\n\r\n', ''],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n', ''],
    ['HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', ''],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n', ''],
    ['HTTP/1.1 103 Early\r\nContent-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello']
  ]
  return { name: 'bytes behind answers', hasSurplus: true, variants: heads.flatMap(([head, body]) => accepted(body, behind.map(bytes => head + bytes), bytes => bytes)) }
}

/** All families of answers. */
export function responseFramingFamilies (): readonly ResponseFamily[] {
  return [statusLines(), codings(), fields(), lengths(), chunks(), interims(), surplus()]
}
