import t from 'tap'
import { RequestIds } from '../../../src/proxy/request-ids.ts'

t.test('ids are 32 hexadecimal digits, all different, and count in their last twelve', async t => {
  const ids = new RequestIds()
  const made = Array.from({ length: 5_000 }, () => ids.next().toString('latin1'))
  t.ok(made.every(id => /^[0-9a-f]{32}$/.test(id)))
  t.equal(new Set(made).size, made.length)
  t.same(made.map(id => Number.parseInt(id.slice(20), 16)), made.map((_, index) => index + 1))
})

t.test('two workers do not make the same ids', async t => {
  t.not(new RequestIds().next().toString('latin1'), new RequestIds().next().toString('latin1'))
})
