/**
 * A version that nobody gets yet, judged by the copies of requests that it has got.
 */
import t from 'tap'
import { lnNoWorse, lnWorse } from '../../../src/analysis/paired-test.ts'
import { readStoredEvidence } from '../../../src/analysis/stored-evidence.ts'
import { Random } from '../../../src/core/random.ts'
import { EvidenceBench, type Happened, NO_COPIES } from '../../helpers/evidence.ts'

/** A tick at weight 0: the old version answers 30 requests, all of which are copied. */
const copied = (copies: Happened['copies'] = {}): Happened => ({ from: { requests: 30 }, copies: { requests: 30, ...copies }, clients: 200 })

const noUsers = (settings: ConstructorParameters<typeof EvidenceBench>[0] = {}): EvidenceBench => new EvidenceBench(settings, 0)

t.test('good copies pass a version without users, once they are enough', async t => {
  const bench = noUsers().happen(copied(), 5)
  const early = bench.verdict()
  t.match(early, { verdict: 'undecided', code: 'more_needed', copies: { requests: 150, failed: 0, different: 0 } })
  t.match(early.reason, /^Of 150 copied requests 0 failed on the new version alone, 0 on the old one alone\. Nothing is shown by that yet: a pass needs about [0-9]+ more\.$/)
  const needed = early.needs?.requests ?? NaN
  bench.happen(copied(), Math.ceil(needed / 30))
  t.match(bench.verdict(), { verdict: 'pass', code: 'passed', needs: null, to: { requests: 0 } }, `about ${needed} were said to be needed`)
  const minutes = early.needs?.minutes ?? NaN
  t.ok(Math.abs(minutes - needed / 300 / 60) < 0.2 * minutes, `${minutes} minutes for ${needed} requests, 300 of which come in a second`)
})

t.test('copies that fail where the old version answers fail the version', async t => {
  const bench = noUsers().happen(copied(), 3)
  bench.happen(copied({ failed: 30 }))
  const verdict = bench.verdict()
  t.match(verdict, { verdict: 'fail', code: 'copies', pause: false, copies: { failed: 30, realFailed: 0 } })
  t.match(verdict.reason, /^Of 120 copied requests 30 failed on the new version alone, 0 on the old one alone\. The evidence is [0-9,.e]+; 50,000 is needed\.$/)
  t.ok((verdict.copies?.evidence ?? 0) >= (verdict.copies?.threshold ?? Infinity))
})

t.test('requests that fail on both sides are no fault, however many they are', async t => {
  const alike = noUsers().happen(copied({ bothFailed: 15 }), 40)
  const verdict = alike.verdict()
  t.match(verdict, { verdict: 'pass', copies: { failed: 0, bothFailed: 600 } })
  t.match(verdict.reason, /0 failed on the new version alone, 0 on the old one alone; 600 failed on both\./)
})

t.test('a difference that is allowed is no fail and no pass', async t => {
  const bench = noUsers({ maxErrorIncrease: 0.2 }).happen(copied({ failed: 3 }), 60)
  t.not(bench.verdict().verdict, 'fail')
  const worse = noUsers({ maxErrorIncrease: 0.2 }).happen(copied({ failed: 15 }), 60)
  t.match(worse.verdict(), { verdict: 'fail', code: 'copies' })
  const between = noUsers({ maxErrorIncrease: 0.05 }).happen(copied({ failed: 2 }), 40)
  t.match(between.verdict(), { verdict: 'undecided', needs: null })
})

t.test('copies that are slow where the real answers are not', async t => {
  const bench = noUsers().happen(copied(), 3).happen(copied({ slow: 20 }), 3)
  t.match(bench.verdict(), { verdict: 'fail', code: 'copies', reason: /^Of 180 copied requests 60 were slow on the new version alone, 0 on the old one alone\./ })
  const alike = noUsers().happen(copied({ slow: 1, realSlow: 1 }), 100)
  t.match(alike.verdict(), { verdict: 'pass' })
})

t.test('other answers judge only where somebody has said how many there may be', async t => {
  const different = copied({ different: 6 })
  t.match(noUsers().happen(different, 40).verdict(), { verdict: 'pass', copies: { different: 240 } })
  t.match(noUsers({ maxDifferent: 0.05 }).happen(different, 40).verdict(), {
    verdict: 'fail', code: 'copies', reason: '240 of 1200 copies were answered differently. maxDifferent is 5.0 %.'
  })
  const few = noUsers({ maxDifferent: 0.05 }).happen(copied({ different: 1 }), 20)
  t.match(few.verdict(), { verdict: 'undecided', reason: /20 of 600 copies were answered differently\. Nothing is shown by that yet/ })
  t.match(few.happen(copied(), 60).verdict(), { verdict: 'pass' })
})

