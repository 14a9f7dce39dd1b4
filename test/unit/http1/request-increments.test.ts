import t from 'tap'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { readRequest, WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

const FULL = latin1('\r\nPOST http://b.example:80/c?d HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\nX: 1\r\nContent-Length: 03\r\nTE: trailers\r\nY: \xe9 z \r\n\r\nabcGET /')

t.test('a head that comes byte after byte is the head that comes whole', async t => {
  const whole = readRequest(FULL)
  t.equal(whole.verdict, 'complete')
  t.equal(whole.consumed, FULL.length - 5)
  t.same(readRequest(FULL, Array.from({ length: FULL.length - 1 }, (_, index) => index + 1)), whole)
  for (let split = 1; split < FULL.length; split++) t.strictSame(readRequest(FULL, [split]), whole, `cut at ${split}`)
})

t.test('everything recorded moves with the bytes', async t => {
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(FULL, 0)
  const cut = FULL.indexOf('Y:')
  t.equal(head.parse(cut), 0)
  const elsewhere = Buffer.concat([Buffer.alloc(1000, 0x41), FULL.subarray(head.start)])
  head.rebase(elsewhere, 1000)
  t.equal(head.parse(elsewhere.length), 1)
  t.same([head.method(), head.target(), head.authority(), head.path(), head.query(), head.header('x'), head.header('y'), head.length],
    ['POST', 'http://b.example:80/c?d', 'b.example:80', '/c', 'd', '1', '\xe9 z', 3])
  t.equal(head.end, elsewhere.length - 8)
})

t.test('every proper beginning of a good head is incomplete, never refused', async t => {
  const end = FULL.indexOf('abcGET')
  for (let length = 0; length < end; length++) {
    const head = new RequestHead(WIDE_LIMITS)
    head.reset(FULL, 0)
    t.equal(head.parse(length), 0, `${length} bytes`)
  }
})

const LIMITS = { maxHeadBytes: 60, maxHeaderFields: 2, maxUriBytes: 10 }

/** Feeds one byte more at a time, and says how many it took for which fault. */
function refusedAt (text: string): { fault: string, at: number } {
  const bytes = latin1(text)
  const head = new RequestHead(LIMITS)
  head.reset(bytes, 0)
  for (let length = 1; length <= bytes.length; length++) {
    const outcome = head.parse(length)
    if (outcome !== 0) return { fault: outcome < 0 ? faultName(outcome) : '', at: length }
  }
  return { fault: 'incomplete', at: bytes.length }
}

t.test('a head of exactly the limit is taken, one byte more is not', async t => {
  const head = (length: number): string => `GET / HTTP/1.1\r\nHost: ${'a'.repeat(length - 26)}\r\n\r\n`
  t.equal(head(60).length, 60)
  t.same(refusedAt(head(60)), { fault: '', at: 60 })
  t.same(refusedAt(head(61)), { fault: 'head_too_large', at: 61 })
  const whole = new RequestHead(LIMITS)
  const bytes = latin1(head(61))
  whole.reset(bytes, 0)
  t.equal(faultName(whole.parse(bytes.length)), 'head_too_large')
})

t.test('what never ends is refused at the limit, wherever it is', async t => {
  t.same(refusedAt(`GET /${'a'.repeat(100)}`), { fault: 'target_too_long', at: 15 })
  t.same(refusedAt('M'.repeat(100)), { fault: 'bad_method', at: 33 })
  t.same(refusedAt(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(100)}`), { fault: 'head_too_large', at: 61 })
  t.same(refusedAt(`GET / HTTP/1.1\r\nHost: a\r\n${'X'.repeat(100)}`), { fault: 'head_too_large', at: 61 })
  t.same(refusedAt(`GET / HTTP/1.1\r\nHost: a\r\nX:${' '.repeat(100)}`), { fault: 'head_too_large', at: 61 })
})

t.test('a target of exactly the limit is taken, one byte more is not', async t => {
  t.equal(refusedAt(`GET /${'a'.repeat(9)} HTTP/1.1\r\nHost: a\r\n\r\n`).fault, '')
  t.equal(refusedAt(`GET /${'a'.repeat(10)} HTTP/1.1\r\nHost: a\r\n\r\n`).fault, 'target_too_long')
})

t.test('as many fields as allowed are taken, one more is not', async t => {
  t.equal(refusedAt('GET / HTTP/1.1\r\nHost: a\r\nA:\r\n\r\n').fault, '')
  t.equal(refusedAt('GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n').fault, 'too_many_fields')
})

t.test('bytes behind the head do not count', async t => {
  const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${'x'.repeat(1000)}`)
  const head = new RequestHead(LIMITS)
  head.reset(bytes, 0)
  t.equal(head.parse(bytes.length), 1)
  t.equal(head.end, 27)
})
