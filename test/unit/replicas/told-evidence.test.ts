/** The evidence that one replica sends another: what is meant arrives, and what no replica would say is not taken. */
import t from 'tap'
import type { SideCounts } from '../../../src/contract/rollout-watch.ts'
import { parseJson } from '../../../src/core/untrusted.ts'
import { MAX_PEER_ANSWER_BYTES } from '../../../src/replicas/peer-client.ts'
import { readToldEvidence, writeToldEvidence } from '../../../src/replicas/told-evidence.ts'
import { MAX_LEDGER_SIGNS, MAX_TOLD_EPOCHS, type ToldEvidence } from '../../../src/rollout/evidence-ledger.ts'

const COUNTS: SideCounts = { requests: 10, failures: 4, rescued: 2, bothFailed: 1, slow: 3, halfRequests: 5, halfFailures: 2 }
const TOLD: ToldEvidence = {
  source: '1kq3v9x0za.1',
  upTo: 7,
  hasMore: true,
  report: {
    cohorts: [{ epoch: 3, from: COUNTS, to: { ...COUNTS, requests: 99 }, toByEndpoint: new Map([['10.0.0.1:80', COUNTS], ['[fd00::1]:80', COUNTS]]) }],
    copies: { requests: 9, failed: 1, realFailed: 2, bothFailed: 3, slow: 1, realSlow: 1, different: 4 },
    copiesByEndpoint: new Map([['10.0.0.1:80', { requests: 2, failed: 1, realFailed: 0, bothFailed: 0, slow: 1, realSlow: 0, different: 1 }]]),
    matched: COUNTS,
    matchedByEndpoint: new Map([['10.0.0.2:80', COUNTS]]),
    signs: [
      { kind: 'failure', bucket: 65_535, side: 'to', epoch: 3, endpoint: '10.0.0.1:80' },
      { kind: 'slow', bucket: 0, side: 'from', epoch: 2, endpoint: '10.0.0.2:80' },
      { kind: 'failure', bucket: 7, side: 'from', epoch: 3, endpoint: '10.0.0.1:80' }
    ],
    heavy: [],
    dropped: 5,
    seen: Uint8Array.from({ length: 128 }, (_, index) => index)
  },
  heavy: [['0.1', [{ key: '192.0.2.1', failures: 12 }]]],
  inFlightTo: 4
}

const sent = (told: ToldEvidence): Readonly<Record<string, unknown>> => JSON.parse(JSON.stringify(writeToldEvidence(told))) // an object

t.test('what is meant arrives', t => {
  t.strictSame(readToldEvidence(sent(TOLD)), TOLD)
  const { seen, ...report } = TOLD.report
  t.ok(seen)
  t.strictSame(readToldEvidence(sent({ ...TOLD, report, heavy: [] })), { ...TOLD, report, heavy: [] })
  t.match(readToldEvidence({ ...sent(TOLD), more: 'of a newer Weir' }), { upTo: 7 })
  const { cohorts: [cohort = []] } = sent(TOLD) as { readonly cohorts: ReadonlyArray<readonly unknown[]> } // as it is sent
  const { toByEndpoint: _, ...plain } = TOLD.report.cohorts[0] ?? {}
  t.strictSame(readToldEvidence({ ...sent(TOLD), cohorts: [cohort.slice(0, 3)] })?.report.cohorts, [plain], 'an older Weir tells nothing by endpoint')
  t.end()
})

