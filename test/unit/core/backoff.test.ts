import t from 'tap'
import { backoffMs } from '../../../src/core/backoff.ts'

const BOUNDS = { baseMs: 100, maxMs: 10_000 }

t.test('doubles up to the bound', async t => {
  const waits = [1, 2, 3, 4, 7, 8, 20, 1_000_000].map(attempt => backoffMs(attempt, BOUNDS, () => 1 - 2 ** -53))
  t.strictSame(waits.map(Math.round), [100, 200, 400, 800, 6_400, 10_000, 10_000, 10_000])
})

t.test('half of it is jitter', async t => {
  t.equal(backoffMs(1, BOUNDS, () => 0), 50)
  t.equal(backoffMs(1, BOUNDS, () => 0.5), 75)
  t.equal(backoffMs(50, BOUNDS, () => 0), 5_000)
})
