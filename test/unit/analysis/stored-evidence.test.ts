/**
 * Evidence that comes back from a store may have been edited by anybody.
 */
import t from 'tap'
import { FAILURE_BYTES, readStoredEvidence, STORED_PARTS } from '../../../src/analysis/stored-evidence.ts'

const row = { signs: 0, logs: [0, 0, 0, 0, 0, 0, 0, 0] }
const signs = { spoken: '', from: row, others: row, endpoints: [{ name: '10.0.0.1:80', ...row }] }
const parts = Object.fromEntries(Object.entries(STORED_PARTS).map(([name, length]) => [name, new Array<number>(length).fill(0)]))
const good = {
  format: 2, elapsedMs: 12.5, failures: signs, slow: signs, parts, seen: '', heavy: [['10.1.2.3', 4]], blamed: null
}

const seven = [9, 1, 0, 0, 0, 4, 1]
const blame = { kind: 'slow', sinceMs: 300, inUseMs: 100, bad: 3, usual: 0.5 }
const endpoints = { traffic: [['10.0.0.1:80', seven, 2]], copies: [['10.0.0.1:80', seven, 0]], total: seven, blame, to: seven, failures: 4 }
const copies = [9, 1, 2, 3, 1, 1, 4, 5_000]

function faultOf (plain: unknown): string {
  try {
    readStoredEvidence(plain)
    return 'none'
  } catch (error) {
    return error instanceof Error ? error.message : 'no error'
  }
}

t.test('what is well formed is read as it is', async t => {
  t.same(readStoredEvidence(JSON.parse(JSON.stringify(good))), good)
  const bits = Buffer.alloc(FAILURE_BYTES, 7).toString('base64')
  const spoken = { ...good, failures: { ...signs, spoken: bits }, blamed: '10.0.0.1:80' }
  t.same(readStoredEvidence(spoken), spoken)
  t.same(readStoredEvidence({ ...good, copies }), { ...good, copies })
  const matched = [9, 1, 0, 0, 0, 0, 0]
  t.same(readStoredEvidence({ ...good, matched }), { ...good, matched })
  t.match(faultOf({ ...good, matched: [9] }), /^evidence\.matched is shorter/)
  t.same(readStoredEvidence({ ...good, endpoints }), { ...good, endpoints })
})

t.test('what is not is refused by the name of the field', async t => {
  const cases: ReadonlyArray<readonly [unknown, string]> = [
    [null, 'evidence'],
    [[], 'evidence'],
    [{ ...good, format: 1 }, 'evidence.format'],
    [{ ...good, elapsedMs: -1 }, 'evidence.elapsedMs'],
    [{ ...good, elapsedMs: Number.NaN }, 'evidence.elapsedMs'],
    [{ ...good, failures: 3 }, 'evidence.failures'],
    [{ ...good, slow: { ...signs, spoken: 'AAAA' } }, 'evidence.slow.spoken'],
    [{ ...good, slow: { ...signs, spoken: '!' } }, 'evidence.slow.spoken'],
    [{ ...good, failures: { ...signs, from: { signs: 1, logs: [0] } } }, 'evidence.failures.from.logs'],
    [{ ...good, failures: { ...signs, from: { ...row, logs: [0, 0, 0, '1', 0, 0, 0, 0] } } }, 'evidence.failures.from.logs[3]'],
    [{ ...good, failures: { ...signs, endpoints: new Array(5).fill(signs.endpoints[0]) } }, 'evidence.failures.endpoints'],
    [{ ...good, failures: { ...signs, endpoints: [{ ...row, name: 'x'.repeat(65) }] } }, 'evidence.failures.endpoints[0].name'],
    [{ ...good, parts: { ...parts, other: [1] } }, 'evidence.parts.other'],
    [{ ...good, seen: 'AA==' }, 'evidence.seen'],
    [{ ...good, heavy: new Array(17).fill(['a', 1]) }, 'evidence.heavy'],
    [{ ...good, heavy: [['a', -1]] }, 'evidence.heavy[0][1]'],
    [{ ...good, heavy: [['a', 1, 2]] }, 'evidence.heavy[0]'],
    [{ ...good, blamed: 4 }, 'evidence.blamed'],
    [{ ...good, endpoints: 4 }, 'evidence.endpoints'],
    [{ ...good, endpoints: { ...endpoints, traffic: [['a', seven, 1, 1]] } }, 'evidence.endpoints.traffic[0]'],
    [{ ...good, endpoints: { ...endpoints, traffic: [['a', [1], 0]] } }, 'evidence.endpoints.traffic[0][1]'],
    [{ ...good, endpoints: { ...endpoints, traffic: [['a', seven]] } }, 'evidence.endpoints.traffic[0][2]'],
    [{ ...good, endpoints: { ...endpoints, copies: new Array(9).fill(['a', seven, 0]) } }, 'evidence.endpoints.copies'],
    [{ ...good, endpoints: { ...endpoints, copies: [['x'.repeat(65), seven, 0]] } }, 'evidence.endpoints.copies[0][0]'],
    [{ ...good, endpoints: { ...endpoints, blame: { ...blame, sinceMs: -1 } } }, 'evidence.endpoints.blame.sinceMs'],
    [{ ...good, endpoints: { ...endpoints, blame: { ...blame, kind: 'x' } } }, 'evidence.endpoints.blame.kind'],
    [{ ...good, endpoints: { ...endpoints, to: [] } }, 'evidence.endpoints.to'],
    [{ ...good, endpoints: { ...endpoints, total: [1] } }, 'evidence.endpoints.total'],
    [{ ...good, endpoints: { ...endpoints, failures: '4' } }, 'evidence.endpoints.failures'],
    [{ ...good, copies: 4 }, 'evidence.copies'],
    [{ ...good, copies: [1] }, 'evidence.copies'],
    [{ ...good, copies: [...copies.slice(1), null] }, 'evidence.copies[7]']
  ]
  for (const [plain, place] of cases) {
    t.equal(faultOf(plain).split(' ')[0], place)
  }
})
