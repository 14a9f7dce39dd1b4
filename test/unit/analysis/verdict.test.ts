/**
 * What the judge says, rule by rule.
 */
import t from 'tap'
import { VERDICT_CODES, type VerdictCode } from '../../../src/analysis/verdict.ts'
import { EvidenceBench, type Happened } from '../../helpers/evidence.ts'

/** A tick of 100 requests of many clients, none of which fails. */
const GOOD: Happened = { from: { requests: 75 }, to: { requests: 25 }, clients: 200 }

const seen = new Set<VerdictCode>()

function judged (bench: EvidenceBench) {
  const verdict = bench.verdict()
  seen.add(verdict.code)
  return verdict
}

/** First failures of so many clients from a bucket on, on the new version. */
function signs (count: number, first = 0, endpoints = ['10.0.0.1:80', '10.0.0.2:80']) {
  return Array.from({ length: count }, (_, index) => ({ bucket: first + 2 * index, endpoint: endpoints[index % endpoints.length] ?? '' }))
}

t.test('errors: first failures on the new version alone, by many clients', async t => {
  const bench = new EvidenceBench().happen(GOOD, 20)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 3 }, signs: signs(3) })
  t.equal(judged(bench).code, 'more_needed')
  bench.happen({ ...GOOD, to: { requests: 25, failures: 8 }, signs: signs(6, 100) })
  const verdict = judged(bench)
  t.match(verdict, { verdict: 'fail', code: 'errors', pause: false, ejectEndpoint: null, needs: null })
  t.ok(verdict.errors.evidence >= verdict.errors.threshold)
  t.equal(Math.round(verdict.errors.threshold), 2_500, 'alpha is shared')
  t.match(verdict.errors, { clients: 9, clientsOnNew: 9, allowed: 0.005 })
  t.match(verdict.reason, /^The new version fails 2\.0 % of its requests, the old one 0 %\. Of 9 clients with a failure, 9 met the first one on the new version\./)
})

t.test('a difference that is allowed is no fail, whatever the evidence', async t => {
  const bench = new EvidenceBench({ maxErrorIncrease: 0.05 }).happen(GOOD, 40)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 9 }, signs: signs(9) })
  const verdict = judged(bench)
  t.ok(verdict.errors.evidence >= verdict.errors.threshold)
  t.not(verdict.verdict, 'fail')
})

t.test('a broken client with many requests on the old version does not hide that the new one is worse', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 })
  for (let tick = 0; tick < 30; tick++) {
    const heavyOnOld = { requests: 75, failures: 10, halfRequests: 40, halfFailures: 10 }
    bench.happen({ from: heavyOnOld, to: { requests: 25, failures: 2 }, clients: 200, signs: signs(tick < 10 ? 2 : 0, tick * 100) })
  }
  const verdict = judged(bench)
  t.match(verdict, { verdict: 'fail', code: 'errors', sentinel: { silent: false } })
  t.ok(Math.abs(verdict.errors.difference - 0.08) < 1e-9, `${verdict.errors.difference}`)
  const alike = new EvidenceBench({ maxFailures: 10_000 })
  for (let tick = 0; tick < 30; tick++) {
    alike.happen({ from: { requests: 75, failures: 10 }, to: { requests: 25, failures: 2 }, clients: 200, signs: signs(tick < 10 ? 2 : 0, tick * 100) })
  }
  t.not(alike.verdict().verdict, 'fail', 'where both halves fail alike the old version is no better')
})

t.test('a client counts once, whoever tells it, and only where both versions have traffic', async t => {
  const bench = new EvidenceBench()
  bench.happen({ signs: signs(3) }, 5)
  t.equal(bench.verdict().errors.clients, 3)
  bench.share = 1
  bench.happen({ signs: signs(3, 100) })
  bench.share = 0.5
  bench.happen({ signs: signs(3, 100) })
  t.equal(bench.verdict().errors.clients, 3, 'their first failure said nothing')
})

