/**
 * What stops a version without any statistics, and what must not.
 */
import t from 'tap'
import { courseOf, type EndpointWorld } from '../../helpers/endpoint-world.ts'
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

t.test('maxFailures: where the old version has few requests left they predict little, and that is no fault of the new one', async t => {
  const world: EndpointWorld = {
    endpoints: 3, bad: 0, badShare: 0, errors: 0.01, how: 'fails', share: 0.97, clients: 2_000, requestsPerTick: 40, known: 5_000
  }
  for (let seed = 1; seed <= 8; seed++) t.equal(courseOf(world, 400, seed).failed?.reason, undefined, `identical versions, seed ${seed}`)
  for (let seed = 1; seed <= 3; seed++) {
    const { failed, harmed } = courseOf({ ...world, bad: 3, badShare: 0.1 }, 400, seed)
    t.ok(failed, `ten times as many failures, seed ${seed}`)
    t.ok(harmed < 250, `${harmed} failures more until then`)
  }
})

t.test('after 100 % what few requests have shown of the old version condemns nobody', async t => {
  // It fails 2 % of its requests, as the old one does: of whose 40 requests none has failed.
  const bench = new EvidenceBench({}, 1)
  bench.baseline({ requests: 40, failures: 0 })
  const heavy = (tick: number) => Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`c${index}`, Math.ceil(tick / 8)]))
  for (let tick = 1; tick <= 200; tick++) bench.happen({ to: { requests: 50, failures: 1 }, clients: 200, heavy: heavy(tick) })
  t.not(bench.verdict().verdict, 'fail', bench.verdict().reason)
  t.not(bench.verdict().verdict, 'pass')
  bench.happen({ to: { requests: 50, failures: 45 }, clients: 200, heavy: heavy(201) }, 30)
  t.equal(bench.verdict().verdict, 'fail', 'what is plainly bad is')
})

t.test('maxErrorShare: a few of twenty requests are chance where the old version fails now and then too', async t => {
  for (const failures of [3, 20]) {
    const bench = new EvidenceBench({ maxFailures: 1e9 }, 1)
    bench.baseline({ requests: 10_000, failures: 500 })
    bench.happen({ to: { requests: 20, failures }, clients: 200 })
    t.equal(bench.verdict().code === 'error_share', failures === 20, `${failures} of 20`)
  }
})

t.test('maxFailures: failures that come by client are not beyond what the old version explains', async t => {
  // Of 20 clients that always fail 8 are on the new version, at a weight of 25 %.
  const failing = (fails: number) => {
    const bench = new EvidenceBench({ maxErrorShare: null, maxErrorIncrease: 0.9 }).happen(GOOD, 5)
    const clients = Array.from({ length: 20 }, (_, client) => ({ bucket: client * 9, side: client < 8 ? 'to' : 'from', endpoint: `e${client % 3}` } as const))
    bench.happen({ ...GOOD, from: { requests: 75, failures: 12 }, to: { requests: 25, failures: 8 }, signs: clients }, fails)
    return bench.verdict().code
  }
  t.not(failing(20), 'max_failures')
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

t.test('silence: not before the old version\'s slowest answers have had their time twice', async t => {
  // Answers take five seconds: the first ones of the new version come after that.
  for (const slowestFromMs of [5_000, 0]) {
    const bench = new EvidenceBench()
    bench.slowestFromMs = slowestFromMs
    bench.inFlightTo = 90
    bench.happen({ from: { requests: 30 } }, 50)
    t.equal(bench.verdict().code === 'silence', slowestFromMs === 0, `after five seconds, ${slowestFromMs} known`)
    bench.happen({ from: { requests: 30 } }, 51)
    t.equal(bench.verdict().code, 'silence', 'it can be told at last')
  }
})

t.test('silence: a third of the time is enough where all of several endpoints stop that have answered well', async t => {
  const silentAfter = (ticks: number, change: (bench: EvidenceBench) => void, before = 30): boolean => {
    const bench = new EvidenceBench().happen(GOOD, before)
    bench.inFlightTo = 9
    change(bench)
    return bench.happen({ from: { requests: 30 } }, ticks).verdict().code === 'silence'
  }
  t.equal(silentAfter(6, () => {}), false, 'not in 0.6 s')
  t.equal(silentAfter(7, () => {}), true)
  t.equal(silentAfter(19, bench => { bench.usedTo = ['10.0.0.1:80'] }), false, 'one process may pause')
  t.equal(silentAfter(19, () => {}, 0), false, 'a version that has not answered yet may be cold')
  t.equal(silentAfter(11, bench => { bench.slowestFromMs = 600 }), false, 'the old one has such pauses too')
  t.equal(silentAfter(12, bench => { bench.slowestFromMs = 600 }), true)
})

t.test('silence: not without requests, and over with an answer', async t => {
  const bench = new EvidenceBench().happen(GOOD, 30).happen({ from: { requests: 75 } }, 50)
  bench.usedTo = ['10.0.0.1:80']
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

/** Clients of a match, which nobody drew: the old version has all others. */
const MATCHED: Happened = { from: { requests: 100 }, matched: { requests: 2 }, clients: 200 }

t.test('what a match brings counts for the guards, and for no test', async t => {
  const bench = new EvidenceBench({ maxErrorShare: null }, 0).happen(MATCHED, 100)
  t.match(bench.verdict(), { verdict: 'undecided', code: 'no_traffic', reason: /has answered 200 requests that its match has brought/, to: { requests: 0 } })
  bench.happen({ ...MATCHED, matched: { requests: 2, failures: 2 } }, 24)
  t.not(bench.verdict().code, 'max_failures', '48 failures')
  bench.goOn(JSON.parse(JSON.stringify(bench.analysis.stored())))
  bench.happen({ ...MATCHED, matched: { requests: 2, failures: 2 } })
  t.match(bench.verdict(), { verdict: 'fail', code: 'max_failures', to: { requests: 0, failures: 0 }, errors: { clients: 0 } })
  const beside = new EvidenceBench({}, 0.25).happen({ ...GOOD, matched: { requests: 10, failures: 5 } }, 10)
  t.equal(beside.verdict().code, 'max_failures', 'beside clients that were drawn too')
})

t.test('a match that brings nothing but failures ends it by maxErrorShare, one client\'s alone do not', async t => {
  const failing = { ...MATCHED, matched: { requests: 1, failures: 1 } }
  const bench = new EvidenceBench({}, 0).happen(failing, 19)
  t.equal(bench.verdict().verdict, 'undecided', 'fewer than minRequests')
  t.match(bench.happen(failing).verdict(), { verdict: 'fail', code: 'error_share', reason: /fails 100 % of the requests that its match brings lately/ })
  const one = new EvidenceBench({}, 0)
  for (let tick = 1; tick <= 100; tick++) one.happen({ ...failing, heavy: { broken: tick } })
  t.not(one.verdict().verdict, 'fail')
})

t.test('what fails on both versions is not charged to a match', async t => {
  const outage = { from: { requests: 100, failures: 90 }, matched: { requests: 2, failures: 2 }, clients: 200 }
  const bench = new EvidenceBench({}, 0).happen(MATCHED, 100)
  for (let tick = 0; tick < 300; tick++) t.not(bench.happen(outage).verdict().verdict, 'fail')
  t.match(bench.verdict(), { code: 'both_fail', pause: true })
  const often = { from: { requests: 100, failures: 5 }, matched: { requests: 20, failures: 1 }, clients: 200 }
  t.not(new EvidenceBench({}, 0).happen(often, 1_000).verdict().verdict, 'fail', 'a thousand failures, as the old version has them')
})
