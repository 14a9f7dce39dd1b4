import t from 'tap'
import { createBalancer, LeastRequest, Rendezvous, RoundRobin } from '../../../src/balancing/balancer.ts'

t.test('each name makes its balancer', async t => {
  t.ok(createBalancer('least-request', 'version', () => 0) instanceof LeastRequest)
  t.ok(createBalancer('round-robin', 'version', () => 0) instanceof RoundRobin)
  t.ok(createBalancer('rendezvous', 'version', () => 0) instanceof Rendezvous)
})

t.test('affinity to the endpoint is always kept by rendezvous', async t => {
  t.ok(createBalancer('least-request', 'endpoint', () => 0) instanceof Rendezvous)
  t.ok(createBalancer('round-robin', 'endpoint', () => 0) instanceof Rendezvous)
})
