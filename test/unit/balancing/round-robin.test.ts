import t from 'tap'
import { RoundRobin } from '../../../src/balancing/balancer.ts'

const candidates = (...eligible: boolean[]) => eligible.map((eligible, hash) => ({ inFlight: 0, hash, eligible }))
const picks = (balancer: RoundRobin, list: ReturnType<typeof candidates>, times: number) => Array.from({ length: times }, () => balancer.pick(list, 0))

t.test('takes one after the other', async t => {
  t.same(picks(new RoundRobin(() => 0), candidates(true, true, true), 7), [0, 1, 2, 0, 1, 2, 0])
})

t.test('starts where chance says', async t => {
  t.same(picks(new RoundRobin(() => 5), candidates(true, true, true), 3), [2, 0, 1])
  t.same(picks(new RoundRobin(() => -1), candidates(true, true), 2).sort(), [0, 1])
})

t.test('the neighbour of one that is not eligible gets no double share', async t => {
  t.same(picks(new RoundRobin(() => 0), candidates(true, false, true, true), 6), [0, 2, 3, 0, 2, 3])
})

t.test('goes on when candidates come and go', async t => {
  const balancer = new RoundRobin(() => 0)
  t.same(picks(balancer, candidates(true, true, true), 2), [0, 1])
  t.same(picks(balancer, candidates(true), 2), [0, 0])
  t.same(picks(balancer, candidates(), 1), [-1])
  t.same(picks(balancer, candidates(true, true), 2), [0, 1])
})
