import t from 'tap'
import { DistinctCount } from '../../../src/core/distinct-count.ts'
import { mix32 } from '../../../src/core/hash.ts'
import { reportPage } from '../../../src/rollout/report-page.ts'
import { reportOf } from '../../../src/rollout/rollout-report.ts'
import { decodeSeenVersions, type SeenVersions, SeenVersionsBook } from '../../../src/rollout/seen-versions.ts'
import {
  advance, after, analyse, EVIDENCE, headerMatch, pauseFor, planOf, rolloutOf, routeOf, setMatch, setWeight, start
} from '../../helpers/rollout-events.ts'

const tally = (requests: number, serverErrors = 0) => ({ requests, serverErrors, latencyBuckets: [0, 0, requests, ...new Array<number>(13).fill(0)] })

function clients (first: number, count: number): Uint8Array {
  const seen = new DistinctCount()
  for (let client = first; client < first + count; client++) seen.add(mix32(Math.imul(client, 0x9e3779b1)))
  return seen.bytes
}

t.test('what was counted before it began is not in it, and neither a new process nor new counters lose anything', async t => {
  const book = new SeenVersionsBook(null)
  book.look('from', tally(1_000, 7))
  book.look('from', tally(1_100, 8))
  book.look('to', undefined)
  book.addClients({ from: clients(0, 10) })
  const again = new SeenVersionsBook(decodeSeenVersions(JSON.parse(JSON.stringify(book.seen)), 'seen'))
  again.look('from', tally(5))
  again.look('from', tally(25, 1))
  again.look('from', tally(3))
  again.look('from', tally(4))
  again.addClients({ from: clients(5, 10), to: clients(0, 1) })
  const { from, to } = again.seen
  t.same([from.requests, from.errors, from.latency[2]], [121, 2, 121])
  t.equal(Math.round(new DistinctCount(Buffer.from(from.clients, 'base64')).estimate), 15)
  t.same([to.requests, to.errors, to.latency], [0, 0, []])
})

t.test('what is stored of it is looked at', async t => {
  const good = { requests: 1, errors: 0, latency: [1], clients: '' }
  for (const [side, message] of [
    [{ ...good, errors: 2 }, /seen\.to\.errors are more/], [{ ...good, latency: new Array(99).fill(0) }, /latency is longer/],
    [{ ...good, clients: 'x'.repeat(9_999) }, /clients is not a text/], [null, /seen\.to is not an object/]
  ] as const) t.throws(() => decodeSeenVersions({ from: good, to: side }, 'seen'), { message })
})

const SEEN: SeenVersions = {
  from: { requests: 1_000, errors: 10, latency: [0, 0, 500, 490, 10], clients: Buffer.from(clients(0, 100)).toString('base64') },
  to: { requests: 50, errors: 5, latency: [0, 0, 50], clients: '' }
}
const plan = planOf([setMatch(headerMatch('x-beta', '1')), analyse(1_000, { onUndecided: 'pass' })], { preset: 'a-b', onSuccess: 'keep', watchMs: 0 })
const running = after(routeOf({ stable: 100, canary: 0 }), start(plan))

t.test('a rollout keeps it while it runs, and with its end', async t => {
  const kept = after(running, { type: 'evidence', id: 'r1', step: 1, stepMs: 5, evidence: EVIDENCE, seen: SEEN })
  t.same(rolloutOf(kept).seen, SEEN)
  const over = after(running, advance(1_000, { seen: SEEN }))
  t.match(rolloutOf(over), { phase: 'Healthy', seen: SEEN })
  t.equal(rolloutOf(after(over, start(plan, { id: 'r2' }))).seen, null, 'the next one begins anew')
})

t.test('the report puts both side by side', async t => {
  const report = reportOf({ route: 'hello', state: rolloutOf(running), seen: SEEN, verdict: undefined, isStored: false })
  t.match(report, {
    match: 'header x-beta=1',
    from: { version: 'stable', requests: 1_000, errors: { count: 10, share: 0.01 }, latencyMs: { p50: { value: 2.5, interval: [1, 5] } } },
    to: { version: 'canary', clients: null, errors: { share: 0.1 }, latencyMs: { p99: { interval: [1, null] } } }
  })
  const [low, high] = report.errorDifference?.interval ?? [0, 0]
  t.ok(low < 0.09 && high > 0.09 && low > -0.1 && high < 0.4, `${low} to ${high}`)
  const page = reportPage(report)
  t.match(page, /^hello: a-b of stable and canary, Progressing\n/)
  t.match(page, /\nrequests +1000 +50\n/)
  t.match(page, /\nclients +100 \([0-9]+ to [0-9]+\) +-\n/)
  t.match(page, /\np50 +2\.5 ms \(1 to 5 ms\) +1\.75 ms \(1 to 2\.5 ms\)\n/)
  t.match(page, /\np99 .*\(1 ms or more\)\n/)
  t.match(page, /errors of canary less those of stable: \+9 %, between [+-][0-9.]+ % and \+[0-9.]+ %/)
})

t.test('a match is named that has brought requests, also when it has ended, and none that is still ahead', async t => {
  const steps = [setWeight(10), pauseFor(null), setMatch(headerMatch('x-beta', '1')), pauseFor(null), setMatch(null), pauseFor(null)]
  let route = after(routeOf({ stable: 100, canary: 0 }), start(planOf(steps)))
  const matchOf = (): string | null => reportOf({ route: 'hello', state: rolloutOf(route), seen: null, verdict: undefined, isStored: false }).match
  t.equal(matchOf(), null)
  t.equal(reportOf({ route: 'hello', state: rolloutOf(after(route, { type: 'abort' })), seen: null, verdict: undefined, isStored: false }).match, null)
  for (const what of ['in force', 'ended']) {
    route = after(route, { type: 'resume' })
    t.equal(matchOf(), 'header x-beta=1', what)
  }
})

t.test('a report of one of several replicas says so', async t => {
  const report = reportOf({ route: 'hello', state: rolloutOf(running), seen: SEEN, verdict: undefined, isStored: false })
  t.match(reportPage(report, 3), /\nCounted by one of 3 replicas, the one that leads the rollout\.\n/)
  t.match(reportPage({ ...report, isStored: true }, 3), /leads the rollout; this is what it has stored last, up to 10 s ago\./)
  t.notMatch(reportPage(report), /replicas/)
})

t.test('a report of nothing has no numbers that mean something', async t => {
  const page = reportPage(reportOf({ route: 'hello', state: rolloutOf(running), seen: null, verdict: undefined, isStored: false }))
  t.match(page, /errors can't be compared before both versions have requests/)
  t.match(page, /\nshare of errors +- +-\n/)
  t.notMatch(page, /NaN|undefined|null/)
})
