/** Whoever leads a rollout has what all replicas have seen, each thing once: over lost answers, restarts, and another leader. */
import t from 'tap'
import { type AnalysisFacts, Analysis } from '../../../src/analysis/analysis.ts'
import { DEFAULT_ANALYSIS } from '../../../src/analysis/analysis-settings.ts'
import { emptyCounts } from '../../../src/analysis/side-counts.ts'
import { MAX_STORED_BOOKS, readStoredEvidence, type StoredEvidence } from '../../../src/analysis/stored-evidence.ts'
import type { Verdict } from '../../../src/analysis/verdict.ts'
import type { EvidenceReport, SideCounts } from '../../../src/contract/rollout-watch.ts'
import { type EvidenceReading, RolloutEvidence } from '../../../src/rollout/rollout-evidence.ts'

const READING: EvidenceReading = { shareOf: epoch => epoch === 2 ? 0.25 : undefined, nowMs: 0 }
const NONE: SideCounts = emptyCounts()
const facts = (nowMs: number, inFlightTo = 0): AnalysisFacts => ({ nowMs, usedTo: ['10.0.0.0:80', '10.0.0.1:80'], inFlightTo, shareTo: 0.25, slowestFromMs: 0, isPrompt: true })

let clients = 0
/** Good requests of the old version, and of the new one some that fail, each of a client of its own. */
function seen (good: number, bad = 0, epoch = 2): EvidenceReport {
  return {
    cohorts: [{ epoch, from: { ...NONE, requests: 3 * good }, to: { ...NONE, requests: good + bad, failures: bad } }],
    signs: Array.from({ length: bad }, () => ({ kind: 'failure', bucket: (clients++ * 7_919) % 65_536, side: 'to', epoch, endpoint: `10.0.0.${clients % 2}:80` })),
    heavy: [],
    dropped: 0
  }
}

function evidence (book: string | undefined, settings = DEFAULT_ANALYSIS): RolloutEvidence {
  return new RolloutEvidence({
    settings, createAnalysis: (...args) => new Analysis(...args), before: { requests: 1_000, failures: 1 }, book
  }, 0)
}

/** The leader asks another one for all that it has not got. */
function fetch (leader: RolloutEvidence, other: RolloutEvidence, source: string, reading = READING): void {
  for (let hasMore = true; hasMore;) {
    const after = leader.pageOf(source)
    const told = other.tell({ source, after }, 0)
    if (told === undefined || told.source !== source) return
    leader.take(told, after, reading)
    hasMore = told.hasMore
  }
}

/** A look at the end of a block. */
function look (each: RolloutEvidence, at: AnalysisFacts): Verdict {
  each.tick(at)
  return each.judge(at)
}

/** As another process reads it. */
function stored (leader: RolloutEvidence): StoredEvidence {
  return readStoredEvidence(JSON.parse(JSON.stringify(leader.stored())))
}

const requestsTo = (leader: RolloutEvidence, nowMs = 100): number => look(leader, facts(nowMs)).to.requests

t.test('the leader has what all have seen; the others what they have seen themselves', t => {
  const [one, two, three] = [evidence('one.1'), evidence('two.1'), evidence('three.1')]
  one.lead(null, READING)
  one.add(seen(10), 'worker 0', READING)
  two.add(seen(20), 'worker 0', READING)
  three.add(seen(40), 'worker 0', READING)
  fetch(one, two, 'two.1')
  fetch(one, three, 'three.1')
  t.same([requestsTo(one), requestsTo(two), requestsTo(three)], [70, 20, 40])
  fetch(one, two, 'two.1')
  t.equal(requestsTo(one), 70, 'nothing twice')
  t.equal(two.stored(), undefined, 'who does not lead stores nothing')
  t.end()
})