t.test('what began under an unknown epoch is left out', async t => {
  const bench = new EvidenceBench()
  bench.share = Number.NaN
  bench.happen({ ...GOOD, signs: signs(3) })
  t.match(judged(bench), { code: 'no_traffic', errors: { clients: 0 }, to: { requests: 0 } })
})

t.test('slow: the same with first slow answers, by its own margin', async t => {
  const bench = new EvidenceBench().happen({ ...GOOD, from: { requests: 75, slow: 1 } }, 40)
  bench.happen({ ...GOOD, to: { requests: 25, slow: 5 }, signs: signs(2).map(sign => ({ ...sign, kind: 'slow' as const })) }, 1)
  for (let tick = 1; tick < 8; tick++) bench.happen({ ...GOOD, to: { requests: 25, slow: 5 }, signs: signs(2, tick * 100).map(sign => ({ ...sign, kind: 'slow' as const })) })
  t.match(judged(bench), { verdict: 'fail', code: 'slow', errors: { clients: 0 }, slow: { clientsOnNew: 16 } })
})

t.test('pairs: one client is enough when the old version answers what failed', async t => {
  const bench = new EvidenceBench().happen({ from: { requests: 30 }, clients: 1 }, 20)
  bench.happen({ from: { requests: 3 }, to: { requests: 1, failures: 1, rescued: 1 }, clients: 1, heavy: { '10.1.1.1': 20 }, signs: signs(1) }, 20)
  t.match(judged(bench), { verdict: 'fail', code: 'pairs', pairs: { evidence: Number } })
  t.match(bench.verdict().reason, /^20 requests failed on the new version and were answered well by the old one, 0 failed on both\./)
})

t.test('pairs: what fails on both is nobody\'s, and a client that fails half of the time everywhere condemns nobody', async t => {
  const both = new EvidenceBench({ maxErrorShare: null }).happen({ ...GOOD, clients: 1 }, 20)
  both.happen({ from: { requests: 3 }, to: { requests: 1, failures: 1, bothFailed: 1 }, clients: 1 }, 60)
  t.ok((both.verdict().pairs?.evidence ?? 2) <= 1)
  t.not(both.verdict().verdict, 'fail')
  const flaky = new EvidenceBench({ maxErrorShare: null }).happen({ ...GOOD, clients: 1 }, 20)
  flaky.happen({ from: { requests: 6 }, to: { requests: 4, failures: 2, rescued: 1, bothFailed: 1 }, clients: 1, heavy: { flaky: 120 } }, 60)
  t.ok((flaky.verdict().pairs?.evidence ?? 0) > 20_000, 'by requests alone it would be clear')
  t.not(flaky.verdict().verdict, 'fail')
})

t.test('copies: requests that fail on the new version before it has users', async t => {
  const bench = new EvidenceBench({}, 0).happen({ from: { requests: 75 }, copies: { requests: 75 }, clients: 200 }, 2)
  bench.happen({ from: { requests: 75 }, copies: { requests: 75, failed: 40 }, clients: 200 })
  t.match(judged(bench), { verdict: 'fail', code: 'copies' })
})

t.test('requests: few clients, each with some of the failures', async t => {
  const heavy = (tick: number) => Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(key => [key, tick]))
  const bench = new EvidenceBench({ maxFailures: 1_000 }).happen({ ...GOOD, clients: 20 }, 20)
  for (let tick = 1; tick <= 12; tick++) {
    bench.happen({ from: { requests: 75 }, to: { requests: 25, failures: 7, halfRequests: 12, halfFailures: 3 }, clients: 20, heavy: heavy(tick) })
  }
  t.match(judged(bench), { verdict: 'fail', code: 'requests', clients: 20, sentinel: { silent: true } })
})

