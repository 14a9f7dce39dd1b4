import t from 'tap'
import type { Test } from 'tap'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { MAX_ADDED_BYTES, RESPONSE_HEADROOM, rewriteResponseHead } from '../../../src/http1/rewrite-response-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

/** Rewrites in place, in the midst of other bytes, and shows that only the head and its headroom were written to. */
function rewrite (t: Test, text: string, additions = '', line = ''): string {
  const bytes = Buffer.concat([Buffer.alloc(9, 0x21), Buffer.alloc(RESPONSE_HEADROOM, 0x21), latin1(text), latin1('the body')])
  const head = new ResponseHead(WIDE_LIMITS)
  const from = 9 + RESPONSE_HEADROOM
  if (head.parse(bytes, from, bytes.length) !== 1) throw new Error(`not a response: ${text}`)
  const start = rewriteResponseHead(head, additions, latin1(line))
  t.ok(start >= 9, 'within the headroom')
  t.ok(bytes.subarray(0, Math.min(start, from)).every(byte => byte === 0x21), 'nothing before it was touched')
  t.equal(bytes.toString('latin1', head.end), 'the body')
  return bytes.toString('latin1', start, head.end)
}

t.test('a head with nothing to do stays where it is', async t => {
  const text = 'HTTP/1.1 200 OK\r\nX: 1\r\n\r\n'
  t.equal(rewrite(t, text), text)
})

t.test('additions go between the status line and the fields', async t => {
  t.equal(rewrite(t, 'HTTP/1.1 404 Not Found\r\nX: 1\r\n\r\n', 'A: b\r\nC: d\r\n'), 'HTTP/1.1 404 Not Found\r\nA: b\r\nC: d\r\nX: 1\r\n\r\n')
  t.equal(rewrite(t, 'HTTP/1.1 200 OK\r\n\r\n', 'A: b\r\n'), 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n')
})

t.test('a line that comes as bytes goes before the others', async t => {
  t.equal(
    rewrite(t, 'HTTP/1.1 200\r\nConnection: close\r\nX: 1\r\n\r\n', 'A: b\r\n', 'L: m\r\n'),
    'HTTP/1.1 200 \r\nL: m\r\nA: b\r\nX: 1\r\n\r\n'
  )
})

t.test('more than there is room for is a defect, and nothing is written', async t => {
  t.throws(() => rewrite(t, 'HTTP/1.1 200 OK\r\n\r\n', `A: ${'b'.repeat(MAX_ADDED_BYTES - 4)}\r\n`), RangeError)
  t.throws(() => rewrite(t, 'HTTP/1.1 200 OK\r\n\r\n', 'A: b\r\n', `A: ${'b'.repeat(MAX_ADDED_BYTES - 6)}\r\n`), RangeError)
})

t.test('dropped lines leave no gap, wherever they are', async t => {
  for (const additions of ['', 'A: b\r\n', `A: ${'b'.repeat(MAX_ADDED_BYTES - 5)}\r\n`]) {
    const head = `HTTP/1.1 200 OK\r\n${additions}`
    t.equal(rewrite(t, 'HTTP/1.1 200 OK\r\nConnection: close\r\nX: 1\r\n\r\n', additions), `${head}X: 1\r\n\r\n`, 'first')
    t.equal(rewrite(t, 'HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close\r\n\r\n', additions), `${head}X: 1\r\n\r\n`, 'last')
    t.equal(rewrite(t, 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n', additions), `${head}\r\n`, 'all')
    t.equal(rewrite(t, 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nConnection: y\r\nX: 1\r\nY: 2\r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\nSet-Cookie: b\r\n\r\n', additions),
      `${head}X: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n`, 'several, some side by side')
  }
})

t.test('the version is our own', async t => {
  t.equal(rewrite(t, 'HTTP/1.0 200 OK\r\nX: 1\r\n\r\n'), 'HTTP/1.1 200 OK\r\nX: 1\r\n\r\n')
  t.equal(rewrite(t, 'HTTP/1.9 200 OK\r\nConnection: x\r\n\r\n', 'A: b\r\n'), 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n')
})

t.test('a status line without a reason has the space that has to be there', async t => {
  t.equal(rewrite(t, 'HTTP/1.1 200\r\nX: 1\r\n\r\n'), 'HTTP/1.1 200 \r\nX: 1\r\n\r\n')
  t.equal(rewrite(t, 'HTTP/1.1 200\r\nConnection: close\r\nX: 1\r\n\r\n', 'A: b\r\n'), 'HTTP/1.1 200 \r\nA: b\r\nX: 1\r\n\r\n')
  t.equal(rewrite(t, 'HTTP/1.1 200 \r\nX: 1\r\n\r\n'), 'HTTP/1.1 200 \r\nX: 1\r\n\r\n')
})

t.test('bytes of the reason and of values are kept', async t => {
  t.equal(rewrite(t, 'HTTP/1.1 200 \xe9t\xe9\t \r\nX:\t\xff \r\nKeep-Alive: 1\r\n\r\n', 'A: b\r\n'), 'HTTP/1.1 200 \xe9t\xe9\t \r\nA: b\r\nX:\t\xff \r\n\r\n')
})
