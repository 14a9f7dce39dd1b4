import fc from 'fast-check'
import t from 'tap'
import { Random } from '../../../src/core/random.ts'
import { ActiveCheck } from '../../../src/health/active-check.ts'
import { CircuitBreaker } from '../../../src/upstream/version-pool.ts'
import { RetryBudget } from '../../../src/health/retry-budget.ts'
import { SlowStart } from '../../../src/health/endpoint-health.ts'
import { type RateSample, worstRate } from '../../../src/health/outlier-ejection.ts'

t.test('a budget is never overdrawn, and never refuses what it has', async t => {
  const operation = fc.record({ take: fc.boolean(), active: fc.nat({ max: 500 }) })
  const policies = fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), minimum: fc.nat({ max: 10 }) })
  fc.assert(fc.property(policies, fc.array(operation, { maxLength: 200 }), (policy, operations) => {
    const budget = new RetryBudget(policy)
    let underWay = 0
    return operations.every(({ take, active }) => {
      if (!take) {
        budget.release()
        underWay = Math.max(0, underWay - 1)
        return true
      }
      const room = underWay < Math.max(policy.minimum, Math.floor(active * policy.share))
      if (room) underWay++
      return budget.tryTake(active) === room
    })
  }))
  t.pass('held')
})

t.test('a breaker that is asked before each addition keeps the count at its limit', async t => {
  fc.assert(fc.property(fc.nat({ max: 20 }), fc.array(fc.boolean(), { maxLength: 200 }), (limit, comings) => {
    const breaker = new CircuitBreaker({ connections: limit, pending: 0, requests: 0 })
    let open = 0
    let refused = 0
    for (const comes of comings) {
      if (!comes) open = Math.max(0, open - 1)
      else if (breaker.allowsConnection(open, 0)) open++
      else refused++
      if (limit > 0 && open > limit) return false
    }
    return limit > 0 || refused === 0
  }))
  t.pass('held')
})

t.test('the share of a starting endpoint only grows, from the minimum to 1', async t => {
  const policies = fc.record({ windowMs: fc.nat({ max: 600_000 }), minShare: fc.double({ min: 0, max: 1, noNaN: true }) })
  const time = fc.double({ min: 0, max: 1e9, noNaN: true })
  fc.assert(fc.property(policies, time, time, time, (policy, sinceMs, oneMs, otherMs) => {
    const slowStart = new SlowStart(policy)
    const [early, late] = [Math.min(oneMs, otherMs), Math.max(oneMs, otherMs)].map(nowMs => slowStart.factor(sinceMs, nowMs))
    return early !== undefined && late !== undefined && early <= late + 1e-12 && late <= 1 + 1e-12 && early >= policy.minShare - 1e-12 &&
      slowStart.factor(sinceMs, sinceMs + policy.windowMs * 1.001 + 1) === 1
  }))
  t.pass('held')
})

t.test('a check turns only on the first result or when the latest `fall` or `rise` results agree', async t => {
  const policies = fc.record({ intervalMs: fc.constant(1_000), jitter: fc.double({ min: 0, max: 1, noNaN: true }), rise: fc.integer({ min: 1, max: 5 }), fall: fc.integer({ min: 1, max: 5 }) })
  fc.assert(fc.property(policies, fc.integer(), fc.array(fc.boolean(), { maxLength: 60 }), (policy, seed, results) => {
    const random = new Random(seed)
    const check = new ActiveCheck(policy, () => random.nextInt32(), 0)
    if (check.nextProbeMs < 0 || check.nextProbeMs > 1_000 * policy.jitter) return false
    let healthy = true
    return results.every((passed, index) => {
      const nowMs = index * 1_000
      const needed = index === 0 ? 1 : healthy ? policy.fall : policy.rise
      const latest = results.slice(Math.max(0, index + 1 - needed), index + 1)
      const turns = passed !== healthy && latest.length === needed && latest.every(result => result === passed)
      if (turns) healthy = passed
      const told = check.record({ passed, detail: '' }, nowMs)
      const delay = check.nextProbeMs - nowMs
      return told === turns && check.healthy === healthy && delay >= 1_000 * (1 - policy.jitter) - 1e-6 && delay <= 1_000 * (1 + policy.jitter) + 1e-6
    })
  }))
  t.pass('held')
})

const sample: fc.Arbitrary<RateSample> = fc.integer({ min: 100, max: 5_000 }).chain(requests => fc.record({ requests: fc.constant(requests), failures: fc.nat({ max: requests }) }))
const rate = ({ requests, failures }: RateSample) => 1 - failures / requests
const policy = { minEndpoints: 3, minRequests: 100, stdevFactor: 3, minDifference: 0.1 }

t.test('an outlier is the worst of all and far below the others, in whatever order they stand', async t => {
  fc.assert(fc.property(fc.array(sample, { maxLength: 12 }), samples => {
    const outlier = worstRate(samples, policy)
    const reversed = worstRate(samples.toReversed(), policy)
    if (outlier === undefined || reversed === undefined) return outlier === reversed
    const others = samples.filter((_, index) => index !== outlier.index)
    const mean = others.reduce((sum, each) => sum + rate(each), 0) / others.length
    return samples.length >= 3 && others.every(each => rate(each) > outlier.rate) && mean - outlier.rate >= 0.1 - 1e-9 &&
      samples.length - 1 - reversed.index === outlier.index
  }), { numRuns: 1_000 })
  t.pass('held')
})

t.test('an endpoint that fails while all others are well is found, however many there are', async t => {
  fc.assert(fc.property(fc.integer({ min: 2, max: 30 }), fc.nat(), fc.double({ min: 0.11, max: 1, noNaN: true }), (well, place, share) => {
    const samples: RateSample[] = Array.from({ length: well }, () => ({ requests: 1_000, failures: 0 }))
    const position = place % (well + 1)
    samples.splice(position, 0, { requests: 1_000, failures: Math.ceil(share * 1_000) })
    return worstRate(samples, policy)?.index === position
  }))
  t.pass('held')
})

t.test('endpoints that fail alike are hardly ever told apart by chance', async t => {
  const random = new Random(11)
  let singledOut = 0
  for (let round = 0; round < 2_000; round++) {
    const samples = Array.from({ length: 5 }, () => {
      let failures = 0
      for (let n = 0; n < 100; n++) if (random.nextUint32() < 0.3 * 2 ** 32) failures++
      return { requests: 100, failures }
    })
    if (worstRate(samples, policy) !== undefined) singledOut++
  }
  t.ok(singledOut < 2_000 * 0.03, `${singledOut} of 2000 intervals`)
})
