/** The book of what one replica has seen of a rollout: whoever fetches it gets everything once, whatever answers are lost, and it never grows without bound. */
import t from 'tap'
import { emptyCounts } from '../../../src/analysis/side-counts.ts'
import type { EvidenceReport, FirstSign, SideCounts } from '../../../src/contract/rollout-watch.ts'
import { NO_COPIES } from '../../helpers/evidence.ts'
import { EvidenceLedger, MAX_LEDGER_SIGNS, MAX_TOLD_EPOCHS, MAX_TOLD_WORKERS } from '../../../src/rollout/evidence-ledger.ts'

const NONE: SideCounts = emptyCounts()
const sign = (bucket: number): FirstSign => ({ kind: 'failure', bucket, side: 'to', epoch: 2, endpoint: '10.0.0.1:80' })
const report = (requests: number, signs: readonly FirstSign[] = [], epoch = 2): EvidenceReport =>
  ({ cohorts: [{ epoch, from: NONE, to: { ...NONE, requests } }], signs, heavy: [], dropped: 0 })

/** Reads a book as the leader does, some of whose answers are lost. */
class Reader {
  readonly ledger: EvidenceLedger
  after = 0
  requests = 0
  readonly buckets: number[] = []
  answers = 0

  constructor (ledger: EvidenceLedger) {
    this.ledger = ledger
  }

  read (isLost: () => boolean = () => false): void {
    for (let hasMore = true; hasMore;) {
      const told = this.ledger.since(this.after, 0)
      this.answers++
      if (isLost()) return
      for (const { to } of told.report.cohorts) this.requests += to.requests
      this.buckets.push(...told.report.signs.map(({ bucket }) => bucket))
      this.after = told.upTo
      hasMore = told.hasMore
    }
  }
}

t.test('everything is told once, whatever answers are lost', t => {
  const ledger = new EvidenceLedger('one.1')
  const reader = new Reader(ledger)
  let turn = 0
  for (let bucket = 0; bucket < 200; bucket++) {
    ledger.add(report(bucket, [sign(bucket)]), 'worker 0')
    if (bucket % 3 === 0) reader.read(() => turn++ % 2 === 0)
  }
  reader.read()
  t.equal(reader.requests, 199 * 200 / 2)
  t.same(reader.buckets, Array.from({ length: 200 }, (_, index) => index))
  reader.read()
  t.equal(reader.buckets.length, 200, 'without news there is nothing to tell')
  t.end()
})

t.test('copies are told once, with what else a page has or alone', t => {
  const ledger = new EvidenceLedger('one.1')
  const copies = (requests: number): EvidenceReport['copies'] & object => ({ ...NO_COPIES, requests, failed: 1, different: 2 })
  ledger.add({ ...report(3), copies: copies(3) }, 'worker 0')
  ledger.add({ cohorts: [], copies: copies(4), signs: [], heavy: [], dropped: 0 }, 'worker 1')
  const told = ledger.since(0, 0)
  t.match(told.report.copies, { requests: 7, failed: 2, realFailed: 0, different: 4 })
  t.equal(ledger.since(told.upTo, 0).report.copies, undefined)
  ledger.add({ cohorts: [], copies: copies(5), signs: [], heavy: [], dropped: 0 }, 'worker 1')
  t.match(ledger.since(told.upTo, 0).report.copies, { requests: 5 }, 'a page of copies alone is one')
  for (let page = 0; page < 300; page++) {
    ledger.add({ cohorts: [], copies: copies(1), signs: [], heavy: [], dropped: 0 }, 'worker 0')
    ledger.close()
  }
  t.match(ledger.since(0, 0).report.copies, { requests: 312 }, 'pages that have become one keep them')
  t.end()
})

t.test('what a match has brought is told once, also alone', t => {
  const ledger = new EvidenceLedger('one.1')
  const matched = { ...emptyCounts(), requests: 3, failures: 1 }
  for (const worker of ['worker 0', 'worker 1']) ledger.add({ cohorts: [], matched, signs: [], heavy: [], dropped: 0 }, worker)
  const told = ledger.since(0, 0)
  t.match(told.report.matched, { requests: 6, failures: 2 })
  t.equal(ledger.since(told.upTo, 0).report.matched, undefined)
  t.equal(matched.requests, 3, 'nobody else\'s counts are changed')
  t.end()
})

