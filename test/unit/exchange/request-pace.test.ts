/** How long the next piece of a request's body may take. */
import fc from 'fast-check'
import t from 'tap'
import { RequestPace } from '../../../src/exchange/exchange-waits.ts'

const SILENCE_MS = 30_000
const RATE = 100

/** A body that has begun at 1,000,000 with so many bytes. */
function paceWith (bytes: number): { readonly pace: RequestPace, readonly add: (length: number) => void } {
  const pace = new RequestPace()
  pace.begin(false, bytes, 1_000_000)
  return { pace, add: length => { pace.piece(length, false) } }
}

/** Is it the rate, and not a silence, that the deadline of the next piece was set by? */
function tooSlow (pace: RequestPace): boolean { return pace.overdue[0] === 'body_too_slow' }

t.test('without a rate it is the longest silence', async t => {
  const { pace } = paceWith(0)
  t.equal(pace.pieceTimeMs(9_000_000, SILENCE_MS, 0), SILENCE_MS)
  t.equal(tooSlow(pace), false)
})

t.test('at first it is the longest silence, later what the bytes so far have earned', async t => {
  const { pace, add } = paceWith(0)
  t.equal(pace.pieceTimeMs(1_000_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(tooSlow(pace), false, 'nothing for so long is a silence')
  add(1_000)
  t.equal(pace.pieceTimeMs(1_005_000, SILENCE_MS, RATE), SILENCE_MS, 'ten seconds earned, five used')
  t.equal(tooSlow(pace), false)
  t.equal(pace.pieceTimeMs(1_025_000, SILENCE_MS, RATE), 15_000)
  t.equal(tooSlow(pace), true)
  t.equal(pace.pieceTimeMs(1_039_999.5, SILENCE_MS, RATE), 1)
  t.equal(pace.pieceTimeMs(2_000_000, SILENCE_MS, RATE), 1, 'at once: a deadline of 0 would be none')
  add(100_000)
  t.equal(pace.pieceTimeMs(1_040_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(tooSlow(pace), false)
})

t.test('what came with the head counts, and the body of before does not', async t => {
  t.equal(paceWith(50).pace.pieceTimeMs(1_020_000, SILENCE_MS, RATE), 10_500)
  const { pace, add } = paceWith(0)
  add(1_000_000)
  pace.begin(false, 0, 2_000_000)
  t.equal(pace.pieceTimeMs(2_020_000, SILENCE_MS, RATE), 10_000)
})

t.test('while the body is paused the rate does not matter, and the time does not count', async t => {
  const { pace } = paceWith(0)
  t.equal(pace.pause(1_010_000), true)
  t.equal(pace.pause(1_011_000), false, 'it is paused already')
  t.equal(pace.pieceTimeMs(1_500_000, SILENCE_MS, RATE), SILENCE_MS)
  t.equal(tooSlow(pace), false)
  t.equal(pace.resume(1_510_000), true)
  t.equal(pace.resume(1_511_000), false)
  t.equal(pace.pieceTimeMs(1_510_000, SILENCE_MS, RATE), 20_000, 'as at 1,010,000')
})

t.test('a body that is complete is not paused', async t => {
  const { pace } = paceWith(0)
  pace.piece(1, true)
  t.equal(pace.pause(1_000_000), false)
})

t.test('a sender that meets each deadline has kept to the rate, and one that keeps to the rate meets each', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(fc.record({
    waitMs: fc.integer({ min: 1, max: SILENCE_MS }), bytes: fc.integer({ min: 1, max: 5_000 })
  }), { maxLength: 40 }), pieces => {
    const { pace, add } = paceWith(0)
    let nowMs = 1_000_000
    let total = 0
    for (const { waitMs, bytes } of pieces) {
      const mayTake = pace.pieceTimeMs(nowMs, SILENCE_MS, RATE)
      nowMs += waitMs
      const earnedMs = SILENCE_MS + total / RATE * 1_000
      const keepsRate = nowMs - 1_000_000 <= earnedMs
      // A deadline is never at once.
      if (mayTake > 1 && (waitMs <= mayTake) !== keepsRate) return false
      if (!keepsRate) return tooSlow(pace)
      add(bytes)
      total += bytes
    }
    return true
  })))
})
