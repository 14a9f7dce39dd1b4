/**
 * What stops a version without any statistics, and what must not.
 */
import t from 'tap'
import { EvidenceBench, type Happened } from '../../helpers/evidence.ts'

const GOOD: Happened = { from: { requests: 75 }, to: { requests: 25 }, clients: 200 }

t.test('maxFailures: the cap is exact where the old version does not fail', async t => {
  const bench = new EvidenceBench({ maxErrorShare: null }).happen(GOOD, 5)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 7 } }, 7)
  t.not(bench.verdict().code, 'max_failures', '49 failures')
  bench.happen({ ...GOOD, to: { requests: 25, failures: 1 } })
  t.match(bench.verdict(), { verdict: 'fail', code: 'max_failures' })
  t.equal(bench.verdict().reason, '50 requests of users have failed on the new version beyond what the old one explains; maxFailures is 50.')
})

t.test('maxFailures: failures that another version has answered well are not charged, nor those of both', async t => {
  const bench = new EvidenceBench({ maxErrorIncrease: 0.99, maxErrorShare: null }).happen(GOOD, 5)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 20, rescued: 15, bothFailed: 5 } }, 30)
  t.not(bench.verdict().code, 'max_failures')
})

t.test('maxFailures: an outage of both versions is not charged', async t => {
  const bench = new EvidenceBench({ maxErrorShare: null }).happen(GOOD, 5)
  bench.happen({ ...GOOD, from: { requests: 75, failures: 60 }, to: { requests: 25, failures: 20 } }, 100)
  t.not(bench.verdict().verdict, 'fail')
})

t.test('maxFailures: of many clients one counts for a fifth of the cap, of few it counts whole', async t => {
  for (const clients of [200, 20]) {
    const bench = new EvidenceBench({ maxErrorShare: null }).happen({ ...GOOD, clients }, 5)
    for (let tick = 1; tick <= 30; tick++) bench.happen({ ...GOOD, to: { requests: 25, failures: 5 }, clients, heavy: { broken: 5 * tick } })
    t.equal(bench.verdict().code, clients === 200 ? 'one_client' : 'max_failures', `${clients} clients`)
  }
})

t.test('maxFailures: after 100 % what is known of the old version predicts', async t => {
  const known = new EvidenceBench({ maxErrorIncrease: 0.02 }, 1)
  known.baseline({ requests: 10_000, failures: 200 })
  known.happen({ to: { requests: 100, failures: 2 }, clients: 200 }, 400)
  t.not(known.verdict().verdict, 'fail', '800 failures, as the old version had')
  const unknown = new EvidenceBench({ maxErrorIncrease: 0.02 }, 1).happen({ to: { requests: 100, failures: 2 }, clients: 200 }, 26)
  t.equal(unknown.verdict().code, 'max_failures', 'raw where nothing is known')
})

t.test('maxErrorShare: pauses where the old version was as bad before', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 }, 1)
  bench.baseline({ requests: 10_000, failures: 2_000 })
  bench.happen({ to: { requests: 100, failures: 20 }, clients: 200 }, 5)
  t.match(bench.verdict(), { verdict: 'undecided', code: 'both_fail', pause: true })
})

t.test('maxErrorShare: one client of many does not fill it', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 }, 1)
  for (let tick = 1; tick <= 20; tick++) bench.happen({ to: { requests: 100, failures: 20 }, clients: 200, heavy: { broken: 19 * tick } })
  t.not(bench.verdict().code, 'error_share')
})

t.test('maxErrorShare: the first moments, in which the old version has few requests too, are no reason to judge alone', async t => {
  const bench = new EvidenceBench().happen({ from: { requests: 18, failures: 11 }, to: { requests: 22, failures: 13 }, clients: 30 })
  t.not(bench.verdict().verdict, 'fail')
  const alone = new EvidenceBench({}, 0.95).happen({ from: { requests: 2 }, to: { requests: 22, failures: 13 }, clients: 30 })
  t.equal(alone.verdict().code, 'error_share')
})

t.test('maxErrorShare: looks at the last seconds, not at the hours before', async t => {
  const bench = new EvidenceBench({ maxFailures: 1e9 }, 1)
  bench.happen({ to: { requests: 100 }, clients: 200 }, 5_000)
  bench.happen({ to: { requests: 100, failures: 90 }, clients: 200, heavy: { a: 1 } }, 40)
  t.equal(bench.verdict().code, 'error_share')
})

t.test('slow answers with nothing beside them fail a version only where somebody has said what slow is', async t => {
  for (const slowerThanMs of [null, 200]) {
    const bench = new EvidenceBench({ slowerThanMs }, 0.25)
    bench.happen({ from: { requests: 75, slow: 1 }, to: { requests: 25 }, clients: 200 }, 40)
    bench.share = 1
    // A busy evening, or a bad version: who knows?
    bench.happen({ to: { requests: 100, slow: 20 }, clients: 200 }, 100)
    const { verdict, code } = bench.verdict()
    t.equal(verdict === 'fail', slowerThanMs !== null, `slowerThan ${slowerThanMs}: ${code}`)
  }
})

t.test('silence: not while answers take as long as ever', async t => {
  // Ten requests a second of which each takes three seconds: one of the new version every two seconds.
  const slow = new EvidenceBench({}, 0.05)
  for (let tick = 0; tick < 100; tick++) {
    slow.inFlightTo = 2
    slow.happen({ from: { requests: 1 }, to: { requests: tick % 50 === 49 ? 1 : 0 }, clients: 200 })
    t.not(slow.verdict().code, 'silence', `tick ${tick}`)
  }
})

t.test('silence: not without requests, and over with an answer', async t => {
  const bench = new EvidenceBench().happen(GOOD, 30).happen({ from: { requests: 75 } }, 50)
  t.not(bench.verdict().code, 'silence', 'nothing is in flight')
  bench.inFlightTo = 9
  bench.happen({ from: { requests: 75 } }, 19)
  t.not(bench.verdict().code, 'silence', 'less than two seconds')
  bench.happen({ from: { requests: 75 }, to: { requests: 1 } }, 1).happen({ from: { requests: 75 } }, 19)
  t.not(bench.verdict().code, 'silence', 'one has come')
})

t.test('silence: both versions pause, and a switch to a dead version fails', async t => {
  const both = new EvidenceBench().happen(GOOD, 30)
  both.inFlightTo = 9
  both.happen({}, 25)
  t.match(both.verdict(), { verdict: 'undecided', code: 'both_fail', pause: true })
  const dead = new EvidenceBench({}, 0).happen({ from: { requests: 100 }, clients: 200 }, 30)
  dead.share = 1
  dead.inFlightTo = 90
  dead.happen({}, 21)
  t.match(dead.verdict(), { verdict: 'fail', code: 'silence' })
})
