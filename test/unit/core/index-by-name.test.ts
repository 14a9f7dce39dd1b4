import t from 'tap'
import { indexByName } from '../../../src/core/proxy-error.ts'

t.test('the names are numbered in their order', async t => {
  t.strictSame(indexByName(['b', 'a', 502]), { b: 0, a: 1, 502: 2 })
  t.strictSame(indexByName(['b', 'a', 502], 7), { b: 7, a: 8, 502: 9 })
  t.strictSame(indexByName([], 7), {})
})