t.test('users decide as soon as there are any: copies fail a version still, and pass none', async t => {
  const bench = noUsers().happen(copied(), 60)
  t.equal(bench.verdict().verdict, 'pass')
  bench.share = 0.25
  bench.happen({ from: { requests: 3 }, to: { requests: 1 }, copies: { requests: 3 }, clients: 200 })
  t.match(bench.verdict(), { verdict: 'undecided', code: 'more_needed', reason: /more requests of it/ })
  bench.happen({ from: { requests: 30 }, to: { requests: 10 }, copies: { requests: 30, failed: 15 }, clients: 200 }, 4)
  t.match(bench.verdict(), { verdict: 'fail', code: 'copies' })
})

t.test('without users or copies there is nothing to judge, and the warm-up is left out', async t => {
  t.match(noUsers().happen({ from: { requests: 30 }, clients: 200 }, 10).verdict(), { verdict: 'undecided', code: 'no_traffic', copies: null })
  const bench = noUsers({ warmupMs: 1_000 }).happen(copied({ failed: 30 }), 10)
  t.match(bench.verdict(), { verdict: 'undecided', copies: null })
  t.match(bench.happen(copied(), 60).verdict(), { verdict: 'pass' })
})

t.test('what copies have shown is stored, and another process goes on from it', async t => {
  const bench = noUsers({ maxDifferent: 0.5 }).happen(copied({ failed: 1, realFailed: 1, slow: 3, realSlow: 2, different: 2 }), 10)
  const before = bench.verdict()
  bench.goOn(readStoredEvidence(JSON.parse(JSON.stringify(bench.analysis.stored()))))
  t.same(bench.verdict(), before)
  t.match(before.copies, { requests: 300, failed: 10, realFailed: 10, slow: 30, realSlow: 20, different: 20 })
})

t.test('what no worker would tell makes no fault and no nonsense', async t => {
  const bench = noUsers()
  for (const copies of [{ requests: 0, failed: 900 }, { requests: -3, failed: 5 }, { requests: NaN, different: NaN }, { failed: Infinity }]) {
    bench.analysis.add({ cohorts: [], copies: { ...NO_COPIES, ...copies }, signs: [], heavy: [], dropped: 0 }, () => 0, bench.nowMs)
  }
  t.match(bench.verdict(), { code: 'no_traffic', copies: null })
  bench.happen({ copies: { requests: 10, failed: 6, realFailed: 6, bothFailed: 6, slow: 6, different: 60 } })
  t.match(bench.verdict().copies, { requests: 10, failed: 6, realFailed: 4, bothFailed: 0, slow: 0, realSlow: 0, different: 10 })
})

/** @returns the part of the runs in which the evidence has come to 20 at some time, while the difference was as given, at the edge */
function crossings (rates: { readonly newAlone: number, readonly oldAlone: number }, margin: number, kind: typeof lnWorse): number {
  const random = new Random(17)
  const runs = 200
  let crossed = 0
  for (let run = 0; run < runs; run++) {
    const seen = { pairs: 0, newAlone: 0, oldAlone: 0 }
    while (seen.pairs < 1_500) {
      const drawn = random.nextFraction()
      if (drawn < rates.newAlone) seen.newAlone++
      else if (drawn < rates.newAlone + rates.oldAlone) seen.oldAlone++
      if (++seen.pairs % 10 === 0 && kind(seen, margin) >= Math.log(20)) {
        crossed++
        break
      }
    }
  }
  return crossed / runs
}

t.test('a version at the edge of what is allowed is failed, or passed, as seldom as is said, however often one looks', async t => {
  for (const oldAlone of [0, 0.01, 0.2]) {
    const rates = { newAlone: oldAlone + 0.02, oldAlone }
    for (const kind of [lnWorse, lnNoWorse]) {
      const share = crossings(rates, 0.02, kind)
      // 0.05, and three standard deviations of 200 runs.
      t.ok(share <= 0.05 + 0.047, `${kind.name} at ${oldAlone}: ${share}`)
    }
  }
  t.ok(crossings({ newAlone: 0.2, oldAlone: 0.02 }, 0.02, lnWorse) > 0.99, 'and a bad one is failed')
  t.ok(crossings({ newAlone: 0, oldAlone: 0 }, 0.02, lnNoWorse) > 0.99, 'and a good one passes')
})
