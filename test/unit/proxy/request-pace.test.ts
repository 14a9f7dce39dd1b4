/** How long the next piece of a request's body may take. */
import fc from 'fast-check'
import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { RequestRelay } from '../../../src/proxy/request-relay.ts'
import type { UpstreamConnection } from '../../../src/upstream/upstream-connection.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

const SILENCE_MS = 30_000
const RATE = 100

/** The only thing about a connection that matters here. */
function taking (): UpstreamConnection {
  const connection = { write: () => true, out: Buffer.alloc(0), outLength: 0, replaceOut () {} }
  return connection as unknown as UpstreamConnection // a stand-in: nothing else of it is used
}

/** A relay whose body has begun at 1,000,000 with so many bytes. */
function relayWith (bytes: number): { readonly relay: RequestRelay, readonly add: (length: number) => void } {
  const head = new RequestHead(WIDE_LIMITS)
  const buf = latin1('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n')
  head.reset(buf, 0)
  head.parse(buf.length)
  const relay = new RequestRelay()
  relay.reset(head, { buf, start: 0, end: bytes, last: false, trailers: undefined }, 1_000_000)
  return { relay, add: length => { relay.writeBody(taking(), { buf: Buffer.alloc(length), start: 0, end: length, last: false, trailers: undefined }, 0) } }
}

t.test('without a rate it is the longest silence', async t => {
  const { relay } = relayWith(0)
  t.equal(relay.pieceTimeMs(9_000_000, SILENCE_MS, 0), SILENCE_MS)
  t.equal(relay.tooSlow, false)
})

t.test('at first it is the longest silence, later what the bytes so far have earned', async t => {
  const { relay, add } = relayWith(0)
  t.equal(relay.pieceTimeMs(1_000_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(relay.tooSlow, false, 'nothing for so long is a silence')
  add(1_000)
  t.equal(relay.pieceTimeMs(1_005_000, SILENCE_MS, RATE), SILENCE_MS, 'ten seconds earned, five used')
  t.equal(relay.tooSlow, false)
  t.equal(relay.pieceTimeMs(1_025_000, SILENCE_MS, RATE), 15_000)
  t.equal(relay.tooSlow, true)
  t.equal(relay.pieceTimeMs(1_039_999.5, SILENCE_MS, RATE), 1)
  t.equal(relay.pieceTimeMs(2_000_000, SILENCE_MS, RATE), 1, 'at once: a deadline of 0 would be none')
  add(100_000)
  t.equal(relay.pieceTimeMs(1_040_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(relay.tooSlow, false)
})

t.test('what came with the head counts, and the body of before does not', async t => {
  t.equal(relayWith(50).relay.pieceTimeMs(1_020_000, SILENCE_MS, RATE), 10_500)
  const { relay, add } = relayWith(0)
  add(1_000_000)
  const head = new RequestHead(WIDE_LIMITS)
  const buf = latin1('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  head.reset(buf, 0)
  head.parse(buf.length)
  relay.reset(head, { buf, start: 0, end: 0, last: false, trailers: undefined }, 2_000_000)
  t.equal(relay.pieceTimeMs(2_020_000, SILENCE_MS, RATE), 10_000)
})

t.test('while the body is held up the rate does not matter, and the time does not count', async t => {
  const { relay } = relayWith(0)
  t.equal(relay.hold(1_010_000), true)
  t.equal(relay.hold(1_011_000), false, 'it is held already')
  t.equal(relay.pieceTimeMs(1_500_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(relay.tooSlow, false)
  t.equal(relay.letGo(1_510_000), true)
  t.equal(relay.letGo(1_511_000), false)
  t.equal(relay.pieceTimeMs(1_510_000, SILENCE_MS, RATE), 20_000, 'as at 1,010,000')
})

t.test('a body that is complete is not held', async t => {
  const { relay } = relayWith(0)
  relay.writeBody(taking(), { buf: Buffer.alloc(1), start: 0, end: 1, last: true, trailers: undefined }, 0)
  t.equal(relay.hold(1_000_000), false)
})

t.test('a sender that meets each deadline has kept to the rate, and one that keeps to the rate meets each', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(fc.record({ waitMs: fc.integer({ min: 1, max: SILENCE_MS }), bytes: fc.integer({ min: 1, max: 5_000 }) }), { maxLength: 40 }), pieces => {
    const { relay, add } = relayWith(0)
    let nowMs = 1_000_000
    let total = 0
    for (const { waitMs, bytes } of pieces) {
      const mayTake = relay.pieceTimeMs(nowMs, SILENCE_MS, RATE)
      nowMs += waitMs
      const earnedMs = SILENCE_MS + total / RATE * 1_000
      const keepsRate = nowMs - 1_000_000 <= earnedMs
      // A deadline is never at once.
      if (mayTake > 1 && (waitMs <= mayTake) !== keepsRate) return false
      if (!keepsRate) return relay.tooSlow
      add(bytes)
      total += bytes
    }
    return true
  })))
})
