import t from 'tap'
import { epochTag, parseIfMatch } from '../../../src/admin/operation.ts'

const CASES: readonly (readonly [string | undefined, object])[] = [
  [undefined, { kind: 'any' }],
  ['*', { kind: 'any' }],
  [' * ', { kind: 'any' }],
  ['"3"', { kind: 'epochs', epochs: [3] }],
  ['"3", "4"', { kind: 'epochs', epochs: [3, 4] }],
  ['"3","x" , "4"', { kind: 'epochs', epochs: [3, 4] }],
  ['W/"3"', { kind: 'epochs', epochs: [] }],
  ['""', { kind: 'epochs', epochs: [] }],
  ['"03"', { kind: 'epochs', epochs: [] }],
  ['"1e3"', { kind: 'epochs', epochs: [] }],
  ['"9999999999999999999999"', { kind: 'epochs', epochs: [] }],
  ['"a, b"', { kind: 'malformed' }],
  [', "3", ,"4",', { kind: 'epochs', epochs: [3, 4] }],
  ['', { kind: 'malformed' }],
  [', ,', { kind: 'malformed' }],
  ['3', { kind: 'malformed' }],
  ['"3', { kind: 'malformed' }],
  ['"3" "4"', { kind: 'malformed' }],
  ['*, "3"', { kind: 'malformed' }],
  ['w/"3"', { kind: 'malformed' }]
]

for (const [field, parsed] of CASES) {
  t.test(`If-Match ${field === undefined ? 'missing' : `[${field}]`} is read`, async t => {
    t.same(parseIfMatch(field), parsed)
  })
}

t.test('the tag of an epoch is read back as that epoch', async t => {
  for (const epoch of [1, 10, 123_456_789]) t.same(parseIfMatch(epochTag(epoch)), { kind: 'epochs', epochs: [epoch] })
})

t.test('a long field of garbage is refused at once', async t => {
  t.same(parseIfMatch('"'.repeat(16_001)), { kind: 'malformed' })
  t.same(parseIfMatch('"1",'.repeat(4_000)), { kind: 'epochs', epochs: Array(4_000).fill(1) })
})
