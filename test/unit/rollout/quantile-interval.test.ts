import t from 'tap'
import { quantileOf } from '../../../src/rollout/quantile-interval.ts'

/** A bucket for each of 1 … n, with one request in each. */
function oneEach (n: number): readonly [counts: readonly number[], bounds: readonly number[]] {
  return [Array.from({ length: n }, () => 1), Array.from({ length: n }, (_, index) => index + 1)]
}

t.test('ranks are those of the tables of order statistics', async t => {
  // Conover, Practical Nonparametric Statistics, table A3: n = 20, median: the 6th and the 15th.
  t.same(quantileOf(...oneEach(20), 0.5), { value: 10, interval: [5, 15] })
  t.same(quantileOf(...oneEach(10), 0.5), { value: 5, interval: [1, 9] }, 'the 2nd and the 9th of ten')
  t.match(quantileOf(...oneEach(1_000), 0.5), { value: 500, interval: [468, 532] })
  t.match(quantileOf(...oneEach(2_000), 0.99)?.interval, [1_970, 1_989])
})

t.test('too few requests have no upper end of a high quantile', async t => {
  t.same(quantileOf(...oneEach(10), 0.99)?.interval[1], null)
  t.same(quantileOf([3], [5], 0.5)?.interval, [0, null])
  t.equal(quantileOf([], [], 0.5), null)
  t.equal(quantileOf([0, 0], [1], 0.5), null)
})

t.test('what is past the last bound is not known', async t => {
  t.same(quantileOf([0, 0, 100], [1, 2], 0.9), { value: null, interval: [2, null] })
  t.same(quantileOf([100, 0, 0], [1, 2], 0.9), { value: 0.9, interval: [0, 1] })
})
