import t from 'tap'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import type { ResponseLimits } from '../../../src/http1/response-head.ts'
import { RESPONSE_HEADROOM } from '../../../src/http1/rewrite-response-head.ts'
import { PartialResponse } from '../../../src/http1/line-collector.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { READ_TAILROOM } from '../../../src/http1/chunk-framing.ts'

const LIMITS = { maxHeadBytes: 60_000, maxHeaderFields: 5_000 }
const HEAD = 'HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 4\r\n\r\n'

interface Fed {
  readonly outcome: string
  /** How many bytes it took. */
  readonly at: number
  readonly partial: PartialResponse
  /** Bytes that the parser was given behind what it had read already, over all its calls: it looks at no more. */
  readonly looked: number
  readonly parses: number
}

/** Gives a response in pieces of this size, the first of which was seen by a parser that others use too. */
function feed (text: string, size: number, limits: ResponseLimits = LIMITS): Fed {
  const bytes = latin1(text)
  const shared = new ResponseHead(limits)
  t.equal(shared.parse(bytes, 0, size), 0)
  const partial = new PartialResponse(shared, size)
  const { head } = partial
  const parseOn = head.parseOn.bind(head)
  let looked = 0
  let parses = 0
  head.parseOn = end => {
    looked += end - head.fields.next
    parses++
    return parseOn(end)
  }
  for (let from = size; from < bytes.length; from += size) {
    const to = Math.min(bytes.length, from + size)
    const outcome = partial.add(bytes, from, to)
    if (outcome !== 0) return { outcome: outcome < 0 ? faultName(outcome) : 'complete', at: to, partial, looked, parses }
  }
  return { outcome: 'incomplete', at: bytes.length, partial, looked, parses }
}

t.test('a head that comes byte after byte is complete with its last byte', async t => {
  const { outcome, at, partial: { head } } = feed(`${HEAD}body`, 1)
  t.same([outcome, at], ['complete', HEAD.length])
  t.same([head.status, head.length, head.fields.joined('x')], [200, 4, '1'])
})

t.test('nothing refers to the bytes that were given', async t => {
  const bytes = latin1(HEAD)
  const shared = new ResponseHead(LIMITS)
  shared.parse(bytes, 0, 20)
  const partial = new PartialResponse(shared, 20)
  const rest = Buffer.from(bytes.subarray(20))
  shared.parse(latin1('HTTP/1.1 500 No\r\n\r\n'), 0, 19)
  bytes.fill(0)
  t.equal(partial.add(rest, 0, rest.length), 1)
  rest.fill(0)
  const { head } = partial
  t.equal(head.fields.buf.toString('latin1', head.start, head.end), HEAD)
})

t.test('what follows the head stays with it, and there is room around both', async t => {
  for (const [size, body] of [[1, ''], [10, 'body'], [15, 'b'.repeat(2)], [40, 'b'.repeat(35)]] as const) {
    const { at, partial: { head, end } } = feed(HEAD + body, size)
    const { buf } = head.fields
    t.equal(buf.toString('latin1', head.end, end), (HEAD + body).slice(HEAD.length, at))
    t.ok(head.start >= RESPONSE_HEADROOM, `${head.start} bytes before`)
    t.ok(buf.length - end >= READ_TAILROOM, `${buf.length - end} bytes behind`)
  }
  // Buffers that are just full are among these.
  for (const length of [...Array.from({ length: 600 }, (_, index) => HEAD.length + index), 100_000]) {
    const bytes = latin1(HEAD.padEnd(length, 'b'))
    const shared = new ResponseHead(LIMITS)
    shared.parse(bytes, 0, 1)
    const partial = new PartialResponse(shared, 1)
    partial.add(bytes, 1, length)
    const room = partial.head.fields.buf.length - partial.end
    if (partial.end - partial.head.start !== length || room < READ_TAILROOM) t.fail(`${room} bytes behind ${length}`)
  }
})

t.test('a head that comes byte after byte is looked at in proportion to its bytes', async t => {
  for (const [what, text] of [
    ['one long line', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(50_000)}\r\n\r\n`],
    ['a name without end', `HTTP/1.1 200 OK\r\n${'a'.repeat(50_000)}`],
    ['a reason without end', `HTTP/1.1 200 ${'a'.repeat(50_000)}`],
    ['short lines', `HTTP/1.1 200 OK\r\n${'X:\r\n'.repeat(4_900)}\r\n`],
    ['lines that get longer', `HTTP/1.1 200 OK\r\n${Array.from({ length: 300 }, (_, index) => `X: ${'a'.repeat(index)}\r\n`).join('')}\r\n`]
  ] as const) {
    for (const size of [1, 3, 1460]) {
      const { outcome, looked, parses } = feed(text, size)
      t.match(outcome, /^(complete|incomplete)$/)
      t.ok(looked <= 4 * text.length, `${what}, pieces of ${size}: ${looked} bytes looked at in ${parses} looks, of ${text.length}`)
    }
  }
})

t.test('what never ends is refused as soon as it is beyond the limit of a head', async t => {
  const limits = { maxHeadBytes: 200, maxHeaderFields: 8 }
  for (const text of ['HTTP/1.1 200 ', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nX:', 'HTTP/1.1 200 OK\r\nX: 1\r\nY: ']) {
    const { outcome, at } = feed(text + 'a'.repeat(500), 1, limits)
    t.same([outcome, at], ['head_too_large', limits.maxHeadBytes + 1], JSON.stringify(text))
  }
  const exact = (length: number): string => `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(length - 24)}\r\n\r\n`
  t.same(feed(exact(200), 1, limits).outcome, 'complete')
  t.same(feed(exact(201), 1, limits).outcome, 'head_too_large')
})

t.test('a line is wrong when it ends, if not before', async t => {
  for (const [text, fault] of [['HTTP/1.1 200 OK\r\nX : 1\r\n', 'bad_field_name'], ['HTTP/1.1 20x OK\n', 'bad_status_line'], ['HTTP/1.1 200 OK\r\nX: 1\n', 'bad_line_end']] as const) {
    const { outcome, at } = feed(`${text}\r\n`, 1)
    t.equal(outcome, fault)
    t.ok(at <= text.length, `after ${at} bytes`)
  }
})