t.test('what went wrong is told by endpoint, each count once, of those with the most', t => {
  const ledger = new EvidenceLedger('one.1')
  const failed = (failures: number): SideCounts => ({ ...NONE, requests: failures, failures })
  const copies = (count: number) => ({ ...NO_COPIES, requests: count, failed: count })
  const told = (name: string, count: number): EvidenceReport => ({
    cohorts: [{ epoch: 2, from: NONE, to: failed(count), toByEndpoint: new Map([[name, failed(count)]]) }],
    copies: copies(count),
    copiesByEndpoint: new Map([[name, copies(count)]]),
    matched: failed(count),
    matchedByEndpoint: new Map([[name, failed(count)]]),
    signs: [],
    heavy: [],
    dropped: 0
  })
  const one = told('a:80', 3)
  ledger.add(one, 'worker 0')
  ledger.close()
  ledger.add(told('a:80', 4), 'worker 1')
  ledger.add(told('b:80', 2), 'worker 1')
  const first = ledger.since(0, 0)
  const { cohorts: [cohort], copiesByEndpoint, matchedByEndpoint } = first.report
  for (const places of [cohort?.toByEndpoint, matchedByEndpoint]) t.match([...places ?? []], [['a:80', { failures: 7 }], ['b:80', { failures: 2 }]])
  t.match([...copiesByEndpoint ?? []], [['a:80', { failed: 7 }], ['b:80', { failed: 2 }]])
  t.equal(one.cohorts[0]?.toByEndpoint?.get('a:80')?.failures, 3, 'nobody else\'s counts are changed')
  for (let name = 0; name < 40; name++) ledger.add(told(`${name}:80`, name === 7 ? 60 : 1), 'worker 0')
  for (let page = 0; page < 100; page++) {
    ledger.add(told(`${page}:81`, 1), 'worker 0')
    ledger.close()
  }
  const rest = ledger.since(first.upTo, 0).report
  for (const places of [rest.cohorts[0]?.toByEndpoint, rest.copiesByEndpoint, rest.matchedByEndpoint]) {
    t.equal(places?.size, 8)
    t.equal(places?.get('7:80')?.requests, 60, 'who has more than an eighth is among them')
  }
  t.end()
})

t.test('another one that comes later goes on behind the page that is known', t => {
  const ledger = new EvidenceLedger('one.1')
  const first = new Reader(ledger)
  ledger.add(report(5, [sign(1)]), 'worker 0')
  first.read()
  ledger.add(report(7, [sign(2)]), 'worker 0')
  first.read()
  ledger.add(report(11, [sign(3)]), 'worker 0')
  const stored = 1
  const second = new Reader(ledger)
  second.after = stored
  second.read()
  t.equal(second.requests, 18)
  t.same(second.buckets, [2, 3])
  t.equal(ledger.since(1_000_000, 0).upTo, 3, 'a page that was never written is none')
  t.end()
})

t.test('only who names the book is told its pages', t => {
  const ledger = new EvidenceLedger('one.2')
  ledger.add(report(5, [sign(1)]), 'worker 0')
  for (const source of [undefined, 'one.1', '']) {
    t.match(ledger.answer({ source, after: 0 }, 3), { source: 'one.2', upTo: 0, hasMore: true, report: { cohorts: [], signs: [] }, inFlightTo: 3 })
  }
  t.match(ledger.answer({ source: 'one.2', after: 0 }, 3), { upTo: 1, hasMore: false, report: { cohorts: [{ to: { requests: 5 } }] } })
  t.end()
})

t.test('heavy clients and clients seen are told when they have changed', t => {
  const ledger = new EvidenceLedger('one.1')
  const seen = (byte: number): Uint8Array => Uint8Array.from({ length: 128 }, (_, index) => index === 0 ? byte : 0)
  ledger.add({ ...report(1), heavy: [{ key: 'a', failures: 3 }], seen: seen(1) }, 'worker 0')
  ledger.add({ ...report(1), heavy: [{ key: 'b', failures: 2 }], seen: seen(2) }, 'worker 1')
  ledger.add({ ...report(1), heavy: [{ key: 'a', failures: 4 }] }, 'worker 0')
  const told = ledger.since(0, 0)
  t.same(told.heavy, [['worker 1', [{ key: 'b', failures: 2 }]], ['worker 0', [{ key: 'a', failures: 4 }]]])
  t.equal(told.report.seen?.[0], 3)
  ledger.add(report(1), 'worker 0')
  t.match(ledger.since(told.upTo, 0), { heavy: [], report: { seen: undefined } })
  ledger.add({ cohorts: [], signs: [], heavy: [{ key: 'a', failures: 5 }], dropped: 0 }, 'worker 0')
  t.match(ledger.since(2, 0), { upTo: 3, heavy: [['worker 0', [{ failures: 5 }]]] })
  for (let worker = 0; worker < 500; worker++) ledger.add({ ...report(1), heavy: [{ key: 'c', failures: 1 }] }, `life ${worker}`)
  t.equal(ledger.since(3, 0).heavy.length, MAX_TOLD_WORKERS)
  t.end()
})

t.test('a book that nobody reads, or that somebody reads all the time, stays small', t => {
  const ledger = new EvidenceLedger('one.1')
  const many = Array.from({ length: 300 }, (_, index) => sign(index))
  for (let round = 0; round < 1_000; round++) ledger.add(report(1, many, round), 'worker 0')
  const told = ledger.since(0, 0)
  t.ok(told.report.cohorts.length <= MAX_TOLD_EPOCHS)
  const reader = new Reader(ledger)
  reader.read()
  t.ok(reader.buckets.length <= MAX_LEDGER_SIGNS + 600, `${reader.buckets.length} signs`)
  t.ok(reader.answers < 30, `${reader.answers} answers`)
  t.end()
})

t.test('pages that are long past become one, and no count is lost or told twice', t => {
  const ledger = new EvidenceLedger('one.1')
  for (let round = 0; round < 400; round++) {
    ledger.add(report(1), 'worker 0')
    ledger.since(0, 0)
  }
  const whole = new Reader(ledger)
  whole.read()
  t.equal(whole.requests, 400)
  const known = new Reader(ledger)
  known.after = 300
  known.read()
  t.equal(known.requests, 100)
  const inside = new Reader(ledger)
  inside.after = 20
  inside.read()
  t.equal(inside.requests, 255, 'a page of which a part is known is told as nothing')
  t.end()
})
