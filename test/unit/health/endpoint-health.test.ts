import t from 'tap'
import { EndpointHealth } from '../../../src/health/endpoint-health.ts'

const ejection = { cause: 'consecutive-failures', sinceMs: 100, untilMs: 10_100, detail: 'because' } as const
const failing = (sinceMs: number) => ({ healthy: false, sinceMs, detail: 'status 500' })
const healthy = (sinceMs: number) => ({ healthy: true, sinceMs, detail: 'status 200' })

function watched () {
  const health = new EndpointHealth('10.0.0.1:80')
  const seen: boolean[] = []
  health.watch({ onHealthChange: () => { seen.push(health.available) } })
  return { health, seen }
}

t.test('an endpoint is available until something speaks against it', async t => {
  const { health } = watched()
  t.equal(health.available, true)
  t.same(health.reasons(), [])
})

t.test('an ejection and a failed check each make it unavailable, and both are given as reasons', async t => {
  const { health, seen } = watched()
  health.eject(ejection, 1)
  health.applyCheck('r v', failing(200), 200)
  t.same(health.reasons(), [
    { kind: 'ejected', sinceMs: 100, untilMs: 10_100, detail: 'because' },
    { kind: 'check-failed', sinceMs: 200, untilMs: null, detail: 'status 500' }
  ])
  health.endEjection(10_100)
  t.equal(health.available, false, 'the check still fails')
  health.applyCheck('r v', healthy(11_000), 11_000)
  t.same(seen, [false, false, false, true], 'who watches is told each time')
})

t.test('after an ejection it is on trial until the first success', async t => {
  const { health } = watched()
  health.failed()
  health.eject(ejection, 1)
  health.endEjection(10_100)
  t.match(health, { available: true, inTrial: true, failuresInARow: 0 })
  t.match(health.reasons(), [{ kind: 'trial', sinceMs: 10_100 }])
  health.succeeded()
  t.match(health, { inTrial: false })
  t.same(health.reasons(), [])
})

t.test('the head of a good answer ends a trial before its body does', async t => {
  const { health } = watched()
  health.eject(ejection, 1)
  health.endEjection(10_100)
  health.responded()
  t.equal(health.inTrial, false)
})

t.test('the count of ejections falls while it is well', async t => {
  const { health } = watched()
  t.equal(health.ejectionsAt(0, 1_000), 1)
  for (const count of [1, 2, 3]) {
    t.equal(health.ejectionsAt(10_100, 1_000), count)
    health.eject(ejection, count)
    health.endEjection(10_100)
  }
  t.same([10_100, 11_099, 11_100, 12_100, 99_000].map(nowMs => health.ejectionsAt(nowMs, 1_000)), [4, 4, 3, 2, 1])
})

t.test('a check that only repeats itself tells nobody', async t => {
  const { health, seen } = watched()
  health.applyCheck('r v', healthy(1), 1)
  health.applyCheck('r v', healthy(1), 2)
  t.same(seen, [])
  health.applyCheck('r v', failing(3), 3)
  health.applyCheck('r v', { ...failing(3), detail: 'timeout' }, 4)
  t.same(seen, [false])
  t.match(health.reasons(), [{ detail: 'timeout' }])
})

t.test('one failed check of several is enough, and a check that is dropped no longer counts', async t => {
  const { health } = watched()
  health.applyCheck('a', failing(1), 1)
  health.applyCheck('b', failing(2), 2)
  health.applyCheck('a', healthy(3), 3)
  t.equal(health.available, false)
  health.applyCheck('b', undefined, 4)
  t.equal(health.available, true)
  t.equal(health.checkFailing, false)
})

t.test('passing again after a failure starts slowly', async t => {
  const { health } = watched()
  t.equal(health.readySinceMs, Number.NEGATIVE_INFINITY)
  health.applyCheck('a', healthy(5), 5)
  t.equal(health.readySinceMs, Number.NEGATIVE_INFINITY, 'the first pass is no recovery')
  health.applyCheck('a', failing(6), 6)
  health.applyCheck('a', healthy(700), 700)
  t.equal(health.readySinceMs, 700)
})
