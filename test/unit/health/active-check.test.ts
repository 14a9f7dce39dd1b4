import t from 'tap'
import { ActiveCheck } from '../../../src/health/active-check.ts'

const policy = { intervalMs: 1_000, jitter: 0.2, rise: 2, fall: 3 }
const passed = { passed: true, detail: 'status 200' }
const failed = { passed: false, detail: 'status 503' }
const middle = () => 2 ** 31

t.test('is healthy until the first result, which decides at once', async t => {
  const check = new ActiveCheck(policy, middle, 0)
  t.match(check, { healthy: true, detail: 'not probed yet' })
  t.equal(check.record(failed, 50), true)
  t.match(check, { healthy: false, sinceMs: 50, detail: 'status 503' })
  t.equal(new ActiveCheck(policy, middle, 0).record(passed, 50), false)
})

t.test('turns after `fall` failures in a row, and back after `rise` passes', async t => {
  const check = new ActiveCheck(policy, middle, 0)
  const turns = [passed, failed, failed, passed, failed, failed, failed, passed, failed, passed, passed]
    .map((result, index) => check.record(result, (index + 1) * 1_000) ? index : -1)
    .filter(index => index >= 0)
  t.same(turns, [6, 10], 'a result that agrees with the state starts the count anew')
  t.match(check, { healthy: true, sinceMs: 11_000, detail: 'status 200' })
})

t.test('the detail is that of the latest result which agrees with the state', async t => {
  const check = new ActiveCheck(policy, middle, 0)
  check.record(failed, 1)
  check.record(passed, 2)
  t.equal(check.detail, 'status 503')
  check.record({ passed: false, detail: 'x'.repeat(10_000) }, 3)
  t.equal(check.detail.length, 200, 'and has a bound, as it may come from the endpoint')
})

t.test('probes are spread', async t => {
  t.equal(new ActiveCheck(policy, () => 0, 5_000).nextProbeMs, 5_000)
  t.equal(new ActiveCheck(policy, middle, 5_000).nextProbeMs, 5_100, 'the first within `jitter` intervals')
  const next = (draw: number) => {
    const check = new ActiveCheck(policy, () => draw, 0)
    check.record(passed, 3_000)
    return Math.round(check.nextProbeMs)
  }
  t.same([next(0), next(2 ** 31), next(-1)], [3_800, 4_000, 4_200])
})

t.test('a new policy keeps the state, and does not wait for the end of an interval that was longer', async t => {
  const check = new ActiveCheck({ ...policy, intervalMs: 3_600_000 }, middle, 0)
  check.record(failed, 10)
  check.configure({ ...policy, rise: 1 }, 20)
  t.match(check, { healthy: false, nextProbeMs: 1_020 })
  t.equal(check.record(passed, 30), true)
})

t.test('a probe that could not be made says nothing, and the next one is not due sooner', async t => {
  const check = new ActiveCheck(policy, middle, 0)
  check.record(passed, 0)
  for (let count = 0; count < 10; count++) t.equal(check.record({ passed: false, detail: 'EMFILE', unmade: true }, 5_000), false)
  t.match(check, { healthy: true, detail: 'status 200', nextProbeMs: 6_000 })
})
