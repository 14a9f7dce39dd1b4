import fc from 'fast-check'
import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import type { RequestAdditions } from '../../../src/http1/rewrite-request-head.ts'
import type { BodyPiece } from '../../../src/proxy/body-piece.ts'
import { OutBuffer } from '../../../src/proxy/out-buffer.ts'
import { RequestRelay } from '../../../src/proxy/request-relay.ts'

/** Room for framing around a piece, as read buffers have it. */
const ROOM = 64

const ADDITIONS: RequestAdditions = { prefix: Buffer.from('Via: 1.1 weir\r\nX-Request-Id: '), requestId: Buffer.from('1'), forwardedHost: undefined, defaultHost: 'h' }

/** A connection that keeps what was written to it. */
class Written extends OutBuffer {
  readonly pieces: Buffer[] = []

  replaceOut (out: Buffer, outLength: number): void {
    this.out = out
    this.outLength = outLength
  }

  write (bytes: Buffer): boolean {
    this.pieces.push(Buffer.from(bytes))
    return true
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
function relay (pieces: readonly Buffer[], chunked: boolean, replayBytes: number) {
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const request = new RequestRelay()
  const target = new Written()
  const head = headOf(chunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${total}\r\n`)
  const [first = Buffer.alloc(0), ...others] = pieces
  const opening = pieceOf(first, others.length === 0)
  request.reset(head, opening, 0)
  request.writeHead(target, head, ADDITIONS, opening)
  const sentFirst = Buffer.from(target.kept)
  others.forEach((bytes, index) => { request.writeBody(target, pieceOf(bytes, index === others.length - 1), replayBytes) })
  return { request, kept: target.kept, sent: Buffer.concat([sentFirst, ...target.pieces]), allocated: target.out.length }
}

const piecesOf = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }).map(bytes => Buffer.from(bytes)), { minLength: 1, maxLength: 12 })

t.test('what is kept is byte for byte what was sent, as long as it is kept', async t => {
  fc.assert(fc.property(piecesOf, fc.boolean(), fc.integer({ min: 0, max: 4_000 }), (pieces, chunked, replayBytes) => {
    const { request, kept, sent, allocated } = relay(pieces, chunked, replayBytes)
    const fits = pieces.length === 1 || sent.length <= replayBytes
    return request.done && request.whole === fits && (!fits || kept.equals(sent)) && (pieces.length === 1 || fits || kept.length <= Math.max(replayBytes, sent.length - 1)) &&
      allocated <= Math.max(replayBytes, 4_096)
  }), { numRuns: 300 })
  t.pass('300 requests')
})

t.test('a request of exactly the bound is kept, one byte more is not', async t => {
  const pieces = [Buffer.alloc(100, 'a'), Buffer.alloc(100, 'b')]
  const { length } = relay(pieces, false, 10_000).sent
  t.equal(relay(pieces, false, length).request.whole, true)
  t.equal(relay(pieces, false, length - 1).request.whole, false)
})

t.test('what comes together with the head is kept even without a buffer', async t => {
  t.equal(relay([Buffer.alloc(500, 'a')], false, 0).request.whole, true)
  t.equal(relay([Buffer.alloc(500, 'a'), Buffer.alloc(1)], false, 0).request.whole, false)
})

t.test('once it was not kept whole, it never is again', async t => {
  const request = new RequestRelay()
  const target = new Written()
  const head = headOf('Transfer-Encoding: chunked\r\n')
  const opening = pieceOf(Buffer.alloc(10), false)
  request.reset(head, opening, 0)
  request.writeHead(target, head, ADDITIONS, opening)
  request.writeBody(target, pieceOf(Buffer.alloc(600), false), 500)
  request.writeBody(target, pieceOf(Buffer.alloc(1), false), 10_000)
  t.equal(request.whole, false)
})

t.test('what is not kept whole is not kept at all, but for its head', async t => {
  const { request, allocated } = relay([Buffer.alloc(2_000), Buffer.alloc(3_000), Buffer.alloc(3_000)], true, 6_000)
  t.ok(allocated < 1_000, `${allocated} bytes`)
  t.equal(request.sentHead(new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 }))?.path(), '/p')
})

t.test('the head can be read again after the request has been kept in larger memory', async t => {
  const { request } = relay([Buffer.alloc(10), Buffer.alloc(3_000), Buffer.alloc(3_000)], true, 10_000)
  const head = request.sentHead(new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 }))
  t.same([head?.method(), head?.path()], ['PUT', '/p'])
  request.release()
  t.equal(request.sentHead(new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 })), null)
})
