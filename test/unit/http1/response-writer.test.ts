import t from 'tap'
import { READ_TAILROOM } from '../../../src/http1/chunk-framing.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { RESPONSE_HEADROOM } from '../../../src/http1/rewrite-response-head.ts'
import { HttpDate, ResponseFields } from '../../../src/http/http-response.ts'
import { RequestIds } from '../../../src/http/request-ids.ts'
import { ResponseWriter } from '../../../src/http1/response-writer.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import type { Reading } from '../../helpers/http1-message.ts'
import { readWithNode } from '../../helpers/node-http-parser.ts'

const NOTHING = new ResponseFields({ requestId: false, version: false }, new RequestIds())

interface Relayed { readonly text: string, readonly reading: Reading, readonly writes: number, readonly keepAlive: boolean, readonly untilClose: boolean }

/** A writer, and what it writes. */
function createWriter () {
  const written: string[] = []
  const downstream = {
    write (bytes: Buffer) {
      written.push(bytes.toString('latin1'))
      return true
    }
  }
  return { subject: new ResponseWriter(downstream, new HttpDate(new FakeClock())), written }
}

/** Relays a head with the first of these pieces behind it in the same buffer, the others in buffers of their own. */
function relay (head: string, pieces: readonly string[], { minor = 1, trailers = '' } = {}): Relayed {
  const { subject, written } = createWriter()
  const parsed = new ResponseHead({ maxHeadBytes: 4096, maxHeaderFields: 20 })
  let keepAlive = true
  for (const [index, piece] of pieces.entries()) {
    const text = index === 0 ? head + piece : piece
    const buf = Buffer.alloc(RESPONSE_HEADROOM + text.length + READ_TAILROOM, 0x21)
    const end = RESPONSE_HEADROOM + buf.write(text, RESPONSE_HEADROOM, 'latin1')
    let start = RESPONSE_HEADROOM
    if (index === 0) {
      if (parsed.parse(buf, start, end) !== 1) throw new Error('not a response')
      start = parsed.end
      parsed.bodyFraming = parsed.framing(false)
      subject.reset(minor, false)
      keepAlive = subject.head(parsed, NOTHING, true)
    }
    if (index < pieces.length - 1) subject.body(buf, start, end)
    else subject.end(buf, start, end, trailers === '' ? undefined : Buffer.from(trailers, 'latin1'))
  }
  const text = written.join('')
  return { text, reading: readWithNode(Buffer.from(text, 'latin1'), { response: true }), writes: written.length, keepAlive, untilClose: subject.untilClose }
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n'

t.test('a head and the first chunk behind it are whole whatever the length of the size line', async t => {
  for (const length of [1, 2, 9, 15, 16, 17, 255, 256, 4095, 4096, 70_000]) {
    const body = 'b'.repeat(length)
    const { reading, text, writes } = relay(CHUNKED, [body])
    t.same([reading.verdict, reading.body, reading.consumed, writes], ['complete', body, text.length, 1], `${length} bytes, in one write`)
    t.equal(text.slice(0, -length - length.toString(16).length - 9),
      'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n')
  }
})

t.test('several pieces, empty ones too, are one chunked body', async t => {
  for (const pieces of [[''], ['', ''], ['', 'a'], ['a', ''], ['a', 'b', ''], ['a', 'bcd', 'e']]) {
    const { reading, text } = relay(CHUNKED, pieces)
    t.same([reading.verdict, reading.body, reading.consumed], ['complete', pieces.join(''), text.length], pieces.join('|'))
  }
})

t.test('trailers follow the last chunk', async t => {
  for (const pieces of [[''], ['a'], ['a', ''], ['a', 'b']]) {
    const { reading, text } = relay(CHUNKED, pieces, { trailers: 'X-Sum: 1\r\n' })
    t.same([reading.verdict, reading.body, reading.trailers, reading.consumed], ['complete', pieces.join(''), [['X-Sum', '1']], text.length])
  }
})

t.test('a body until close becomes chunked', async t => {
  const { reading, keepAlive } = relay('HTTP/1.0 200 OK\r\n\r\n', ['abc', 'def'])
  t.same([reading.verdict, reading.body, keepAlive], ['complete', 'abcdef', true])
})

t.test('an HTTP/1.0 client gets a body until close, without framing and trailers', async t => {
  const { text, keepAlive, untilClose } = relay(CHUNKED, ['abc', 'def'], { minor: 0, trailers: 'X-Sum: 1\r\n' })
  t.equal(text, 'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\nX: y\r\n\r\nabcdef')
  t.same([keepAlive, untilClose], [false, true])
})

t.test('a body of known length goes as it is', async t => {
  const { text, writes } = relay('HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 06\r\n\r\n', ['abc', 'def'])
  t.equal(text, 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nDate: d\r\n\r\nabcdef')
  t.equal(writes, 2)
})

t.test('a write that the kernel has not taken whole is said to be pending', async t => {
  const subject = new ResponseWriter({ write: () => false }, new HttpDate(new FakeClock()))
  const bytes = Buffer.alloc(2000, 0x21)
  const end = RESPONSE_HEADROOM + bytes.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', RESPONSE_HEADROOM, 'latin1')
  const head = new ResponseHead({ maxHeadBytes: 4096, maxHeaderFields: 20 })
  head.parse(bytes, RESPONSE_HEADROOM, end)
  head.bodyFraming = head.framing(false)
  subject.head(head, NOTHING, true)
  t.equal(subject.end(bytes, head.end, end, undefined), false)
})

t.test('the framing of an attempt that failed after its head is forgotten', async t => {
  const { subject, written } = createWriter()
  for (const text of [CHUNKED, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello']) {
    const parsed = new ResponseHead({ maxHeadBytes: 4096, maxHeaderFields: 20 })
    const buf = Buffer.alloc(RESPONSE_HEADROOM + text.length + READ_TAILROOM)
    const end = RESPONSE_HEADROOM + buf.write(text, RESPONSE_HEADROOM, 'latin1')
    t.equal(parsed.parse(buf, RESPONSE_HEADROOM, end), 1)
    parsed.bodyFraming = parsed.framing(false)
    subject.head(parsed, NOTHING, true)
    if (text !== CHUNKED) subject.end(buf, parsed.end, end, undefined)
  }
  t.match(written.join(''), /\r\nContent-Length: 5\r\n\r\nhello$/)
})
