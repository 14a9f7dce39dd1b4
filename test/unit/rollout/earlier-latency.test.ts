import t from 'tap'
import { EarlierLatency } from '../../../src/rollout/earlier-latency.ts'
import { LATENCY_BOUNDS_S } from '../../../src/telemetry/counter-layout.ts'

/** Counts by the upper bound of the bucket in seconds; Infinity for the one without. */
function buckets (counts: Readonly<Record<string, number>>): number[] {
  return [...LATENCY_BOUNDS_S, Infinity].map(bound => counts[String(bound)] ?? 0)
}

function sum (...parts: ReadonlyArray<readonly number[]>): number[] {
  return LATENCY_BOUNDS_S.concat(Infinity).map((_, index) => parts.reduce((total, part) => total + (part[index] ?? 0), 0))
}

t.test('what was counted before the rollout is the first window, when it has 200 requests', t => {
  const few = new EarlierLatency()
  few.look(buckets({ 0.1: 199 }), 0)
  t.equal(few.p99Ms, 0)
  const enough = new EarlierLatency()
  // 200 requests between 50 and 100 ms: 99 % of the way through the bucket.
  enough.look(buckets({ 0.1: 200 }), 0)
  t.equal(Math.round(enough.p99Ms * 1_000) / 1_000, 99.5)
  t.end()
})

t.test('the percentile is interpolated in its bucket, whatever lies below', t => {
  const latency = new EarlierLatency()
  // The 990th of 1,000 is the 40th of the 50 between 100 and 250 ms.
  latency.look(buckets({ 0.005: 900, 0.05: 50, 0.25: 50 }), 0)
  t.equal(Math.round(latency.p99Ms), 220)
  const slow = new EarlierLatency()
  slow.look(buckets({ 0.1: 100, Infinity: 100 }), 0)
  t.equal(slow.p99Ms, 30_000, 'past the last bound there is nothing to interpolate to')
  t.end()
})

t.test('the slowest answers are those of one in 1,000, of few requests too; past the last bound they may take any time', t => {
  const latency = new EarlierLatency()
  latency.look(buckets({}), 0)
  t.equal(latency.slowestMs, 0)
  for (const [counts, slowestMs] of [[{ 5: 3 }, 4_998], [{ 0.1: 9_950, 5: 50 }, 4_500], [{ 0.1: 9_950, Infinity: 50 }, 30_000], [{ 0.1: 98, Infinity: 2 }, 1e12]] as const) {
    const slow = new EarlierLatency()
    slow.look(buckets(counts), 0)
    t.equal(Math.round(slow.slowestMs), slowestMs)
  }
  t.end()
})

t.test('one window follows the other: ten seconds and 200 requests', t => {
  const latency = new EarlierLatency()
  const before = buckets({ 0.1: 1_000 })
  latency.look(before, 0)
  const first = latency.p99Ms
  latency.look(sum(before, buckets({ 0.5: 300 })), 9_999)
  t.equal(latency.p99Ms, first, 'the window is not over')
  latency.look(sum(before, buckets({ 0.5: 199 })), 10_000)
  t.equal(latency.p99Ms, first, 'it has too few requests, and goes on')
  latency.look(sum(before, buckets({ 0.5: 200 })), 30_000)
  t.equal(Math.round(latency.p99Ms * 10) / 10, 497.5, 'of this window alone')
  t.end()
})

t.test('counters that begin anew begin another window', t => {
  const latency = new EarlierLatency()
  latency.look(buckets({ 0.1: 1_000 }), 0)
  const first = latency.p99Ms
  latency.look(buckets({ 0.5: 500 }), 20_000)
  t.equal(latency.p99Ms, first)
  latency.look(buckets({ 0.5: 700 }), 30_000)
  t.equal(Math.round(latency.p99Ms * 10) / 10, 497.5)
  t.end()
})
