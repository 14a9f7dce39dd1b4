/**
 * Evidence that survives: whole, bounded, and nobody speaks twice.
 */
import t from 'tap'
import { readStoredEvidence } from '../../../src/analysis/stored-evidence.ts'
import { EvidenceBench, type Happened } from '../../helpers/evidence.ts'

const GOOD: Happened = { from: { requests: 75 }, to: { requests: 25 }, clients: 200 }

t.test('another process goes on: the same verdict, and who has failed has failed', async t => {
  const bench = new EvidenceBench({ warmupMs: 1_000 }).happen({ ...GOOD, heavy: { '10.0.0.9': 4 } }, 15)
  bench.happen({ ...GOOD, to: { requests: 25, failures: 4 }, signs: [{ bucket: 65_535 }, { bucket: 0 }, { bucket: 9, kind: 'slow' }] })
  const before = bench.verdict()
  bench.goOn(readStoredEvidence(JSON.parse(JSON.stringify(bench.analysis.stored()))))
  t.same(bench.verdict(), before)
  bench.happen({ ...GOOD, signs: [{ bucket: 65_535 }, { bucket: 0 }, { bucket: 9, kind: 'slow' }, { bucket: 10 }] })
  t.match(bench.verdict(), { errors: { clients: 3 }, slow: { clients: 1 }, heaviest: { key: '10.0.0.9' } })
})

t.test('what is stored is 26 KiB at most, with every client failed and slow and the longest names', async t => {
  const bench = new EvidenceBench({}, 1 / 3)
  const everybody = Array.from({ length: 65_536 }, (_, bucket) => (['failure', 'slow'] as const).map(kind => ({
    kind, bucket, side: bucket % 3 === 0 ? 'to' as const : 'from' as const, endpoint: String(bucket % 40).padEnd(64, 'x')
  }))).flat().filter(({ bucket }) => bucket % 11 !== 0)
  const heavy = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [String(index).padEnd(70, 'k'), 1e9 + index]))
  const counts = { requests: 123_456_789, failures: 12_345_678, rescued: 123_456, bothFailed: 12_345, slow: 1_234_567, halfRequests: 61_234_567, halfFailures: 6_123_456 }
  const copies = { requests: 123_456_789, failed: 1_234_567, realFailed: 1_234_567, bothFailed: 1_234_568, slow: 1_234_567, realSlow: 1_234_567, different: 12_345_678 }
  const longest = Array.from({ length: 8 }, (_, index) => String(index).padEnd(64, 'y'))
  const toByEndpoint = Object.fromEntries(longest.map(name => [name, { ...counts, requests: 13_580_245 }]))
  const copiesByEndpoint = Object.fromEntries(longest.map(name => [name, 1_234_567]))
  bench.happen({ from: counts, to: counts, toByEndpoint, copies, copiesByEndpoint, signs: everybody, heavy, clients: 255 })
  for (const share of [0.37, 1]) {
    bench.share = share
    bench.happen({ from: counts, to: { ...counts, failures: 11_345_679 }, clients: 255 }, 30)
  }
  const text = JSON.stringify(bench.analysis.stored())
  t.ok(text.length > 18_000, `${text.length} characters are full evidence`)
  t.ok(text.length <= 26 * 1_024, `${text.length} characters`)
  readStoredEvidence(JSON.parse(text))
})

t.test('of many endpoints the one with the failures is kept apart, whenever it comes', async t => {
  const bench = new EvidenceBench({ maxFailures: 1_000 }).happen(GOOD, 20)
  const many = Array.from({ length: 20 }, (_, index) => ({ bucket: index * 2, endpoint: `10.0.1.${index}:80` }))
  const bad = Array.from({ length: 400 }, (_, index) => ({ bucket: 1_000 + index * 2, endpoint: '10.0.2.1:80' }))
  bench.happen({ ...GOOD, to: { requests: 25, failures: 20 }, signs: many }).happen({ ...GOOD, to: { requests: 25, failures: 25 }, signs: bad })
  t.equal(bench.verdict().errors.clientsOnNew, 420, 'those that made room are still counted')
  t.equal(bench.verdict().code, 'errors', 'twenty on others are evidence without it')
})

t.test('clients are estimated from the buckets they fill, up to where that is many', async t => {
  const bench = new EvidenceBench()
  t.equal(bench.verdict().clients, null, 'nobody has said')
  for (const [set, clients] of [[1, 1], [30, 30], [200, 223], [255, 293], [256, null]] as const) {
    bench.happen({ clients: set })
    t.equal(bench.verdict().clients, clients, `${set} buckets`)
  }
})
