import fc from 'fast-check'
import t from 'tap'
import type { BodyPiece, RequestEdits } from '../../../src/http/http-request.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { keepBytes, pieceBytes, writeRequest } from '../../../src/http1/request-writer.ts'
import type { RequestStore } from '../../../src/http1/request-writer.ts'

/** Room for framing around a piece, as read buffers have it. */
const ROOM = 64

const EDITS: RequestEdits = {
  prefix: Buffer.from('Via: 1.1 weir\r\nX-Request-Id: '),
  requestId: Buffer.from('1'),
  forwardedHost: undefined,
  defaultHost: 'h',
  dropClaims: true,
  fields: null
}

/** Sends as a call does, and takes down what it has sent. */
class Sender implements RequestStore {
  out = Buffer.alloc(2_048)
  outLength = 0
  headLength = 0
  chunked = false
  whole = true
  readonly pieces: Buffer[] = []

  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.out = Buffer.alloc(bytes)
    this.outLength = 0
  }

  body (piece: BodyPiece, maxKept: number): void {
    const bytes = pieceBytes(this, piece)
    if (bytes.length === 0) return
    if (this.whole) this.whole = keepBytes(this, bytes, maxKept)
    this.pieces.push(Buffer.from(bytes))
  }

  get kept (): Buffer { return this.out.subarray(0, this.outLength) }
}

function pieceOf (bytes: Buffer, last: boolean): BodyPiece {
  const buf = Buffer.alloc(bytes.length + 2 * ROOM)
  bytes.copy(buf, ROOM)
  return { buf, start: ROOM, end: ROOM + bytes.length, last, trailers: undefined }
}

function headOf (fields: string): RequestHead {
  const head = new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 })
  const bytes = Buffer.from(`PUT /p HTTP/1.1\r\nHost: h\r\n${fields}\r\n`)
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error('not a head')
  return head
}

/** Sends a body in pieces; what a second attempt would send, and what the first one has sent. */
function send (pieces: readonly Buffer[], chunked: boolean, replayBytes: number) {
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const sender = new Sender()
  const [first = Buffer.alloc(0), ...others] = pieces
  writeRequest(
    sender,
    headOf(chunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${total}\r\n`),
    EDITS,
    pieceOf(first, others.length === 0)
  )
  const sentFirst = Buffer.from(sender.kept)
  others.forEach((bytes, index) => { sender.body(pieceOf(bytes, index === others.length - 1), replayBytes) })
  return { whole: sender.whole, kept: sender.kept, sent: Buffer.concat([sentFirst, ...sender.pieces]), allocated: sender.out.length }
}

const piecesOf = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }).map(bytes => Buffer.from(bytes)), { minLength: 1, maxLength: 12 })

t.test('what is kept is byte for byte what was sent, as long as it is kept', async t => {
  fc.assert(fc.property(piecesOf, fc.boolean(), fc.integer({ min: 0, max: 4_000 }), (pieces, chunked, replayBytes) => {
    const { whole, kept, sent, allocated } = send(pieces, chunked, replayBytes)
    const fits = pieces.length === 1 || sent.length <= replayBytes
    const keepsNoMore = pieces.length === 1 || fits || kept.length <= Math.max(replayBytes, sent.length - 1)
    return whole === fits && (!fits || kept.equals(sent)) && keepsNoMore && allocated <= Math.max(replayBytes, 4_096)
  }), { numRuns: 300 })
  t.pass('300 requests')
})

t.test('a request of exactly the bound is kept, one byte more is not', async t => {
  const pieces = [Buffer.alloc(100, 'a'), Buffer.alloc(100, 'b')]
  const { length } = send(pieces, false, 10_000).sent
  t.equal(send(pieces, false, length).whole, true)
  t.equal(send(pieces, false, length - 1).whole, false)
})

t.test('what comes together with the head is kept even without a buffer', async t => {
  t.equal(send([Buffer.alloc(500, 'a')], false, 0).whole, true)
  t.equal(send([Buffer.alloc(500, 'a'), Buffer.alloc(1)], false, 0).whole, false)
})

t.test('once it was not kept whole, it never is again', async t => {
  const { whole } = send([Buffer.alloc(10), Buffer.alloc(600), Buffer.alloc(1)], true, 500)
  t.equal(whole, false)
})

t.test('what is not kept whole is not kept at all, but for its head', async t => {
  const { kept, allocated } = send([Buffer.alloc(2_000), Buffer.alloc(3_000), Buffer.alloc(3_000)], true, 6_000)
  t.ok(allocated < 1_000, `${allocated} bytes`)
  const head = new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 })
  head.reset(kept, 0)
  t.equal(head.parse(kept.length), 1)
  t.equal(head.path(), '/p')
})

t.test('the head can be read again after the request has been kept in larger memory', async t => {
  const { kept } = send([Buffer.alloc(10), Buffer.alloc(3_000), Buffer.alloc(3_000)], true, 10_000)
  const head = new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 })
  head.reset(kept, 0)
  t.equal(head.parse(kept.length), 1)
  t.same([head.method(), head.path()], ['PUT', '/p'])
})