t.test('together they find in seconds what none of them would find alone', t => {
  const all = ['one.1', 'two.1', 'three.1'].map(book => evidence(book))
  const [one, two, three] = all
  if (one === undefined || two === undefined || three === undefined) return
  one.lead(null, READING)
  for (let round = 0; round < 40; round++) {
    for (const each of all) each.add(seen(4, round % 10 === 0 ? 1 : 0), 'worker 0', READING)
    if (round % 10 === 9) {
      fetch(one, two, 'two.1')
      fetch(one, three, 'three.1')
    }
    for (const each of all) look(each, facts(100 * round))
  }
  t.match([one, two, three].map(each => look(each, facts(4_100)).verdict), ['fail', 'undecided', 'undecided'])
  t.end()
})

t.test('a leader whose own evidence says fail need not wait for the others; and all of them together keep to alpha', t => {
  const one = evidence('one.1')
  one.lead(null, READING)
  one.add(seen(10, 40), 'worker 0', READING)
  t.equal(look(one, facts(100)).verdict, 'fail')
  const two = evidence('two.1')
  two.add(seen(10, 1), 'worker 0', READING)
  const alone = evidence(undefined)
  alone.lead(null, READING)
  alone.add(seen(10, 1), 'worker 0', READING)
  const threshold = look(alone, facts(100)).errors.threshold
  t.ok(Math.abs(look(two, facts(100)).errors.threshold / threshold - 64) < 1e-6)
  const leader = evidence('three.1')
  leader.lead(null, READING)
  t.ok(Math.abs(look(leader, facts(100)).errors.threshold / threshold - 2) < 1e-6)
  t.end()
})

t.test('a leader ejects what its own evidence blames, and does not ask the others to', t => {
  const [one, two] = [evidence('one.1'), evidence('two.1')]
  one.lead(null, READING)
  for (const each of [one, two]) each.add(seen(100), 'worker 0', READING)
  // Elsewhere the old version fails for as many clients, so all together show nothing.
  const old = seen(100, 40)
  two.add({ ...old, cohorts: [{ epoch: 2, from: { ...NONE, requests: 400, failures: 40 }, to: { ...NONE, requests: 100 } }], signs: old.signs.map(sign => ({ ...sign, side: 'from' as const })) }, 'worker 0', READING)
  fetch(one, two, 'two.1')
  look(one, facts(100))
  const bad = seen(20, 14)
  const toByEndpoint = new Map([['10.0.0.1:80', { ...NONE, requests: 14, failures: 14 }]])
  one.add({ ...bad, cohorts: bad.cohorts.map(cohort => ({ ...cohort, toByEndpoint })), signs: bad.signs.map(sign => ({ ...sign, endpoint: '10.0.0.1:80' })) }, 'worker 0', READING)
  t.match(look(one, facts(200)), { verdict: 'pass', ejectEndpoint: '10.0.0.1:80' })
  t.equal(one.blamedByAll, null)
  t.end()
})

t.test('another leader goes on from what is stored, and takes from each book what came after it', t => {
  const [one, two, three] = [evidence('one.1'), evidence('two.1'), evidence('three.1')]
  one.lead(null, READING)
  one.add(seen(1), 'worker 0', READING)
  two.add(seen(2), 'worker 0', READING)
  three.add(seen(4), 'worker 0', READING)
  fetch(one, two, 'two.1')
  fetch(one, three, 'three.1')
  look(one, facts(100))
  const kept = stored(one)
  t.same(kept.books, [['two.1', 1], ['three.1', 1], ['one.1', 1]])
  one.add(seen(8), 'worker 0', READING)
  two.add(seen(16), 'worker 0', READING)
  three.add(seen(32), 'worker 0', READING)
  fetch(one, two, 'two.1')
  t.equal(requestsTo(one), 31, 'what the first one has fetched and not stored')
  two.lead(kept, READING)
  fetch(two, three, 'three.1')
  t.equal(requestsTo(two), 7 + 16 + 32, 'when the first one is gone')
  fetch(two, one, 'one.1')
  t.equal(requestsTo(two), 63, 'and when it lives')
  one.follow()
  look(two, facts(200))
  one.lead(stored(two), READING)
  fetch(one, two, 'two.1')
  fetch(one, three, 'three.1')
  t.equal(requestsTo(one), 63, 'and back')
  t.end()
})