t.test('the largest answer of a book has place in what is read of a peer', t => {
  const signs = Array.from({ length: 2 * MAX_LEDGER_SIGNS }, (_, index) => (
    { kind: 'failure', bucket: 65_535 - index, side: 'to', epoch: 1_000_000_000, endpoint: `[fd00:1234:5678:9abc:def0:1234:5678:${(index % 100).toString(16)}]:65535` } as const
  ))
  const many = { requests: 1e9, failures: 1e9, rescued: 1e9, bothFailed: 0, slow: 0, halfRequests: 1e9, halfFailures: 1e9 }
  const toByEndpoint = new Map(Array.from({ length: 8 }, (_, index) => [`[fd00:1234:5678:9abc:def0:1234:5678:${index}]:65535`, many]))
  const cohorts = Array.from({ length: MAX_TOLD_EPOCHS }, (_, index) => ({ epoch: 1_000_000_000 + index, from: many, to: many, toByEndpoint }))
  const text = JSON.stringify(writeToldEvidence({ ...TOLD, report: { ...TOLD.report, cohorts, signs } }))
  t.ok(text.length < MAX_PEER_ANSWER_BYTES, `${text.length} bytes`)
  t.equal(readToldEvidence(parseJson(text))?.report.signs.length, signs.length)
  t.end()
})

t.test('what no replica would say is not taken', t => {
  const good = sent(TOLD)
  const numbers = ['-1', '1.5', '1e999', '1e300', '9007199254740993', '"7"', 'null', 'true', '[]', '{}']
  const text = JSON.stringify(good)
  const places: ReadonlyArray<readonly [string, string]> = [
    ['"upTo":7', '"upTo":'], ['"inFlightTo":4', '"inFlightTo":'], ['"dropped":5', '"dropped":'], ['[[3,[10,4', '[[3,['], ['[[3,[10', '[['], ['[1,65535,1', '[1,'],
    ['[1,65535,1', '['], ['"192.0.2.1",12', '"192.0.2.1",']
  ]
  for (const [place, start] of places) {
    t.ok(text.includes(place), place)
    for (const number of numbers) {
      const rest = place.slice(start.length).replace(/^[0-9]+/, number)
      const spoiled = parseJson(text.replace(place, `${start}${rest}`))
      t.equal(readToldEvidence(spoiled), undefined, `${place} as ${number}`)
    }
  }
  const zeros = [0, 0, 0, 0, 0, 0, 0]
  const bad: readonly unknown[] = [
    null, 1, 'x', [], {}, { ...good, source: 5 }, { ...good, source: 'x'.repeat(65) }, { ...good, hasMore: 'no' }, { ...good, cohorts: {} },
    { ...good, cohorts: [[3, [1, 2], [1, 2]]] }, { ...good, cohorts: Array.from({ length: 65 }, (_, index) => [index, [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]]) },
    ...[5, [5], [['a']], [['a', [1]]], [[5, zeros]], [['x'.repeat(65), zeros]], Array.from({ length: 9 }, (_, index) => [`${index}:80`, zeros])].flatMap(places => [
      { ...good, cohorts: [[3, zeros, zeros, places]] }, { ...good, copiesByEndpoint: places }, { ...good, matchedByEndpoint: places }
    ]),
    { ...good, signs: [[1, 65_536, 1, 3, 0]] }, { ...good, signs: [[2, 1, 1, 3, 0]] }, { ...good, signs: [[1, 1, 2, 3, 0]] }, { ...good, signs: [[1, 1, 1, 3, 9]] },
    { ...good, signs: [1] }, { ...good, signs: Array.from({ length: 2 * MAX_LEDGER_SIGNS + 1 }, () => [1, 1, 1, 3, 0]) }, { ...good, endpoints: ['x'.repeat(65)] },
    { ...good, seen: 'AAAA' }, { ...good, seen: 5 }, { ...good, seen: 'x'.repeat(1_000_000) }, { ...good, heavy: [['0.1', [['a', -1]]]] },
    { ...good, heavy: [['0.1', Array.from({ length: 17 }, () => ['a', 1])]] }, { ...good, heavy: Array.from({ length: 65 }, () => ['0.1', []]) }
  ]
  for (const value of bad) t.equal(readToldEvidence(value), undefined, JSON.stringify(value)?.slice(0, 120))
  t.end()
})
