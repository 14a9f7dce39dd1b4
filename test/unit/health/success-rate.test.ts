import t from 'tap'
import { worstRate } from '../../../src/health/outlier-ejection.ts'
import { SUCCESS_RATE } from '../../helpers/health-policy.ts'

/** Samples of 200 requests each, from the number of failures. */
const failing = (...failures: number[]) => failures.map(failures => ({ requests: 200, failures }))

t.test('finds the one that is far worse than the others', async t => {
  t.same(worstRate(failing(0, 1, 80, 0, 2), SUCCESS_RATE), { index: 2, rate: 0.6, others: (1 + 0.995 + 1 + 0.99) / 4 })
  t.equal(worstRate(failing(60, 0, 0), SUCCESS_RATE)?.index, 0, 'among three as well')
})

t.test('one of two that are bad is found, and the other one after it', async t => {
  const samples = failing(0, 0, 0, 0, 0, 60, 120)
  t.equal(worstRate(samples, { ...SUCCESS_RATE, stdevFactor: 1.9 })?.index, 6)
  t.equal(worstRate(samples.slice(0, 6), SUCCESS_RATE)?.index, 5)
})

t.test('a small deviation is none, however alike the others are', async t => {
  t.equal(worstRate(failing(0, 0, 0, 0, 18), SUCCESS_RATE), undefined)
  t.equal(worstRate(failing(0, 0, 0, 0, 22), SUCCESS_RATE)?.index, 4)
})

t.test('what chance does among endpoints that are equally bad singles out none', async t => {
  t.equal(worstRate(failing(60, 52, 66, 71, 49, 82), SUCCESS_RATE), undefined)
  t.equal(worstRate(failing(60, 52, 66, 71, 49, 160), SUCCESS_RATE)?.index, 5, 'one that is worse still stands out')
})

t.test('of equals none is the worst, even if the policy allows any difference', async t => {
  t.equal(worstRate(failing(0, 0, 0), { ...SUCCESS_RATE, minDifference: 0 }), undefined)
  t.equal(worstRate(failing(200, 200, 200), { ...SUCCESS_RATE, minDifference: 0 }), undefined)
})

t.test('too few endpoints are not compared', async t => {
  t.equal(worstRate(failing(0, 200), SUCCESS_RATE), undefined)
  t.equal(worstRate(failing(0, 200), { ...SUCCESS_RATE, minEndpoints: 2 })?.index, 1)
  t.equal(worstRate(failing(200), { ...SUCCESS_RATE, minEndpoints: 0 }), undefined)
  t.equal(worstRate([], { ...SUCCESS_RATE, minEndpoints: 0 }), undefined)
})
