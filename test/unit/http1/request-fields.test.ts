import t from 'tap'
import { CONNECTION } from '../../../src/http1/connection-options.ts'
import { faultCode, faultName } from '../../../src/http1/parse-fault.ts'
import { BODY, RequestHead } from '../../../src/http1/request-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

interface Parsed { readonly head: RequestHead, readonly fault: string, readonly dropped: readonly string[] }

function parseText (text: string): Parsed {
  const bytes = latin1(text)
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  const outcome = head.parse(bytes.length)
  const { fields } = head
  const dropped = Array.from(fields.dropped.subarray(0, fields.droppedCount), line => fields.buf.toString('latin1', fields.nameStart(line), fields.nameEnd(line)))
  return { head, dropped, fault: outcome < 0 ? faultName(outcome) : outcome === 1 ? '' : 'incomplete' }
}

/** A request with Host and these lines. */
const parse = (...lines: readonly string[]): Parsed => parseText(`POST / HTTP/1.1\r\nHost: a\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
const parseOld = (...lines: readonly string[]): Parsed => parseText(`POST / HTTP/1.0\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
const parseHost = (...lines: readonly string[]): Parsed => parseText(`GET / HTTP/1.1\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)

t.test('Host: exactly one with a host in HTTP/1.1, at most one in HTTP/1.0', async t => {
  for (const host of ['a', 'A.b:80', '192.0.2.1', '[::1]', '[2001:db8::1]:8080', 'a_b', 'a:']) {
    const { head, fault } = parseHost(`Host: ${host}`)
    t.equal(fault, '', host)
    t.equal(head.authority(), host)
  }
  t.equal(parseHost('Host: EXAMPLE.com:81').head.host(), 'example.com')
  t.equal(parseHost('Host: [2001:DB8::1]:81').head.host(), '[2001:db8::1]')
  t.equal(parseHost('Host: [::1]').head.host(), '[::1]')
  t.equal(parseHost().fault, 'missing_host')
  t.equal(parseHost('X: a').fault, 'missing_host')
  t.equal(parseHost('Host: a', 'hOST: a').fault, 'repeated_host')
  for (const value of ['', 'a b', 'a,b', 'a/b', 'a@b', 'a\0', ':80', '[::1', 'a:b']) t.match(parseHost(`Host: ${value}`).fault, /^bad_(host|field_value)$/, value)
  t.equal(parseOld().fault, '')
  t.equal(parseOld().head.authority(), '')
  t.equal(parseOld().head.host(), '')
  t.equal(parseOld('Host: a', 'Host: a').fault, 'repeated_host')
  t.equal(parseOld('Host: a b').fault, 'bad_host')
})

t.test('an absolute form replaces Host, which has to be there and valid all the same', async t => {
  const { head, dropped } = parseText('GET http://b/ HTTP/1.1\r\nX: 1\r\nHost: a\r\nConnection: X\r\n\r\n')
  t.equal(head.authority(), 'b')
  t.same(dropped, ['X', 'Host', 'Connection'], 'in order')
  t.equal(parseText('GET http://b/ HTTP/1.1\r\n\r\n').fault, 'missing_host')
  t.equal(parseText('GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n').fault, 'bad_host')
})

t.test('Content-Length: digits only, once', async t => {
  for (const [value, length] of [['0', 0], ['5', 5], ['9007199254740991', Number.MAX_SAFE_INTEGER], ['  7\t', 7]] as const) {
    const { head, fault, dropped } = parse(`Content-Length:${value}`)
    t.equal(fault, '', value)
    t.equal(head.length, length)
    t.equal(head.rewriteLength, false)
    t.same(dropped, [])
    t.equal(head.framing(), length === 0 ? BODY.none : BODY.length)
  }
  for (const value of ['', '+5', '-5', '0x5', '5e0', '5.0', '0 5', '5Z', '5, 5', '5,', '"5"', '9007199254740992', '18446744073709551621', '9'.repeat(400), '\x0b5', '\xb2', '5\xa0']) {
    t.match(parse(`Content-Length: ${value}`).fault, /^bad_(content_length|field_value)$/, value)
  }
  t.equal(parse('Content-Length: 5', 'content-LENGTH: 5').fault, 'repeated_content_length')
  t.equal(parse('Content-Length: 0', 'Content-Length: 5').fault, 'repeated_content_length')
})

t.test('a Content-Length with leading zeros is a number in base ten and written anew', async t => {
  const { head, dropped } = parse('Content-Length: 010')
  t.equal(head.length, 10)
  t.ok(head.rewriteLength)
  t.same(dropped, ['Content-Length'])
})

t.test('without framing fields there is no body', async t => {
  t.equal(parse().head.framing(), BODY.none)
  t.equal(parse().head.length, -1)
})

t.test('Transfer-Encoding: chunked, in any case, once, in HTTP/1.1, without Content-Length', async t => {
  for (const line of ['Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED', 'Transfer-Encoding:\t Chunked \t']) {
    const { head, fault, dropped } = parse(line)
    t.equal(fault, '', line)
    t.equal(head.framing(), BODY.chunked)
    t.same(dropped, [line.slice(0, 17)])
  }
  for (const value of ['', 'identity', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', ',chunked', 'chunked;q=1', '"chunked"', "'chunked'", 'xchunked', 'chunkedx', 'chunke', '\xa0chunked', 'chunked\x85', '\xffchunked']) {
    t.equal(parse(`Transfer-Encoding: ${value}`).fault, 'bad_transfer_encoding', value)
  }
  t.equal(parse('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked').fault, 'repeated_transfer_encoding')
  t.equal(parse('Transfer-Encoding: chunked', 'Transfer-Encoding: identity').fault, 'repeated_transfer_encoding')
  t.equal(parse('Content-Length: 5', 'Transfer-Encoding: chunked').fault, 'both_lengths')
  t.equal(parse('Transfer-Encoding: chunked', 'Content-Length: 0').fault, 'both_lengths')
  t.equal(parseOld('Transfer-Encoding: chunked').fault, 'transfer_encoding_in_http10')
  t.equal(parseOld('Transfer-Encoding: chunked', 'Content-Length: 5').fault, 'both_lengths')
})

t.test('names and values are what RFC 9110 allows', async t => {
  for (const [line, fault] of [
    ['X : a', 'bad_field_name'], ['X\t: a', 'bad_field_name'], [': a', 'bad_field_name'], ['X', 'bad_field_name'], ['X y: a', 'bad_field_name'], ['[X]: a', 'bad_field_name'], ['X\0: a', 'bad_field_name'], ['X\xe9: a', 'bad_field_name'],
    ['X\n: a', 'bad_line_end'], [' X: a', 'folded_field'], ['\tX: a', 'folded_field'], ['X: a\r\n b', 'folded_field'], ['X: a\0', 'bad_field_value'], ['X: \x7f', 'bad_field_value'], ['X: \x1f', 'bad_field_value'],
    ['X: a\rb', 'bad_line_end'], ['X: a\nY: b', 'bad_line_end'], ['X: a\r\r', 'bad_line_end'], ['\rX: a', 'bad_line_end'], ['Transfer-Encoding\x0b: chunked', 'bad_field_name'], ['Tra\rnsfer-Encoding: chunked', 'bad_field_name']
  ] as const) t.equal(parse(line).fault, fault, JSON.stringify(line))
  for (const [line, value] of [['X:', ''], ['X: \t ', ''], ['X:a', 'a'], ['X: \ta b\t ', 'a b'], ['X: \xe9\xff', '\xe9\xff'], ["!#$%&'*+-.^_`|~9: ,;\"", ',;"'], ['X: a: b', 'a: b']] as const) {
    const { head, fault } = parse(line)
    t.equal(fault, '', line)
    t.equal(head.fields.value(1), value)
  }
})