t.test('one_client: with few clients, one that has most of the failures condemns nobody and is named', async t => {
  const bench = new EvidenceBench({ maxFailures: 1_000 }).happen({ ...GOOD, clients: 20 }, 20)
  for (let tick = 1; tick <= 12; tick++) {
    bench.happen({ from: { requests: 75 }, to: { requests: 25, failures: 5 }, clients: 20, heavy: { '203.0.113.7': 3 * tick, other: 2 * tick }, signs: signs(1) })
  }
  const verdict = judged(bench)
  t.match(verdict, { verdict: 'undecided', code: 'one_client', heaviest: { key: '203.0.113.7', share: 0.6 } })
  t.equal(verdict.reason, 'One client, 203.0.113.7, has 60 % of the new version\'s failures.')
})

t.test('few clients: requests say nothing where the difference is that of three clients, or halves of one version differ', async t => {
  const three = new EvidenceBench({ maxFailures: 1_000 }).happen({ ...GOOD, clients: 20 }, 20)
  for (let tick = 1; tick <= 12; tick++) three.happen({ ...GOOD, to: { requests: 25, failures: 6 }, clients: 20, heavy: { a: 2 * tick, b: 2 * tick, c: 2 * tick } })
  t.not(three.verdict().verdict, 'fail')
  const halves = new EvidenceBench({ maxFailures: 1_000 }).happen({ ...GOOD, clients: 20 }, 20)
  const heavy = (tick: number) => Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(key => [key, tick]))
  for (let tick = 1; tick <= 12; tick++) {
    halves.happen({ from: { requests: 75 }, to: { requests: 25, failures: 7, halfRequests: 12, halfFailures: 7 }, clients: 20, heavy: heavy(tick) })
  }
  t.match(halves.verdict(), { verdict: 'undecided', sentinel: { silent: false } })
})

t.test('one_endpoint: failures of one pod of several eject it and are not charged, also when it is gone', async t => {
  const bench = new EvidenceBench().happen(GOOD, 20)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 9 }, signs: signs(9, 0, ['10.0.0.1:80']) })
  t.match(judged(bench), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: '10.0.0.1:80', pause: false })
  bench.usedTo = ['10.0.0.2:80']
  bench.happen(GOOD)
  t.match(judged(bench), { code: 'one_endpoint', ejectEndpoint: '10.0.0.1:80' })
  bench.happen({ ...GOOD, to: { requests: 25, failures: 9 }, signs: signs(9, 100, ['10.0.0.2:80']) })
  t.match(judged(bench), { verdict: 'fail', code: 'errors' }, 'the other one is no better')
  const single = new EvidenceBench()
  single.usedTo = ['10.0.0.1:80']
  single.happen(GOOD, 20).happen({ ...GOOD, to: { requests: 25, failures: 9 }, signs: signs(9, 0, ['10.0.0.1:80']) })
  t.match(judged(single), { verdict: 'fail', code: 'errors' }, 'the only endpoint is the version')
})

t.test('warmup: left out of the verdict, not of the guards', async t => {
  const bench = new EvidenceBench({ warmupMs: 2_000 })
  bench.happen({ ...GOOD, to: { requests: 25, failures: 3 }, signs: signs(12) }, 10)
  t.match(judged(bench), { verdict: 'undecided', code: 'warmup', to: { requests: 0 }, errors: { clients: 0 } })
  bench.happen({ ...GOOD, to: { requests: 25, failures: 25 } }, 2)
  t.match(judged(bench), { verdict: 'fail', code: 'max_failures' })
})

t.test('no_traffic, then more_needed with how much, then passed', async t => {
  const bench = new EvidenceBench()
  t.match(judged(bench), { verdict: 'undecided', code: 'no_traffic', needs: { minutes: null } })
  bench.baseline({ requests: 100_000, failures: 100 })
  bench.happen({ ...GOOD, to: { requests: 25, halfRequests: 12 } }, 12)
  const undecided = judged(bench)
  t.match(undecided, { verdict: 'undecided', code: 'more_needed' })
  const needed = undecided.needs?.requests ?? 0
  t.ok(needed > 300 && needed < 1_000, `${needed} requests`)
  t.equal(undecided.needs?.minutes, needed / (250 * 60))
  bench.happen(GOOD, Math.ceil(needed * 1.1 / 25))
  t.match(judged(bench), { verdict: 'pass', code: 'passed', needs: null })
  t.match(bench.verdict().reason, /More than 0\.50 % in addition is ruled out, and more than 2\.0 % slow ones\.$/)
})

