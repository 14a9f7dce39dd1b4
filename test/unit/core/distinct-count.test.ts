import t from 'tap'
import { DistinctCount } from '../../../src/core/distinct-count.ts'
import { mix32 } from '../../../src/core/hash.ts'

function countOf (first: number, things: number): DistinctCount {
  const count = new DistinctCount()
  for (let thing = first; thing < first + things; thing++) count.add(mix32(Math.imul(thing, 0x9e3779b1)))
  return count
}

t.test('things are counted once, and the truth is in the interval', async t => {
  for (const things of [0, 1, 12, 200, 3_000, 100_000]) {
    const count = countOf(0, things)
    const [low, high] = count.interval
    t.ok(low <= things && things <= high, `${things} between ${low} and ${high}`)
    t.ok(high - low <= 2 + things / 5, `${high - low} wide`)
    t.equal(count.add(mix32(0)), things === 0, 'what was seen before changes nothing')
  }
})

t.test('two together have what either has seen', async t => {
  const both = countOf(0, 1_000)
  both.merge(countOf(500, 1_000).bytes)
  t.same(both.bytes, countOf(0, 1_500).bytes)
  t.same(new DistinctCount(both.bytes).bytes, both.bytes)
})

t.test('registers that nobody could have written do no harm', async t => {
  for (const bytes of [new Uint8Array(3).fill(255), new Uint8Array(9_999).fill(255), new Uint8Array()]) {
    const { estimate, interval } = new DistinctCount(bytes)
    t.ok(Number.isFinite(estimate) && interval.every(Number.isFinite))
  }
})
