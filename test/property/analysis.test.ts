/**
 * Whatever workers and replicas report: a declared verdict of finite numbers, and the same one when another process goes on.
 */
import fc from 'fast-check'
import t from 'tap'
import { Analysis } from '../../src/analysis/analysis.ts'
import { DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { readStoredEvidence } from '../../src/analysis/stored-evidence.ts'
import { VERDICT_CODES, type Verdict } from '../../src/analysis/verdict.ts'
import type { ByEndpoint, EvidenceReport, SideCounts } from '../../src/contract/rollout-watch.ts'
import { propertyRuns } from '../helpers/property-runs.ts'

const wild = fc.oneof({ weight: 8, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.double() })
const plain = fc.nat(60)
const sideOf = (count: fc.Arbitrary<number>): fc.Arbitrary<SideCounts> => fc.record({
  requests: count, failures: count, rescued: count, bothFailed: count, slow: count, halfRequests: count, halfFailures: count
})
const placesOf = (count: fc.Arbitrary<number>): fc.Arbitrary<ByEndpoint<SideCounts>> =>
  fc.array(fc.tuple(fc.oneof(fc.constantFrom('a:1', 'b:1', 'c:1'), fc.string({ maxLength: 100 })), sideOf(count)), { maxLength: 9 }).map(places => new Map(places))
const reportOf = (count: fc.Arbitrary<number>): fc.Arbitrary<EvidenceReport> => fc.record({
  cohorts: fc.array(fc.record({ epoch: fc.nat(5), from: sideOf(count), to: sideOf(count), toByEndpoint: placesOf(count) }), { maxLength: 3 }),
  signs: fc.array(fc.record({
    kind: fc.constantFrom('failure', 'slow'),
    bucket: fc.oneof(fc.nat(65_535), count),
    side: fc.constantFrom('from', 'to'),
    epoch: fc.nat(5),
    endpoint: fc.oneof(fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1', 'g:1', 'h:1'), fc.string({ maxLength: 100 }))
  }), { maxLength: 12 }),
  heavy: fc.array(fc.record({ key: fc.string({ maxLength: 90 }), failures: count }), { maxLength: 4 }),
  dropped: fc.nat(3),
  matched: sideOf(count),
  matchedByEndpoint: placesOf(count)
}).chain(report => fc.option(fc.uint8Array({ minLength: 128, maxLength: 128 }), { nil: undefined }).map(seen => seen === undefined ? report : { ...report, seen }))

const facts = fc.record({ elapsedMs: fc.nat(4_000), usedTo: fc.subarray(['a:1', 'b:1', 'c:1']), inFlightTo: fc.nat(40), shareTo: fc.constantFrom(0, 0.05, 0.5, 1), slowestFromMs: fc.constantFrom(0, 30, 1e12), isPrompt: fc.boolean() })
const stepsOf = (count: fc.Arbitrary<number>) => fc.array(fc.record({ report: reportOf(count), facts }), { minLength: 1, maxLength: 25 })
/** By epoch; the last is not known. */
const SHARES = [0, 0.05, 0.25, 0.9, 1] as const
const shareOf = (epoch: number): number | undefined => SHARES[epoch]
const settings = fc.record({
  warmupMs: fc.constantFrom(0, 3_000), maxErrorIncrease: fc.constantFrom(0, 0.005, 0.3, 1), maxErrorShare: fc.constantFrom(null, 0, 0.1), minRequests: fc.constantFrom(0, 20)
}).map(some => ({ ...DEFAULT_ANALYSIS, ...some }))

function mustBeFinite (value: unknown, place: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${place} is ${value}`)
  if (typeof value === 'object' && value !== null) for (const [name, item] of Object.entries(value)) mustBeFinite(item, `${place}.${name}`)
}

function mustBeDeclared (verdict: Verdict): void {
  mustBeFinite(verdict, 'verdict')
  if (!VERDICT_CODES.includes(verdict.code)) throw new Error(`${verdict.code} is not declared`)
  if (!['pass', 'fail', 'undecided'].includes(verdict.verdict)) throw new Error(`${verdict.verdict} is not declared`)
  if (/NaN|undefined|Infinity/.test(verdict.reason)) throw new Error(verdict.reason)
  if (verdict.pause && verdict.verdict !== 'undecided') throw new Error('a pause is not a fail')
  for (const { failureShare, slowShare, interval: [low, high] } of [verdict.from, verdict.to]) {
    if (!(low <= failureShare && failureShare <= high) && failureShare !== 0) throw new Error(`${failureShare} is not within ${low} and ${high}`)
    if (slowShare < 0 || slowShare > 1) throw new Error(`slow: ${slowShare}`)
  }
}

t.test('any reports, in any order, make a declared verdict of finite numbers, and evidence that can be read back', async () => {
  fc.assert(fc.property(stepsOf(wild), settings, (steps, chosen) => {
    const analysis = new Analysis(chosen, 0)
    let nowMs = 0
    for (const [index, { report, facts: { elapsedMs, ...rest } }] of steps.entries()) {
      analysis.add(report, shareOf, nowMs, `w${index % 3}`)
      nowMs += elapsedMs
      analysis.tick({ nowMs, ...rest })
      mustBeDeclared(analysis.verdict({ nowMs, ...rest }))
    }
    readStoredEvidence(JSON.parse(JSON.stringify(analysis.stored())))
  }), { numRuns: propertyRuns(70) })
})

t.test('an analysis that goes on from what was stored says the same as the one that stored it, ever after', async () => {
  fc.assert(fc.property(stepsOf(plain), settings, fc.nat(24), (steps, chosen, crash) => {
    let nowMs = 5_000
    let restored: Analysis | undefined
    const analysis = new Analysis(chosen, nowMs)
    analysis.baseline({ requests: 200, failures: 3 })
    steps.forEach(({ report, facts: { elapsedMs, ...rest } }, index) => {
      // The list of heavy clients is that of a worker, which counts on.
      const mine = { ...report, heavy: [] }
      analysis.add(mine, shareOf, nowMs)
      restored?.add(mine, shareOf, nowMs)
      if (index === crash) restored = new Analysis(chosen, nowMs, readStoredEvidence(JSON.parse(JSON.stringify(analysis.stored()))))
      nowMs += elapsedMs
      if (index === crash) nowMs -= elapsedMs
      analysis.tick({ nowMs, ...rest })
      restored?.tick({ nowMs, ...rest })
      if (restored === undefined) return
      const [first, second] = [analysis, restored].map(each => JSON.stringify([each.verdict({ nowMs, ...rest }), each.stored()]))
      if (first !== second) throw new Error(`${first}\nis not\n${second}`)
    })
  }), { numRuns: propertyRuns(60) })
})
