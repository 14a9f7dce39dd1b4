import fc from 'fast-check'
import t from 'tap'
import { createRateTable, RateLimiter } from '../../../src/actions/rate-limiter.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

const START_MS = Date.UTC(2026, 10, 30)

/** A bucket of tokens as a book would have it. */
class Bucket {
  #tokens: number
  #atMs: number
  readonly #perMs: number
  readonly #burst: number

  constructor (perMs: number, burst: number, nowMs: number) {
    this.#perMs = perMs
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  take (nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

t.test('a client has what a bucket of tokens would give it, never more, and hardly less', async t => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1_000 }), fc.constantFrom(1_000, 60_000, 86_400_000), fc.integer({ min: 1, max: 5_000 }),
    fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 8 }),
    (requests, perMs, burst, gaps, shift) => {
      const limiter = new RateLimiter({ requests, perMs, burst }, createRateTable(64, 7))
      const generous = new Bucket(requests / perMs, burst + 1, START_MS)
      let nowMs = START_MS
      let granted = 0
      let owed = 0
      const strict = new Bucket(requests / perMs, burst, START_MS)
      for (const gap of gaps) {
        nowMs += gap * shift * 100
        if (limiter.take(5, nowMs) === 0) {
          granted++
          // The ticks of the clock are coarser than a book: one token of difference at most.
          if (!generous.take(nowMs)) throw new Error('more than the bucket has')
        }
        if (strict.take(nowMs)) owed++
      }
      if (granted < owed - 1 - owed / 100) throw new Error(`${granted} of ${owed}`)
    }
  ), { numRuns: propertyRuns(60) })
  t.pass()
})

t.test('the time to wait is that of the next token', async t => {
  const limiter = new RateLimiter({ requests: 10, perMs: 60_000, burst: 3 }, createRateTable(64, 1))
  for (let index = 0; index < 3; index++) t.equal(limiter.take(1, START_MS), 0)
  const waitMs = limiter.take(1, START_MS)
  t.ok(waitMs > 5_990 && waitMs <= 6_010, `${waitMs} ms`)
  t.ok(limiter.take(1, START_MS + waitMs - 50) > 0)
  t.equal(limiter.take(1, START_MS + waitMs + 10), 0)
})

t.test('workers share a table: together they give one bucket', async t => {
  const table = createRateTable(64, 1)
  const spec = { requests: 5, perMs: 1_000, burst: 5 }
  const [one, other] = [new RateLimiter(spec, table), new RateLimiter(spec, table)]
  const taken = Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? one : other).take(9, START_MS))
  t.equal(taken.filter(waitMs => waitMs === 0).length, 5)
})

t.test('of more clients than there are places those are forgotten that have used the least', async t => {
  const limiter = new RateLimiter({ requests: 10, perMs: 1_000_000, burst: 10 }, createRateTable(8, 1))
  for (let index = 0; index < 10; index++) limiter.take(1, START_MS)
  for (let client = 2; client < 500; client++) limiter.take(client, START_MS)
  t.ok(limiter.take(1, START_MS) > 0, 'the one with an empty bucket is remembered')
  t.equal(createRateTable(16_384, 1).byteLength, 16_384 * 12 + 64)
})

t.test('a clock that is set back or ahead, or has gone round, keeps nobody waiting for longer than for a full bucket', async t => {
  for (const jumpMs of [-86_400_000 * 400, -3_600_000, -1, 86_400_000 * 30, 86_400_000 * 4_000]) {
    const limiter = new RateLimiter({ requests: 1, perMs: 1_000, burst: 4 }, createRateTable(64, 1))
    for (let index = 0; index < 5; index++) limiter.take(1, START_MS)
    const waitMs = limiter.take(1, START_MS + jumpMs)
    t.ok(waitMs <= 1_000, `${jumpMs}: ${waitMs}`)
    t.equal(limiter.take(1, START_MS + jumpMs + 4_000), 0)
  }
})

t.test('a client that has been quiet is never refused, however long, and however fast the clock goes round', async t => {
  for (const spec of [
    { requests: 1_000, perMs: 1_000, burst: 1_000 }, { requests: 10_000, perMs: 1_000, burst: 100 }, { requests: 1_000_000, perMs: 1_000, burst: 1 },
    { requests: 1, perMs: 86_400_000, burst: 1 }
  ]) {
    const table = createRateTable(64, 7)
    const limiter = new RateLimiter(spec, table)
    const fillMs = spec.burst * spec.perMs / spec.requests
    let refused = 0
    let nowMs = START_MS
    for (let gapMs = fillMs; gapMs < fillMs + 5_000_000; gapMs += 4_999) {
      nowMs += gapMs
      for (let index = 0; index < Math.min(spec.burst, 20); index++) if (limiter.take(1, nowMs) > 0) refused++
    }
    t.equal(refused, 0, `${spec.requests} in ${spec.perMs} ms`)
  }
})

t.test('a million clients leave a new one its bucket', async t => {
  const limiter = new RateLimiter({ requests: 1, perMs: 60_000, burst: 3 }, createRateTable(1_024, 3))
  for (let client = 1; client <= 1_000_000; client++) limiter.take(client * 2_654_435 | 0, START_MS + client / 100)
  let refused = 0
  for (let client = 1; client <= 1_000; client++) {
    for (let index = 0; index < 3; index++) if (limiter.take(-client, START_MS + 10_000) > 0) refused++
  }
  t.equal(refused, 0)
})
