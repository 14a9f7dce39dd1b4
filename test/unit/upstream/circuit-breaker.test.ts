import t from 'tap'
import { CircuitBreaker } from '../../../src/upstream/version-pool.ts'

t.test('lets in as many as the limit', async t => {
  const breaker = new CircuitBreaker({ connections: 2, pending: 1, requests: 3 })
  t.same([0, 1, 2, 3].map(open => breaker.allowsConnection(open, 0)), [true, true, false, false])
  t.same([0, 1].map(waiting => breaker.allowsConnection(0, waiting)), [true, false])
  t.same([2, 3, 4, 5].map(inFlight => breaker.allowsRequest(inFlight)), [true, false, false, false])
})

t.test('0 is no limit', async t => {
  const breaker = new CircuitBreaker({ connections: 0, pending: 0, requests: 0 })
  t.ok(breaker.allowsConnection(1e9, 1e9) && breaker.allowsRequest(1e9))
})
