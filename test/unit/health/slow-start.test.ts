import t from 'tap'
import { ALWAYS_READY, SlowStart } from '../../../src/health/endpoint-health.ts'

t.test('grows in a straight line from the minimum to all of the share', async t => {
  const slowStart = new SlowStart({ windowMs: 10_000, minShare: 0.1 })
  t.equal(slowStart.factor(1_000, 1_000), 0.1)
  t.ok(Math.abs(slowStart.factor(1_000, 6_000) - 0.55) < 1e-9)
  t.equal(slowStart.factor(1_000, 11_000), 1)
  t.equal(slowStart.factor(1_000, 99_000), 1)
})

t.test('an endpoint that never was new gets its share at once', async t => {
  t.equal(new SlowStart({ windowMs: 10_000, minShare: 0.1 }).factor(ALWAYS_READY, 0), 1)
})

t.test('without a window there is no slow start, even if the clock that is at hand lags behind', async t => {
  const off = new SlowStart({ windowMs: 0, minShare: 0.1 })
  t.same([off.factor(5, 5), off.factor(5, 4)], [1, 1])
  t.equal(new SlowStart({ windowMs: 10, minShare: 0.1 }).factor(5, 4), 0.1)
})
