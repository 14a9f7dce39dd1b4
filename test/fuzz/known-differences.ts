/**
 * Where Weir and Node's parser (llhttp, strict) read the same bytes differently, and why that is right.
 *
 * A difference that no row explains fails the tests. Each row has an example, which a test holds against both readers, so
 * that no row stays when its difference has gone.
 */
import { isIPv6 } from 'node:net'
import type { Reading } from '../helpers/http1-message.ts'
import { NODE_METHODS } from '../helpers/node-http-parser.ts'

export interface KnownDifference {
  readonly name: string
  /** A difference in requests, in responses, or in both. */
  readonly in: 'request' | 'response' | 'both'
  readonly why: string
  /** Does the row explain this difference? `text` is what was read, as Latin-1. */
  readonly explains: (weir: Reading, node: Reading, text: string) => boolean
  readonly example: string
}

type Explains = KnownDifference['explains']

/** Weir refuses for this reason, and the bytes show that it is the real one. */
function refusedFor (reason: string, evidence: RegExp): Explains {
  return (weir, _node, text) => weir.reason === reason && evidence.test(text)
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n'
const POST_CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

/** Weir refuses for this reason, and some line of this name has a value that is not one of those. */
function refusedValue (reason: string, name: string, isValid: (value: string) => boolean): Explains {
  return (weir, _node, text) => weir.reason === reason && valuesOf(text, name).some(value => !isValid(value))
}

/** The values of all lines of the header with this name, as far as it goes. */
function valuesOf (text: string, name: string): string[] {
  const header = text.replace(/^\r\n/, '').split('\r\n\r\n', 1)[0] ?? ''
  return header.split('\r\n').slice(1)
    .filter(line => line.toLowerCase().startsWith(`${name}:`))
    .map(line => line.slice(name.length + 1).replace(/^[ \t]+|[ \t]+$/g, ''))
}

/** One number, said more than once. */
function saysAgain (lengths: readonly string[]): boolean {
  const numbers = lengths.join().split(/[ \t]*,[ \t]*/)
  return numbers.length > 1 && numbers.every(number => /^\d+$/.test(number) && Number(number) === Number(numbers[0]))
}

function isHost (value: string): boolean {
  const literal = /^\[(.*)\](:\d{0,5})?$/.exec(value)
  return literal === null ? /^([\w.~!$&'()*+;=-]|%[0-9a-f]{2})+(:\d{0,5})?$/i.test(value) : /^[\da-f:.]+$/i.test(literal[1] ?? '') && isIPv6(literal[1] ?? '')
}

/** A path, an http or https URI with a host and without a fragment, or the asterisk of OPTIONS. */
function isServedTarget (requestLine: string): boolean {
  const [, method, target] = /^(\S*) (\S*)/.exec(requestLine) ?? []
  if (target === undefined || !/^[\x21-\x7e]+$/.test(target) || target.includes('#')) return false
  if (target.startsWith('/')) return true
  const authority = /^https?:\/\/([^/?]*)/i.exec(target)
  return authority === null ? target === '*' && method === 'OPTIONS' : isHost(authority[1] ?? '')
}

function asksForUpgrade (text: string): boolean {
  return valuesOf(text, 'upgrade').length > 0 && valuesOf(text, 'connection').some(value => /(^|[ \t,])upgrade([ \t,]|$)/i.test(value))
}

const TAB_BEHIND_CHUNKED = /\ntransfer-encoding:[ \t]*chunked *\t[ \t]*\r\n/i
const TOKEN = String.raw`[\w!#$%&'*+.^\x60|~-]+`
const EXTENSIONS = new RegExp(String.raw`^([ \t]*;[ \t]*${TOKEN}([ \t]*=[ \t]*(${TOKEN}|"([^"\\]|\\.)*"))?)*[ \t]*$`)
const TOKEN_LIST = new RegExp(String.raw`^[ \t,]*(${TOKEN}[ \t]*(,[ \t,]*${TOKEN}[ \t]*)*,?[ \t,]*)?$`)

/** Weir refuses what Node takes. */
export const STRICTER: readonly KnownDifference[] = [
  {
    name: 'Max-Forwards of OPTIONS or TRACE is not one number',
    in: 'request',
    why: 'RFC 9110 section 7.6.2: a proxy has to count it down, so it must know what it is. Node does not look at it.',
    explains: (weir, _node, text) => weir.reason === 'bad_max_forwards' &&
      (valuesOf(text, 'max-forwards').length > 1 || valuesOf(text, 'max-forwards').some(value => !/^\d{1,15}$/.test(value))),
    example: 'OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 2\r\n\r\n'
  },
  {
    name: 'Host is missing',
    in: 'request',
    why: 'RFC 9112 section 3.2 demands it of HTTP/1.1; node:http looks for it behind its parser.',
    explains: (weir, _node, text) => weir.reason === 'missing_host' && valuesOf(text, 'host').length === 0,
    example: 'GET / HTTP/1.1\r\n\r\n'
  },
  {
    name: 'Host is repeated',
    in: 'request',
    why: 'RFC 9112 section 3.2 demands a 400; node:http takes the first.',
    explains: (weir, _node, text) => weir.reason === 'repeated_host' && valuesOf(text, 'host').length > 1,
    example: `${GET}Host: b\r\n\r\n`
  },
  {
    name: 'Host is not a host',
    in: 'request',
    why: 'RFC 9112 section 3.2 demands a 400 for a value that is not uri-host and port; node:http takes any.',
    explains: refusedValue('bad_host', 'host', isHost),
    example: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'
  },
  {
    name: 'the target has no form that a gateway serves',
    in: 'request',
    why: 'RFC 9112 section 3.2: a path, an absolute URI of http or https, or the asterisk with OPTIONS; no user, no fragment, no empty host.',
    explains: (weir, _node, text) => weir.reason === 'bad_target' && !isServedTarget(text.replace(/^\r\n/, '')),
    example: 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'
  },
  {
    name: 'CONNECT',
    in: 'request',
    why: 'Weir is a gateway; a tunnel would by-pass all routing.',
    explains: (weir, _node, text) => /^(connect_method|bad_target|bad_version)$/.test(weir.reason) && /^(\r\n)?CONNECT /.test(text),
    example: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n'
  },
  {
    name: 'HTTP/0.9 without a version',
    in: 'request',
    why: 'RFC 9112 section 3 demands a version; a request line without one could be the tail of something else.',
    explains: refusedFor('bad_version', /^(\r\n)?\S+ [^ \r\n]+[\r\n]/),
    example: 'GET /\r\n\r\n'
  },
  {
    name: 'several spaces between target and version',
    in: 'request',
    why: 'RFC 9112 section 3: exactly one. A reader that splits at spaces sees an empty version.',
    explains: refusedFor('bad_version', /^(\r\n)?\S+ \S+ {2}/),
    example: 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'
  },
  {
    name: 'the protocol of Icecast',
    in: 'request',
    why: 'Node takes `SOURCE / ICE/1.0` for a request; it is not HTTP.',
    explains: refusedFor('bad_version', /^(\r\n)?SOURCE \S+ ICE\//),
    example: 'SOURCE / ICE/1.0\r\nHost: a\r\n\r\n'
  },
  {
    name: 'a version of another major number',
    in: 'request',
    why: 'RFC 9110 section 15.6.6: Weir speaks HTTP/1; Node reads 0.9 and 2.0 as if they were HTTP/1.',
    explains: refusedFor('version_not_supported', /^(\r\n)?\S+ \S+ HTTP\/[02-9]\.\d\r\n/),
    example: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'
  },
  {
    name: 'more than one empty line before the request line',
    in: 'request',
    why: 'RFC 9112 section 2.2 asks to ignore one CR LF; Node ignores any number of CR and LF in any order.',
    explains: refusedFor('bad_method', /^(\r\n\r|\r[^\n]|\n|\r\n\n)/),
    example: `\n${GET}\r\n`
  },
  {
    name: 'Transfer-Encoding in HTTP/1.0',
    in: 'both',
    why: 'RFC 9112 section 6.1 lets it be treated as faulty framing; a 1.0 reader would see another body.',
    explains: refusedFor('transfer_encoding_in_http10', /HTTP\/1\.0[^]*\ntransfer-encoding:/i),
    example: 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  },
  {
    name: 'transfer codings other than exactly chunked',
    in: 'both',
    why: 'RFC 9112 section 6.1: a coding that is not understood is a 501. Node looks at the end of the list only, or, in responses, reads until close.',
    explains: refusedValue('bad_transfer_encoding', 'transfer-encoding', value => value.toLowerCase() === 'chunked'),
    example: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'
  },
  {
    name: 'Transfer-Encoding is repeated',
    in: 'both',
    why: 'Nobody sends it; two readers may look at different lines.',
    explains: (weir, _node, text) => weir.reason === 'repeated_transfer_encoding' && valuesOf(text, 'transfer-encoding').length > 1,
    example: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  },
  {
    name: 'a Content-Length beyond 2^53 - 1',
    in: 'both',
    why: 'It cannot be counted exactly here, and nobody has so many bytes (9 PB).',
    explains: (weir, _node, text) => weir.reason === 'bad_content_length' && valuesOf(text, 'content-length').some(value => Number(value) > Number.MAX_SAFE_INTEGER),
    example: `${GET}Content-Length: 9007199254740993\r\n\r\n`
  },
  {
    name: 'an unknown expectation',
    in: 'request',
    why: 'RFC 9110 section 10.1.1: a 417; node:http looks at it behind its parser.',
    explains: refusedValue('unknown_expectation', 'expect', value => value.toLowerCase() === '100-continue'),
    example: `${GET}Expect: 200-ok\r\n\r\n`
  },
  {
    name: 'Connection is not a list of tokens',
    in: 'both',
    why: 'RFC 9110 section 7.6.1; what is not understood could name a field that must not go on.',
    explains: refusedValue('bad_connection', 'connection', value => TOKEN_LIST.test(value)),
    example: `${GET}Connection: a b\r\n\r\n`
  },
  {
    name: 'a chunk size of more than 13 digits',
    in: 'both',
    why: 'Larger numbers are not counted exactly; leading zeros are bounded too.',
    explains: refusedFor('bad_chunk_size', /\n[0-9a-f]{14}/i),
    example: `${POST_CHUNKED}00000000000003\r\nabc\r\n0\r\n\r\n`
  },
  {
    name: 'a chunk extension that is not one',
    in: 'both',
    why: 'RFC 9112 section 7.1.1: a name is a token, and a value is a token or a quoted string; Node takes empty ones and mixtures.',
    explains: (weir, _node, text) => weir.reason === 'bad_chunk_extension' &&
      [...text.matchAll(/\n[\da-f]+(;[^\r\n]*)/gi)].some(([, extensions]) => !EXTENSIONS.test(extensions ?? '')),
    example: `${POST_CHUNKED}3;a=\r\nabc\r\n0\r\n\r\n`
  },
  {
    name: 'a body behind a request for an upgrade',
    in: 'request',
    why: 'Node hands on what follows, whatever it is, to the user of the upgrade. Weir reads the body by its framing first.',
    explains: (weir, _node, text) => weir.verdict === 'refused' && weir.head !== undefined && asksForUpgrade(text),
    example: `${GET}Upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd`
  },
  {
    name: 'a status line that is not one',
    in: 'response',
    why: 'RFC 9112 section 4 and RFC 9110 section 15: exactly three digits from 100 to 999, no control characters in the reason, nothing before the line.',
    explains: (weir, _node, text) =>
      weir.reason === 'bad_status_line' && !/^HTTP\/1\.\d [1-9]\d\d( [\t\x20-\x7e\x80-\xff]*)?\r\n/.test(text),
    example: 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'
  }
]

/** Weir takes what Node refuses. */
export const LAXER: readonly KnownDifference[] = [
  {
    name: 'a method that Node does not know',
    in: 'request',
    why: 'RFC 9110 section 9.1: methods are an open set, and which of them are allowed is for the origin to say. The bytes go on as they are.',
    explains: (weir, node) => node.reason === 'HPE_INVALID_METHOD' && weir.head !== undefined && !NODE_METHODS.has(weir.head.method) &&
      /^[\w!#$%&'*+.^`|~-]{1,32}$/.test(weir.head.method),
    example: 'BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n'
  },
  {
    name: 'a later minor version of HTTP/1',
    in: 'both',
    why: 'RFC 9110 section 2.5: read as the highest minor version of the same major that is known; it goes on as HTTP/1.1.',
    explains: (weir, node, text) => node.reason === 'HPE_INVALID_VERSION' && weir.head?.minor === 1 && /^([^\r\n]* )?HTTP\/1\.[2-9][ \r]/.test(text.replace(/^\r\n/, '')),
    example: 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'
  },
  {
    name: 'framing fields in a trailer section',
    in: 'both',
    why: 'RFC 9110 section 6.5.1 lets a recipient ignore them. Weir drops them, like all trailers that mean something for the message, and frames the body anew.',
    explains: (weir, node, text) => /^HPE_(INVALID|UNEXPECTED)_(CONTENT_LENGTH|TRANSFER_ENCODING)$/.test(node.reason) && node.head !== undefined &&
      /\r\n(content-length|transfer-encoding):/i.test(text.slice(node.head.end)) &&
      !weir.trailers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name)),
    example: `${POST_CHUNKED}0\r\nContent-Length: 5\r\n\r\n`
  },
  {
    name: 'a tab behind chunked in a request',
    in: 'request',
    why: 'RFC 9112 section 5: white space around a value is SP or HTAB. Weir writes the field anew, so that nobody behind it sees the tab.',
    explains: (weir, node, text) => node.reason === 'HPE_INVALID_TRANSFER_ENCODING' && node.head === undefined && weir.head !== undefined &&
      valuesOf(text, 'transfer-encoding').length === 1 && TAB_BEHIND_CHUNKED.test(text),
    example: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n'
  },
  {
    name: 'white space in a chunk extension',
    in: 'both',
    why: 'RFC 9112 section 7.1.1 asks recipients to parse it; the line still has only one end, and extensions are not passed on.',
    explains: (_weir, node, text) => /^HPE_(STRICT|INVALID_CHUNK_SIZE)$/.test(node.reason) && node.head !== undefined && /\n[0-9a-f]{1,13}([ \t]+;|;[^\r\n]*[ \t])/i.test(text),
    example: `${POST_CHUNKED}3 ; a = b\r\nabc\r\n0\r\n\r\n`
  },
  {
    name: 'white space behind a chunk size in a response',
    in: 'response',
    why: 'Some servers pad their sizes. All readers that take it read the same size, and the body is framed anew.',
    explains: (_weir, node, text) => /^HPE_(STRICT|INVALID_CHUNK_SIZE)$/.test(node.reason) && node.head !== undefined && /\n[0-9a-f]{1,13}[ \t]+\r\n/i.test(text),
    example: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3  \r\nabc\r\n0\r\n\r\n'
  },
  {
    name: 'a Content-Length of a response that says the same number again',
    in: 'response',
    why: 'RFC 9110 section 8.6 lets a recipient take the one number that is said. One line with it goes on.',
    explains: (weir, node, text) => /^HPE_(INVALID|UNEXPECTED)_CONTENT_LENGTH$/.test(node.reason) && weir.head !== undefined && saysAgain(valuesOf(text, 'content-length')),
    example: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3, 03\r\n\r\nabc'
  }
]

/** Both take the bytes, for different messages. */
export const OTHERWISE: readonly KnownDifference[] = [
  {
    name: 'a tab behind chunked in a response',
    in: 'response',
    why: 'RFC 9112 section 5: white space around a value is SP or HTAB. Node takes the tab for another coding and reads until close; Weir writes the field anew.',
    explains: (weir, _node, text) => weir.head !== undefined && TAB_BEHIND_CHUNKED.test(text),
    example: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n'
  }
]
