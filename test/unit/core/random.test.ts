import t from 'tap'
import { Random } from '../../../src/core/random.ts'

const draws = (random: Random, count: number) => Array.from({ length: count }, () => random.nextUint32())

t.test('a seed gives its sequence, another seed another one', async t => {
  t.same(draws(new Random(42), 10), draws(new Random(42), 10))
  t.notSame(draws(new Random(42), 10), draws(new Random(43), 10))
  t.notSame(draws(new Random(1), 10), draws(new Random(1 + 2 ** 32), 10))
})

t.test('without a seed no two are alike', async t => {
  t.notSame(draws(new Random(), 10), draws(new Random(), 10))
})

t.test('signed and unsigned draws are the same bits', async t => {
  const signed = new Random(7)
  const unsigned = new Random(7)
  for (let n = 0; n < 100; n++) t.equal(signed.nextInt32() >>> 0, unsigned.nextUint32())
})

t.test('every bit is set half of the time', async t => {
  const counts = new Array<number>(32).fill(0)
  for (const drawn of draws(new Random(1), 20_000)) {
    for (let bit = 0; bit < 32; bit++) counts[bit] = (counts[bit] ?? 0) + ((drawn >>> bit) & 1)
  }
  t.ok(counts.every(count => Math.abs(count - 10_000) < 450), counts.join(' '))
})