t.test('a version that is worse by less than is allowed passes, however clear that is, unless a few clients may hide more', async t => {
  const worse = (halfFailures: number) => {
    const bench = new EvidenceBench({ maxFailures: 10_000 })
    for (let tick = 0; tick < 800; tick++) {
      const from = { requests: 75, failures: tick % 20 === 0 ? 6 : 0, halfFailures: tick % 20 === 0 ? halfFailures : 0 }
      const isBad = tick % 10 === 5
      const to = { requests: 25, failures: isBad ? 1 : 0, halfFailures: tick % 20 === 5 ? 1 : 0 }
      bench.happen({ from, to, clients: 200, signs: isBad ? signs(1, tick * 40) : [] })
    }
    return judged(bench)
  }
  const clear = worse(3)
  t.ok(clear.errors.evidence > clear.errors.threshold)
  t.match(clear, { verdict: 'pass', sentinel: { silent: true } })
  const hidden = worse(6)
  t.match(hidden, { verdict: 'undecided', code: 'more_needed', sentinel: { silent: false }, needs: null })
  t.match(hidden.reason, /^By requests the new version is no worse, but a few clients have many of the failures\. Of 80 clients/)
})

t.test('a version that is worse by more than allowed never gets there', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 }).happen({ ...GOOD, to: { requests: 25, failures: 1 } }, 40)
  t.match(bench.verdict(), { verdict: 'undecided', needs: null })
})

t.test('a version that turns bad after good hours is seen at once', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 }).happen(GOOD, 20_000)
  for (let tick = 0; tick < 3; tick++) bench.happen({ ...GOOD, to: { requests: 25, failures: 20 }, signs: signs(20, tick * 100) })
  t.match(judged(bench), { verdict: 'fail', code: 'errors' })
})

t.test('requests: at 100 % by what was known of the old version', async t => {
  const bench = new EvidenceBench({ maxFailures: 10_000 }).happen(GOOD, 100)
  bench.share = 1
  const heavy = (tick: number) => Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`c${index}`, Math.ceil(tick / 4)]))
  for (let tick = 1; tick <= 40; tick++) bench.happen({ to: { requests: 100, failures: 4 }, clients: 200, heavy: heavy(tick) })
  t.match(judged(bench), { verdict: 'fail', code: 'requests' })
  t.match(bench.verdict().reason, /The old version has no traffic, so what was known of it decides\./)
})

t.test('at 100 % a version that is no worse passes, without any rollout traffic beside it', async t => {
  const bench = new EvidenceBench({}, 1)
  bench.baseline({ requests: 10_000, failures: 10 })
  bench.happen({ to: { requests: 100 }, clients: 200 }, 40)
  t.match(judged(bench), { verdict: 'pass', code: 'passed' })
})

t.test('the rest of the codes', async t => {
  const share = new EvidenceBench({ maxFailures: 10_000 }, 1).happen({ to: { requests: 10, failures: 2 }, clients: 200 }, 1)
  t.equal(judged(share).code, 'more_needed', 'too few requests')
  t.match(judged(share.happen({ to: { requests: 10, failures: 2 }, clients: 200 }, 1)), { verdict: 'fail', code: 'error_share' })
  const both = new EvidenceBench().happen({ from: { requests: 75, failures: 45 }, to: { requests: 25, failures: 15 }, clients: 200 }, 3)
  t.match(judged(both), { verdict: 'undecided', code: 'both_fail', pause: true })
  const silent = new EvidenceBench().happen(GOOD, 30)
  silent.inFlightTo = 5
  silent.happen({ from: { requests: 75 } }, 21)
  t.match(judged(silent), { verdict: 'fail', code: 'silence' })
  t.same(VERDICT_CODES.filter(code => !seen.has(code)), [], 'these tests have seen every code')
})
