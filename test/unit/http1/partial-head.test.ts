import t from 'tap'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { PartialHead } from '../../../src/http1/line-collector.ts'

const LIMITS = { maxHeadBytes: 200, maxHeaderFields: 8, maxUriBytes: 50 }

/** Gives one byte at a time; says after how many there was an outcome, and which. */
function feed (text: string, limits = LIMITS): { outcome: string, at: number, partial: PartialHead } {
  const bytes = Buffer.from(text, 'latin1')
  const partial = new PartialHead(limits, bytes, 0, 1)
  for (let at = 1; at < bytes.length; at++) {
    const outcome = partial.add(bytes, at, at + 1)
    if (outcome !== 0) return { outcome: outcome < 0 ? faultName(outcome) : 'complete', at: at + 1, partial }
  }
  return { outcome: 'incomplete', at: bytes.length, partial }
}

t.test('a head that comes byte after byte is complete with its last byte', async t => {
  const text = 'POST /a?b HTTP/1.1\r\nHost: c\r\nX: d\r\n\r\n'
  const { outcome, at, partial } = feed(`${text}body`)
  t.same([outcome, at, partial.length], ['complete', text.length, text.length])
  t.same([partial.head.method(), partial.head.path(), partial.head.host(), partial.head.header('x')], ['POST', '/a', 'c', 'd'])
})

t.test('bytes behind the head stay with it', async t => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: c\r\n\r\nbody', 'latin1')
  const partial = new PartialHead(LIMITS, bytes, 0, 10)
  t.equal(partial.add(bytes, 10, bytes.length), 1)
  t.equal(partial.head.fields.buf.toString('latin1', partial.head.end, partial.length), 'body')
})

t.test('what never ends is refused as soon as it is beyond the limit of a head', async t => {
  for (const text of [`GET / HTTP/1.1\r\nX: ${'a'.repeat(500)}`, `GET / HTTP/1.1\r\n${'A:\r\n'.repeat(6)}${'b'.repeat(500)}`]) {
    const { outcome, at } = feed(text)
    t.same([outcome, at], ['head_too_large', LIMITS.maxHeadBytes + 1])
  }
  for (const text of [`GET /${'a'.repeat(500)}`, 'M'.repeat(500)]) {
    const { outcome, at } = feed(text)
    t.match(outcome, /target_too_long|bad_method/)
    t.ok(at <= LIMITS.maxHeadBytes + 1, `${at} bytes`)
  }
})

t.test('a line is wrong when it ends, if not before', async t => {
  const { outcome, at } = feed('GET / HTTP/1.1\r\nHost : a\r\n\r\n')
  t.same([outcome, at], ['bad_field_name', 26])
})

t.test('a sender of single bytes does not make the same line be read again and again', async t => {
  let looks = 0
  const limits = { maxHeadBytes: 60_000, maxHeaderFields: 8, maxUriBytes: 500 }
  const partial = new PartialHead(limits, Buffer.from('GET / HTTP/1.1\r\n', 'latin1'), 0, 16)
  const { head } = partial
  const parse = head.parse.bind(head)
  head.parse = end => {
    looks++
    return parse(end)
  }
  const byte = Buffer.from('X', 'latin1')
  let refused = 0
  for (let sent = 0; sent < 50_000; sent++) if (partial.add(byte, 0, 1) !== 0) refused++
  t.equal(refused, 0)
  // At each doubling, and once where a first line would be too long.
  t.ok(looks < 13, `${looks} looks at 50,000 bytes`)
})