t.test('lines of one name are joined in order, whatever their case', async t => {
  const { head } = parse('X: a', 'Y: b', 'x: c', 'X:')
  t.equal(head.header('x'), 'a, c, ')
  t.equal(head.header('y'), 'b')
  t.equal(head.header('z'), undefined)
})

t.test('Connection and what it nominates are dropped', async t => {
  const { head, fault, dropped } = parse('A: 1', 'Connection: a, ,CLOSE', 'b: 2', 'connection:\tB ,c', 'C: 3', 'a: 4', 'D: 5')
  t.equal(fault, '')
  t.same(dropped, ['A', 'Connection', 'b', 'connection', 'C', 'a'], 'in order')
  t.equal(head.connection, CONNECTION.close | CONNECTION.nominates)
})

t.test('what frames and routes a message is kept even if Connection names it', async t => {
  const { fault, dropped, head } = parse('Connection: host, content-length, transfer-encoding, expect, connection', 'Content-Length: 5', 'Expect: 100-continue')
  t.equal(fault, '')
  t.same(dropped, ['Connection'])
  t.equal(head.length, 5)
})

t.test('a Connection that is not a list of tokens, or a very long one, is refused', async t => {
  for (const value of ['a b', '"close"', 'close;a', 'a=b', 'close\x85']) t.equal(parse(`Connection: ${value}`).fault, 'bad_connection', value)
  t.equal(parse(`Connection: ${Array(64).fill('x').join(',')}`).fault, '')
  t.equal(parse(`Connection: ${Array(65).fill('x').join(',')}`).fault, 'bad_connection')
})

