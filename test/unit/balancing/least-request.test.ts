import t from 'tap'
import { LeastRequest } from '../../../src/balancing/balancer.ts'

const candidates = (...inFlight: number[]) => inFlight.map((inFlight, hash) => ({ inFlight, hash, eligible: inFlight >= 0 }))
/** Draws in the order given, each as the share of 2^32 that it stands for. */
const drawing = (...shares: number[]) => {
  let next = 0
  return () => (shares[next++] ?? 0) * 2 ** 32
}

t.test('takes the less busy one of the two drawn', async t => {
  t.equal(new LeastRequest(drawing(0, 0)).pick(candidates(3, 1), 0), 1)
  t.equal(new LeastRequest(drawing(0.5, 0)).pick(candidates(3, 1), 0), 1)
  t.equal(new LeastRequest(drawing(0, 0.9)).pick(candidates(1, 9, 0, 2), 0), 0, 'the idle one was not drawn')
})

t.test('takes the first drawn on a tie', async t => {
  t.equal(new LeastRequest(drawing(0, 0)).pick(candidates(1, 1), 0), 0)
  t.equal(new LeastRequest(drawing(0.5, 0)).pick(candidates(1, 1), 0), 1)
})

t.test('draws again for one that is not eligible', async t => {
  t.equal(new LeastRequest(drawing(0, 0.3, 0.99)).pick(candidates(-1, 5, 4), 0), 2)
})

t.test('finds the last ones that are eligible, and still takes the less busy one', async t => {
  const unlucky = () => 0
  t.equal(new LeastRequest(unlucky).pick(candidates(-1, -1, -1, 7, -1, 3), 0), 5)
  t.equal(new LeastRequest(unlucky).pick(candidates(-1, -1, 7), 0), 2)
  t.equal(new LeastRequest(unlucky).pick(candidates(-1, -1, -1), 0), -1)
})