t.test('a replica that has started anew has another book', t => {
  const one = evidence('one.1')
  one.lead(null, READING)
  const two = evidence('two.1')
  two.add(seen(5), 'worker 0', READING)
  fetch(one, two, 'two.1')
  const again = evidence('three.1')
  again.add(seen(7), 'worker 0', READING)
  fetch(one, again, 'two.1')
  t.equal(requestsTo(one), 5, 'the old book is not there any more')
  fetch(one, again, 'three.1')
  t.equal(requestsTo(one), 12)
  t.end()
})

t.test('an answer that comes late, twice, or of this replica itself is not taken', t => {
  const [one, two] = [evidence('one.1'), evidence('two.1')]
  one.lead(null, READING)
  one.add(seen(1), 'worker 0', READING)
  two.add(seen(2), 'worker 0', READING)
  const first = two.tell({ source: 'two.1', after: 0 }, 0)
  const second = two.tell({ source: 'two.1', after: 0 }, 0)
  const own = one.tell({ source: 'one.1', after: 0 }, 0)
  if (first === undefined || second === undefined || own === undefined) throw new Error('no answer')
  t.equal(one.take(first, 0, READING), true)
  t.equal(one.take(second, 0, READING), false)
  t.equal(one.take(own, 0, READING), false)
  t.equal(requestsTo(one), 3)
  one.follow()
  t.equal(one.take(two.tell({ source: 'two.1', after: 1 }, 0) ?? first, 1, READING), false, 'it does not lead any more')
  t.end()
})

t.test('what began under an epoch that nobody knows is left out', t => {
  const [one, two] = [evidence('one.1'), evidence('two.1')]
  one.lead(null, READING)
  two.add(seen(50, 50, 77), 'worker 0', READING)
  two.add(seen(5), 'worker 0', READING)
  fetch(one, two, 'two.1')
  t.match(look(one, facts(100)), { verdict: 'undecided', to: { requests: 5, failures: 0 } })
  t.end()
})

t.test('requests in flight elsewhere count while they are fresh, and only where a guard can bear that they are told once a second', t => {
  const silent = (silenceMs: number): string => {
    const [one, two] = [evidence('one.1', { ...DEFAULT_ANALYSIS, silenceMs }), evidence('two.1')]
    one.lead(null, READING)
    const ask = (nowMs: number): void => {
      const told = two.tell({ source: 'two.1', after: 0 }, 50)
      if (told !== undefined) one.take(told, 0, { ...READING, nowMs })
    }
    let code = ''
    for (let nowMs = 0; nowMs < 6_000; nowMs += 100) {
      if (nowMs % 1_000 === 0 && nowMs < 4_000) ask(nowMs)
      one.add({ ...seen(0), cohorts: [{ epoch: 2, from: { ...NONE, requests: 20 }, to: NONE }] }, 'worker 0', READING)
      const verdict = look(one, facts(nowMs))
      if (verdict.verdict === 'fail') code ||= `${verdict.code} after ${nowMs}`
    }
    return code
  }
  t.match(silent(2_000), /^silence after 2[0-9]{3}$/)
  t.equal(silent(1_000), '')
  t.end()
})

t.test('the books that are stored are bounded, and are read back', t => {
  const one = evidence('one.1')
  one.lead(null, READING)
  for (let index = 0; index < MAX_STORED_BOOKS + 50; index++) {
    const other = evidence(`other.${index}`)
    other.add(seen(1), 'worker 0', READING)
    fetch(one, other, `other.${index}`)
  }
  const kept = stored(one)
  t.equal(kept.books?.length, MAX_STORED_BOOKS)
  t.equal(kept.books?.at(-2)?.[0], `other.${MAX_STORED_BOOKS + 49}`)
  t.ok(JSON.stringify(kept).length < 32_768, `${JSON.stringify(kept).length} bytes`)
  const plain: object = JSON.parse(JSON.stringify(kept)) // an object, as it was written
  for (const books of [null, {}, [['one']], [['one', -1]], [['one', '1']], [['one', 1, 2]], [['x'.repeat(65), 1]], Array.from({ length: 257 }, () => ['a', 1])]) {
    t.throws(() => readStoredEvidence({ ...plain, books }), /evidence\.books/)
  }
  t.end()
})
