import t from 'tap'
import { ByteBudget } from '../../../src/net/byte-budget.ts'
import { BufferPool } from '../../../src/net/buffer-pool.ts'
import { ResponseBuffers } from '../../../src/upstream/response-buffers.ts'

const LIMIT = 1_000

function setUp () {
  const budget = new ByteBudget(LIMIT, () => {})
  return { budget, buffers: new ResponseBuffers(new BufferPool({ headroom: 64, length: 65_536, tailroom: 64 }, 1), budget) }
}

t.test('a large buffer is lent once, and given back', async t => {
  const { buffers } = setUp()
  const small = buffers.current
  t.equal(buffers.mayGrow, true)
  const large = buffers.enlarge()
  t.same([buffers.current === large, buffers.mayGrow, buffers.tooLarge], [true, false, false])
  t.equal(buffers.shrink(), small)
  t.same([buffers.current === small, buffers.mayGrow, buffers.shrink()], [true, true, null])
})

t.test('while memory runs short none is lent, and one that is out is too large', async t => {
  const { budget, buffers } = setUp()
  budget.change(budget.largeBelow - 1)
  t.equal(buffers.mayGrow, true)
  budget.change(1)
  t.equal(buffers.mayGrow, false)
  t.equal(buffers.tooLarge, false, 'a small one never is')
  budget.change(-1)
  buffers.enlarge()
  t.equal(buffers.tooLarge, false)
  budget.change(1)
  t.equal(buffers.tooLarge, true)
})
