import t from 'tap'
import { CONNECTION } from '../../../src/http1/connection-options.ts'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { BODY } from '../../../src/http1/request-head.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

interface Parsed { readonly head: ResponseHead, readonly fault: string, readonly dropped: readonly string[] }

function parse (statusLine: string, ...lines: readonly string[]): Parsed {
  const bytes = latin1(`${statusLine}\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
  const head = new ResponseHead(WIDE_LIMITS)
  const outcome = head.parse(bytes, 0, bytes.length)
  const { fields } = head
  const dropped = Array.from(fields.dropped.subarray(0, fields.droppedCount), line => fields.buf.toString('latin1', fields.nameStart(line), fields.nameEnd(line)))
  return { head, dropped, fault: outcome < 0 ? faultName(outcome) : outcome === 1 ? '' : 'incomplete' }
}

const ok = (...lines: readonly string[]): Parsed => parse('HTTP/1.1 200 OK', ...lines)

t.test('the status line: version, three digits, a reason or none', async t => {
  for (const [line, status, minor] of [
    ['HTTP/1.1 200 OK', 200, 1], ['HTTP/1.0 404 Not Found', 404, 0], ['HTTP/1.1 100 ', 100, 1], ['HTTP/1.1 599', 599, 1],
    ['HTTP/1.1 600 Odd', 600, 1], ['HTTP/1.1 999', 999, 1], ['HTTP/1.2 200 OK', 200, 1], ['HTTP/1.1 200 \xe9t\xe9\t!', 200, 1],
    ['HTTP/1.1 200  OK', 200, 1]
  ] as const) {
    const { head, fault } = parse(line)
    t.equal(fault, '', line)
    t.same([head.status, head.minor], [status, minor])
  }
  for (const line of [
    'HTTP/1.1  200 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 000 OK', 'HTTP/1.1 -20 OK', 'HTTP/1.1 2x0 OK',
    'HTTP/1.1 200OK', 'HTTP/1.1 200\tOK', 'HTTP/2.0 200 OK', 'HTTP/0.9 200 OK',
    'HTTP/1.x 200 OK', 'http/1.1 200 OK', ' HTTP/1.1 200 OK', '\r\nHTTP/1.1 200 OK', 'HTTP/1.1 200 O\0K', 'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 OK\n', 'HTTP/1.1 200 \x7f', 'ICY 200 OK', '200 OK is all there is', 'SSH-2.0-OpenSSH_9.9p1'
  ]) t.equal(parse(line).fault, 'bad_status_line', JSON.stringify(line))
})

t.test('garbage is refused as soon as it can be told', async t => {
  const head = new ResponseHead(WIDE_LIMITS)
  for (const text of ['S', 'HTTP/2', 'HTTX', '\r', '\x15\x03']) {
    const bytes = latin1(text)
    t.equal(faultName(head.parse(bytes, 0, bytes.length)), 'bad_status_line', text)
  }
})

t.test('every proper beginning of a good head is incomplete', async t => {
  const bytes = latin1('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \xe9\r\n\r\n')
  const head = new ResponseHead(WIDE_LIMITS)
  for (let length = 0; length < bytes.length; length++) t.equal(head.parse(bytes, 0, length), 0, `${length} bytes`)
  t.equal(head.parse(bytes, 0, bytes.length), 1)
})

t.test('the head may lie anywhere', async t => {
  const bytes = latin1('xxxxHTTP/1.1 204 Gone Fishing\r\nX: a\r\n\r\nHTTP')
  const head = new ResponseHead(WIDE_LIMITS)
  t.equal(head.parse(bytes, 4, bytes.length), 1)
  t.same([head.start, head.end, head.status, head.fields.value(0)], [4, bytes.length - 4, 204, 'a'])
  t.equal(bytes.toString('latin1', head.reasonStart, head.reasonEnd), ' Gone Fishing')
})

t.test('framing: chunked, a length, or until close', async t => {
  t.equal(ok().head.framing(false), BODY.untilClose)
  t.equal(ok('Content-Length: 5').head.framing(false), BODY.length)
  t.equal(ok('Content-Length: 0').head.framing(false), BODY.none)
  t.equal(ok('Transfer-Encoding: Chunked').head.framing(false), BODY.chunked)
  t.equal(parse('HTTP/1.0 200 OK').head.framing(false), BODY.untilClose)
})

t.test('no body follows an answer to HEAD, 1xx, 204 and 304, whatever the fields say', async t => {
  for (const line of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'X: a']) {
    t.equal(ok(line).head.framing(true), BODY.none, line)
    for (const status of [100, 103, 199, 204, 304]) t.equal(parse(`HTTP/1.1 ${status} `, line).head.framing(false), BODY.none, `${status} ${line}`)
  }
})

t.test('ambiguous framing is refused', async t => {
  t.equal(ok('Content-Length: 5', 'Content-Length: 6').fault, 'repeated_content_length')
  t.equal(ok('Content-Length: 5, 6').fault, 'repeated_content_length')
  t.equal(ok('Content-Length: 5, 5', 'Content-Length: 50').fault, 'repeated_content_length')
  for (const value of ['5,', ',5', '5,,5', '5, x', '5, -5', '5 5', ',', '9007199254740992, 9007199254740992']) {
    t.equal(ok(`Content-Length: ${value}`).fault, 'bad_content_length', value)
  }
  t.equal(ok('Content-Length:').fault, 'bad_content_length')
  t.equal(ok('Content-Length: 5', 'Transfer-Encoding: chunked').fault, 'both_lengths')
  t.equal(ok('Transfer-Encoding: chunked', 'Content-Length: 5').fault, 'both_lengths')
  t.equal(ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked').fault, 'repeated_transfer_encoding')
  for (const value of ['gzip', 'gzip, chunked', 'chunked, chunked', 'identity', '']) t.equal(ok(`Transfer-Encoding: ${value}`).fault, 'bad_transfer_encoding', value)
  t.equal(parse('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked').fault, 'transfer_encoding_in_http10')
})

t.test('field lines are as strict as those of requests', async t => {
  for (const [line, fault] of [
    ['X : a', 'bad_field_name'],
    ['X', 'bad_field_name'],
    ['X: a\r\n b', 'folded_field'],
    ['X: a\0', 'bad_field_value'],
    ['X: a\nY: b', 'bad_line_end'],
    ['X: a\rb', 'bad_line_end']
  ] as const) {
    t.equal(ok(line).fault, fault, JSON.stringify(line))
  }
})

t.test('hop-by-hop fields are dropped, also those that Connection names, but never what frames or dates', async t => {
  const { dropped, head } = ok('A: 1', 'Connection: a, date, Content-Length', 'Keep-Alive: x', 'Proxy-Connection: x', 'TE: x', 'Upgrade: h2c', 'Date: today', 'Content-Length: 0', 'Trailer: x', 'Set-Cookie: y')
  t.same(dropped, ['A', 'Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade'])
  t.equal(head.hasDate, true)
  t.equal(head.fields.value(head.upgradeLine), 'h2c')
  t.equal(ok().head.hasDate, false)
})

t.test('Content-Length that says the same number again is one line', async t => {
  const lines = (...values: readonly string[]) => {
    const { head, dropped } = ok(...values.map(value => `Content-Length: ${value}`))
    return [head.length, head.rewriteLength, dropped.length]
  }
  t.same(lines('5', '5'), [5, false, 1], 'the first stays')
  t.same(lines('5', '5', '5,05'), [5, false, 2])
  t.same(lines('5, 5'), [5, true, 1], 'a list is written anew')
  t.same(lines('05', '5'), [5, true, 2])
  t.same(lines('0, 0 ,\t00'), [0, true, 1])
  t.same(parse('HTTP/1.1 204 ', 'Content-Length: 5', 'Content-Length: 5').dropped.length, 2)
})

t.test('Content-Length: not passed on from 1xx and 204, and written anew when it has leading zeros', async t => {
  t.same(parse('HTTP/1.1 204 ', 'Content-Length: 5').dropped, ['Content-Length'])
  t.same(parse('HTTP/1.1 103 ', 'Content-Length: 5').dropped, ['Content-Length'])
  t.same(parse('HTTP/1.1 304 ', 'Content-Length: 5').dropped, [])
  const { head, dropped } = ok('Content-Length: 005')
  t.same(dropped, ['Content-Length'])
  t.same([head.length, head.rewriteLength], [5, true])
})

t.test('may the connection be used again?', async t => {
  t.equal(ok().head.keepsAlive(), true)
  t.equal(ok('Connection: x, close').head.keepsAlive(), false)
  t.equal(parse('HTTP/1.0 200 OK').head.keepsAlive(), false)
  t.equal(parse('HTTP/1.0 200 OK', 'Connection: keep-alive').head.keepsAlive(), true)
  t.equal(parse('HTTP/1.0 200 OK', 'Connection: keep-alive', 'Connection: close').head.keepsAlive(), false)
  t.equal(ok('Connection: upgrade').head.connection, CONNECTION.upgrade)
})

t.test('limits: bytes and fields', async t => {
  const limited = new ResponseHead({ maxHeadBytes: 60, maxHeaderFields: 2 })
  const outcome = (text: string): number => limited.parse(latin1(text), 0, text.length)
  const head = (length: number): string => `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(length - 24)}\r\n\r\n`
  t.equal(head(60).length, 60)
  t.equal(outcome(head(60)), 1)
  t.equal(faultName(outcome(head(61))), 'head_too_large')
  t.equal(outcome(head(90).slice(0, 60)), 0)
  t.equal(faultName(outcome(head(90).slice(0, 61))), 'head_too_large')
  t.equal(faultName(outcome(`HTTP/1.1 200 ${'O'.repeat(61)}`)), 'head_too_large')
  t.equal(outcome('HTTP/1.1 200 OK\r\nA:\r\nB:\r\n\r\n'), 1)
  t.equal(faultName(outcome('HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\n\r\n')), 'too_many_fields')
})

t.test('an object that is used again remembers nothing', async t => {
  const full = latin1('HTTP/1.0 404 OK\r\nContent-Length: 05\r\nConnection: keep-alive, x\r\nX: 1\r\nDate: d\r\nUpgrade: u\r\n\r\n')
  const bare = latin1('HTTP/1.1 200 OK\r\nX: y\r\n\r\n')
  const used = new ResponseHead(WIDE_LIMITS)
  t.equal(used.parse(full, 0, full.length), 1)
  const fresh = new ResponseHead(WIDE_LIMITS)
  for (const head of [used, fresh]) t.equal(head.parse(bare, 0, bare.length), 1)
  const view = (head: ResponseHead) => ({ ...head, fields: undefined, count: head.fields.count, dropped: head.fields.droppedCount })
  t.same(view(used), view(fresh))
})
