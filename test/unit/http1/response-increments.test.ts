import t from 'tap'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { fieldsOf, WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

const FULL = latin1('HTTP/1.0 404 Not Here\r\nConnection: x, keep-alive\r\nX: 1\r\nContent-Length: 03\r\nUpgrade: u\r\nDate: d\r\nY: \xe9 z \r\n\r\nabc')
const HEAD_BYTES = FULL.length - 3

/** Everything that a head says, with places counted from its start. */
function view (head: ResponseHead): unknown {
  const { fields, start } = head
  return {
    places: [head.reasonStart, head.reasonEnd, head.lineEnd, head.end].map(place => place - start),
    facts: [head.status, head.minor, head.length, head.chunked, head.connection, head.rewriteLength, head.hasDate, head.keepsAlive(), head.framing(false)],
    reason: fields.buf.toString('latin1', head.reasonStart, head.reasonEnd),
    upgrade: fields.value(head.upgradeLine),
    fields: fieldsOf(fields),
    dropped: [...fields.dropped.subarray(0, fields.droppedCount)]
  }
}

function whole (): ResponseHead {
  const head = new ResponseHead(WIDE_LIMITS)
  t.equal(head.parse(FULL, 0, FULL.length), 1)
  return head
}

t.test('a head that comes byte after byte is the head that comes whole', async t => {
  const head = new ResponseHead(WIDE_LIMITS)
  head.reset(FULL, 0)
  for (let length = 0; length < HEAD_BYTES; length++) t.equal(head.parseOn(length), 0, `${length} bytes`)
  t.equal(head.parseOn(HEAD_BYTES), 1)
  t.same(view(head), view(whole()))
})

t.test('everything recorded moves with the bytes, wherever they are cut', async t => {
  const expected = view(whole())
  for (let cut = 0; cut < HEAD_BYTES; cut++) {
    const head = new ResponseHead(WIDE_LIMITS)
    head.reset(FULL, 0)
    head.parseOn(cut)
    const elsewhere = Buffer.concat([Buffer.alloc(1000, 0x41), FULL])
    head.rebase(elsewhere, 1000)
    t.equal(head.parseOn(elsewhere.length), 1)
    t.equal(head.start, 1000)
    t.same(view(head), expected, `cut at ${cut}`)
  }
})

t.test('whole lines are not looked at again', async t => {
  const bytes = Buffer.from(FULL)
  const head = new ResponseHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  const cut = bytes.indexOf('Y:')
  t.equal(head.parseOn(cut), 0)
  bytes.fill(0, 0, cut)
  t.equal(head.parseOn(bytes.length), 1, 'bytes that are wrong now are behind it')
  t.same([head.status, head.length, head.fields.count], [404, 3, 6])
})

t.test('one object parses a head in pieces, then one that comes whole, then another in pieces', async t => {
  const head = new ResponseHead(WIDE_LIMITS)
  const other = latin1('HTTP/1.1 204 \r\nZ: 9\r\n\r\n')
  for (let round = 0; round < 2; round++) {
    head.reset(FULL, 0)
    t.equal(head.parseOn(40), 0)
    t.equal(head.parseOn(FULL.length), 1)
    t.same(view(head), view(whole()))
    t.equal(head.parse(other, 0, other.length), 1)
    t.same([head.status, head.minor, head.length, head.hasDate, head.upgradeLine, head.fields.count], [204, 1, -1, false, -1, 1])
  }
})

t.test('limits are those of the whole head, however many pieces', async t => {
  const refusedAt = (text: string): { fault: string, at: number } => {
    const bytes = latin1(text)
    const head = new ResponseHead({ maxHeadBytes: 60, maxHeaderFields: 2 })
    head.reset(bytes, 0)
    for (let length = 1; length <= bytes.length; length++) {
      const outcome = head.parseOn(length)
      if (outcome !== 0) return { fault: outcome < 0 ? faultName(outcome) : '', at: length }
    }
    return { fault: 'incomplete', at: bytes.length }
  }
  const sized = (length: number): string => `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(length - 24)}\r\n\r\n`
  t.same(refusedAt(sized(60)), { fault: '', at: 60 })
  t.same(refusedAt(sized(61)), { fault: 'head_too_large', at: 61 })
  t.same(refusedAt(`HTTP/1.1 200 ${'O'.repeat(100)}`), { fault: 'head_too_large', at: 61 })
  t.same(refusedAt(`HTTP/1.1 200 OK\r\n${'X'.repeat(100)}`), { fault: 'head_too_large', at: 61 })
  t.equal(refusedAt('HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\n\r\n').fault, 'too_many_fields')
})
