import t from 'tap'
import { READ_TAILROOM } from '../../../src/http1/chunk-framing.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { MAX_ADDED_BYTES, RESPONSE_HEADROOM } from '../../../src/http1/rewrite-response-head.ts'
import { fieldEdits } from '../../../src/http/field-edits.ts'
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
function relay (head: string, pieces: readonly string[], { minor = 1, trailers = '', fields = NOTHING } = {}): Relayed {
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
      keepAlive = subject.head(parsed, fields, true)
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

t.test('edits take lines out and put theirs behind all others, however long they are', async t => {
  const ids = new RequestIds()
  for (const length of [1, 100, MAX_ADDED_BYTES - 100, MAX_ADDED_BYTES - 10, MAX_ADDED_BYTES, 5_000]) {
    const edits = fieldEdits({ removed: ['x', 'server'], added: [{ name: 'Set-Cookie', value: 'b' }, { name: 'X', value: 'c'.repeat(length) }] })
    for (const [pieces, trailers] of [[['']], [['body']], [['one', 'two', 'three'], 'T: 1\r\n']] as const) {
      const fields = new ResponseFields({ requestId: true, version: false }, ids).of({ requestId: 'i', requestNumber: 1, version: null }, edits)
      const { text, reading, writes } = relay('HTTP/1.1 200 OK\r\nx: 1\r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\nX: y\r\nDate: d\r\n\r\n', pieces, { trailers: trailers ?? '', fields })
      t.same([reading.verdict, reading.body, reading.consumed], ['complete', pieces.join(''), text.length])
      t.same(reading.head?.fields.filter(([name]) => !/^(transfer-encoding|x-request-id)$/i.test(name)), [
        ['Set-Cookie', 'a'], ['Date', 'd'], ['Set-Cookie', 'b'], ['X', 'c'.repeat(length)]
      ])
      if (length === 1 && trailers === undefined) t.equal(writes, pieces[0] === '' ? 2 : 1, 'head and body leave in one write')
    }
  }
})

t.test('edits hold for the head of a switch, and for one of another version of HTTP', async t => {
  const { subject } = createWriter()
  const edits = fieldEdits({ removed: ['x'], added: [{ name: 'Set-Cookie', value: 'b' }] })
  const bytes = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nX: 1\r\nUpgrade: a\r\nConnection: upgrade\r\nY: 2\r\n\r\n', 'latin1')
  const head = new ResponseHead({ maxHeadBytes: 4096, maxHeaderFields: 20 })
  head.parse(bytes, 0, bytes.length)
  t.equal(subject.interimBytes(head, 'Connection: Upgrade\r\n', edits).toString('latin1'),
    'HTTP/1.1 101 Switching Protocols\r\nY: 2\r\nConnection: Upgrade\r\nSet-Cookie: b\r\n\r\n')
  const foreign = { status: 204, length: -1, eachField: (visit: (name: string, value: string) => void) => { visit('X', '1'); visit('Y', '2') } }
  t.equal(subject.interimBytes(foreign, '', edits).toString('latin1'), 'HTTP/1.1 204 \r\nY: 2\r\nSet-Cookie: b\r\n\r\n')
})
