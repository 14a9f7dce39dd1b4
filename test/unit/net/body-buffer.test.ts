import t from 'tap'
import { BodyBuffer, BufferPool, SMALL_READ_BYTES } from '../../../src/net/buffer-pool.ts'
import type { ReadBuffer } from '../../../src/net/byte-stream.ts'

const LARGE_BYTES = 65_536

/** A pool that knows which of its buffers are out. */
class WatchedPool extends BufferPool {
  readonly out = new Set<ReadBuffer>()

  constructor (length: number) {
    super({ headroom: 8, length, tailroom: 8 }, 4)
  }

  override take (): ReadBuffer {
    const buffer = super.take()
    this.out.add(buffer)
    return buffer
  }

  override give (buffer: ReadBuffer): void {
    if (!this.out.delete(buffer)) throw new Error('this buffer is not out of this pool')
    super.give(buffer)
  }
}

function setUp (): {
  readonly pools: { readonly smallBuffers: WatchedPool, readonly bodyBuffers: WatchedPool, budget: { used: number, largeBelow: number } }
  readonly body: BodyBuffer
  readonly out: () => readonly [small: number, large: number]
} {
  const pools = {
    smallBuffers: new WatchedPool(SMALL_READ_BYTES),
    bodyBuffers: new WatchedPool(LARGE_BYTES),
    budget: { used: 0, largeBelow: 1 }
  }
  return { pools, body: new BodyBuffer(pools), out: () => [pools.smallBuffers.out.size, pools.bodyBuffers.out.size] }
}

t.test('a body begins in a small buffer, and gives it back at its end', async t => {
  const { body, out } = setUp()
  t.equal(body.inUse, false)
  t.equal(body.begin().window.length, SMALL_READ_BYTES)
  t.same([body.inUse, out()], [true, [1, 0]])
  t.ok(body.memoryBytes < 2 * SMALL_READ_BYTES)
  body.end(false)
  t.same([body.inUse, out()], [false, [0, 0]])
})

t.test('small reads lead to a small buffer, and one that fills it to a large one again', async t => {
  const { body, out } = setUp()
  body.begin()
  t.equal(body.fit(SMALL_READ_BYTES, false)?.window.length, LARGE_BYTES)
  t.ok(body.memoryBytes > LARGE_BYTES)
  t.equal(body.fit(SMALL_READ_BYTES + 1, false), null, 'a read that a small one could not bring')
  t.equal(body.fit(1, false)?.window.length, SMALL_READ_BYTES)
  t.same(out(), [1, 0])
  t.equal(body.fit(SMALL_READ_BYTES - 1, false), null)
  t.equal(body.fit(SMALL_READ_BYTES, false)?.window.length, LARGE_BYTES)
  t.same(out(), [0, 1])
  t.equal(body.fit(SMALL_READ_BYTES, false)?.window.length, SMALL_READ_BYTES)
  body.end(false)
  t.same(out(), [0, 0])
})

t.test('within a read it may begin with a buffer of either size', async t => {
  for (const [length, size] of [[1, SMALL_READ_BYTES], [SMALL_READ_BYTES - 1, SMALL_READ_BYTES], [SMALL_READ_BYTES, LARGE_BYTES], [LARGE_BYTES, LARGE_BYTES]] as const) {
    const { body, out } = setUp()
    t.equal(body.beginWithin(length).window.length, size)
    body.end(false)
    t.same(out(), [0, 0])
  }
})

t.test('a buffer that a write holds on to is neither changed nor given back', async t => {
  const { body, out } = setUp()
  body.begin()
  t.equal(body.fit(1, true), null)
  body.end(true)
  t.same([body.inUse, out()], [false, [1, 0]], 'it is left to the write')
})

t.test('while memory runs short all buffers are small', async t => {
  const { pools, body, out } = setUp()
  body.beginWithin(LARGE_BYTES)
  pools.budget.used = 1
  t.equal(body.fit(LARGE_BYTES, false)?.window.length, SMALL_READ_BYTES)
  t.equal(body.fit(SMALL_READ_BYTES, false), null)
  body.end(false)
  t.equal(body.beginWithin(LARGE_BYTES).window.length, SMALL_READ_BYTES)
  body.end(false)
  t.same(out(), [0, 0])
  pools.budget.used = 0
  body.begin()
  t.equal(body.fit(SMALL_READ_BYTES, false)?.window.length, LARGE_BYTES)
  body.end(false)
})

t.test('without a buffer nothing is changed', async t => {
  const { body, out } = setUp()
  t.equal(body.fit(1, false), null)
  body.end(false)
  body.end(true)
  t.same(out(), [0, 0])
})