t.test('persistence: HTTP/1.1 unless close, HTTP/1.0 only with keep-alive and never with close', async t => {
  t.equal(parse().head.keepsAlive(), true)
  t.equal(parse('Connection: keep-alive').head.keepsAlive(), true)
  t.equal(parse('Connection: x, Close').head.keepsAlive(), false)
  t.equal(parse('Connection: keep-alive', 'Connection: close').head.keepsAlive(), false)
  t.equal(parseOld().head.keepsAlive(), false)
  t.equal(parseOld('Connection: Keep-Alive').head.keepsAlive(), true)
  t.equal(parseOld('Connection: keep-alive, close').head.keepsAlive(), false)
})

t.test('hop-by-hop fields and those that Weir writes itself are dropped without being named', async t => {
  const names = ['Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade', 'HTTP2-Settings', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Request-Id']
  const { dropped, head } = parse(...names.map(name => `${name}: a`), 'Via: 1.0 b', 'Forwarded: for=c', 'Trailer: x', 'Max-Forwards: 1')
  t.same(dropped, names)
  t.equal(head.claimsOrigin, true)
  t.equal(head.fields.value(head.upgradeLine), 'a')
  t.equal(head.fields.value(head.requestIdLine), 'a')
  t.equal(parse().head.claimsOrigin, false)
})

t.test('TE: trailers is recognised as a member of the list', async t => {
  for (const value of ['trailers', 'Trailers', 'gzip, trailers', 'trailers ,gzip', '\ttrailers']) t.equal(parse(`TE: ${value}`).head.acceptsTrailers, true, value)
  for (const value of ['', 'gzip', 'xtrailers', 'trailersx', 'trailers;q=0']) t.equal(parse(`TE: ${value}`).head.acceptsTrailers, false, value)
})

t.test('Expect: only 100-continue, which HTTP/1.0 does not have', async t => {
  const { head, dropped } = parse('Expect: 100-Continue')
  t.equal(head.expectsContinue, true)
  t.same(dropped, [])
  t.same(parseOld('Expect: 100-continue').dropped, ['Expect'])
  for (const value of [
    '200-ok', '100-continue, x', 'x, 100-continue', '100-continu', '100-continue;a', '100-continue 100-continue', '"100-continue"'
  ]) {
    t.equal(parse(`Expect: ${value}`).fault, 'unknown_expectation', value)
  }
})

t.test('Expect is a list: empty members mean nothing, and what is repeated is passed on once', async t => {
  for (const value of ['', ' ', ',', ', ,,,,,,,,,,', '\t,']) {
    const { head, dropped } = parse(`Expect: ${value}`)
    t.same([head.expectsContinue, head.rewriteExpect, dropped], [false, false, ['Expect']], value)
  }
  for (const value of ['100-continue,', ',100-CONTINUE', '100-continue, 100-continue', '100-continue ,\t, 100-continue']) {
    const { head, dropped } = parse(`Expect: ${value}`)
    t.same([head.expectsContinue, head.rewriteExpect, dropped], [true, true, ['Expect']], value)
  }
  for (const lines of [
    ['Expect: 100-continue', 'Expect: 100-continue'],
    ['Expect:', 'Expect: 100-continue'],
    ['Expect: 100-continue', 'Expect: ,']
  ]) {
    const { head, dropped } = parse(...lines)
    t.same([head.expectsContinue, head.rewriteExpect, dropped], [true, false, ['Expect']], lines.join())
  }
})

t.test('an object that is used again remembers nothing', async t => {
  const full = latin1('POST http://b/x?y HTTP/1.0\r\nHost: a\r\nContent-Length: 05\r\nConnection: keep-alive, x\r\nX: 1\r\nTE: trailers\r\nExpect: 100-continue\r\nUpgrade: u\r\nX-Request-Id: i\r\nX-Forwarded-For: f\r\n\r\n')
  const bare = latin1('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const used = new RequestHead(WIDE_LIMITS)
  used.reset(full, 0)
  t.equal(used.parse(full.length), 1)
  const fresh = new RequestHead(WIDE_LIMITS)
  for (const head of [used, fresh]) {
    head.reset(bare, 0)
    t.equal(head.parse(bare.length), 1)
  }
  const view = (head: RequestHead) => ({ ...head, fields: undefined, count: head.fields.count, dropped: head.fields.droppedCount })
  t.same(view(used), view(fresh))
})

t.test('an unknown transfer coding is 501, an unknown expectation 417, too many fields 431', async t => {
  const code = (lines: readonly string[]): string => {
    const bytes = latin1(`POST / HTTP/1.1\r\nHost: a\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
    const head = new RequestHead({ ...WIDE_LIMITS, maxHeaderFields: 3 })
    head.reset(bytes, 0)
    return faultCode(head.parse(bytes.length))
  }
  t.equal(code(['Transfer-Encoding: br']), 'transfer_coding_not_supported')
  t.equal(code(['Expect: x']), 'expectation_failed')
  t.equal(code(['A: 1', 'B: 2', 'C: 3']), 'head_too_large')
  t.equal(code(['Content-Length: x']), 'malformed_request')
})
