import t from 'tap'
import { BufferPool } from '../../../src/net/buffer-pool.ts'

const SHAPE = { headroom: 5, length: 10, tailroom: 3 }

t.test('a buffer has its window between head and tail room', async t => {
  const { memory, window, offset } = new BufferPool(SHAPE, 1).take()
  t.equal(memory.length, 18)
  t.equal(window.length, 10)
  t.equal(offset, 5)
  window.fill(1)
  t.same([memory[5], memory[14]], [1, 1], 'the window is a part of the memory')
})

t.test('two that are out are never the same, and the one given back last is lent first', async t => {
  const pool = new BufferPool(SHAPE, 8)
  const first = pool.take()
  const second = pool.take()
  t.not(first.memory, second.memory)
  pool.give(first)
  pool.give(second)
  t.equal(pool.take(), second)
  t.equal(pool.take(), first)
  t.not(pool.take(), first)
})

t.test('no more than the bound are kept', async t => {
  const pool = new BufferPool(SHAPE, 1)
  const [first, second] = [pool.take(), pool.take()]
  pool.give(first)
  pool.give(second)
  t.equal(pool.take(), first)
  t.not(pool.take(), second)
})
