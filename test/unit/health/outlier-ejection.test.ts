import t from 'tap'
import { EndpointHealth } from '../../../src/health/endpoint-health.ts'
import { OutlierEjection, type EjectionEvent } from '../../../src/health/outlier-ejection.ts'
import { ejectionPolicy, SUCCESS_RATE } from '../../helpers/health-policy.ts'
import { memberSetter } from '../../helpers/set-members.ts'
import type { EjectionPolicy } from '../../../src/contract/route-policy.ts'

const setMembers = memberSetter()

const endpoints = (count: number) => Array.from({ length: count }, (_, n) => new EndpointHealth(`10.0.0.${n + 1}:80`))

function ejecting (count: number, different: Partial<EjectionPolicy> = {}) {
  const members = endpoints(count)
  const events: EjectionEvent[] = []
  const ejection = new OutlierEjection(ejectionPolicy(different), event => { events.push(event) })
  setMembers(ejection, members, 0)
  const fail = (index: number, times: number, nowMs: number) => {
    const endpoint = members[index]
    for (let n = 0; n < times; n++) if (endpoint !== undefined) ejection.failed(endpoint, 'status_503', nowMs)
  }
  const serve = (requests: number, failing: number, failures: number) => {
    members.forEach((endpoint, index) => {
      for (let n = 0; n < requests; n++) {
        // Spread, so that they never come in a row.
        if (index === failing && n % Math.floor(requests / failures) === 0) endpoint.failed()
        else endpoint.succeeded()
      }
    })
  }
  const ejected = () => members.map(endpoint => endpoint.ejected ? 1 : 0)
  return { members, ejection, events, fail, serve, ejected }
}

t.test('ejects at the last of the failures in a row, and says why', async t => {
  const { events, fail, ejected } = ejecting(3)
  fail(1, 4, 1_000)
  t.same(ejected(), [0, 0, 0])
  fail(1, 1, 1_000)
  t.same(ejected(), [0, 1, 0])
  t.same(events, [{
    kind: 'ejected',
    endpoint: '10.0.0.2:80',
    ejection: { cause: 'consecutive-failures', sinceMs: 1_000, untilMs: 11_000, detail: '5 failures in a row, the last one status_503' }
  }])
})

t.test('a success between them starts the count anew', async t => {
  const { members, fail, ejected } = ejecting(3)
  fail(1, 4, 0)
  members[1]?.succeeded()
  fail(1, 4, 0)
  t.same(ejected(), [0, 0, 0])
})

t.test('comes back when its time is over, on trial', async t => {
  const { members, ejection, events, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  ejection.tick(9_999)
  t.same(ejected(), [1, 0, 0])
  ejection.tick(10_000)
  t.same(ejected(), [0, 0, 0])
  t.equal(members[0]?.inTrial, true)
  t.same(events.at(-1), { kind: 'returned', endpoint: '10.0.0.1:80' })
})

t.test('the first failure on trial ejects again, each time for longer, up to the maximum', async t => {
  const { members, ejection, fail } = ejecting(3, { maxMs: 35_000 })
  fail(0, 5, 0)
  const lengths = []
  let nowMs = 0
  for (let n = 0; n < 5; n++) {
    const untilMs = members[0]?.ejectedUntilMs ?? 0
    lengths.push(untilMs - nowMs)
    nowMs = untilMs
    ejection.tick(nowMs)
    fail(0, 1, nowMs)
  }
  t.same(lengths, [10_000, 20_000, 30_000, 35_000, 35_000])
  t.match(members[0]?.reasons(), [{ kind: 'ejected', detail: 'failed again (status_503) when it was back from an ejection' }])
  t.equal(members[0]?.reasons().length, 1, 'the trial is over')
})

t.test('a success on trial makes it as good as the others', async t => {
  const { members, ejection, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  ejection.tick(10_000)
  members[0]?.succeeded()
  fail(0, 4, 10_000)
  t.same(ejected(), [0, 0, 0])
  fail(0, 1, 10_000)
  t.equal(members[0]?.ejectedUntilMs, 30_000, 'but it is remembered')
})

t.test('every interval without an ejection shortens the next one again', async t => {
  const { members, ejection, fail } = ejecting(3)
  fail(0, 5, 0)
  ejection.tick(10_000)
  members[0]?.succeeded()
  fail(0, 5, 20_000)
  t.equal(members[0]?.ejectedUntilMs, 30_000)
})

t.test('failures of attempts from before its return are old news', async t => {
  const { members, ejection, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  ejection.tick(10_000)
  const [first] = members
  if (first === undefined) return
  for (let n = 0; n < 9; n++) ejection.failed(first, 'upstream_timeout', 10_500, 9_999)
  t.same(ejected(), [0, 0, 0])
  ejection.failed(first, 'upstream_timeout', 10_500, 10_001)
  t.same(ejected(), [1, 0, 0])
})

t.test('failures while it is ejected do not lengthen the ejection', async t => {
  const { members, fail } = ejecting(6)
  fail(0, 5, 0)
  fail(0, 20, 5_000)
  t.equal(members[0]?.ejectedUntilMs, 10_000)
})

t.test('the share of the ejected is bounded; one of several always may', async t => {
  const counts = [1, 2, 3, 4, 5, 10].map(count => {
    const { fail, ejected } = ejecting(count)
    for (let index = 0; index < count; index++) fail(index, 50, 0)
    return ejected().filter(Boolean).length
  })
  t.same(counts, [0, 1, 1, 2, 2, 5])
  const { fail, ejected } = ejecting(4, { maxShare: 0 })
  for (let index = 0; index < 4; index++) fail(index, 5, 0)
  t.same(ejected(), [1, 0, 0, 0])
})

t.test('the last one that is available is never ejected', async t => {
  const { fail, ejected } = ejecting(4, { maxShare: 1 })
  for (let index = 0; index < 4; index++) fail(index, 50, 0)
  t.same(ejected(), [1, 1, 1, 0])
  const checked = ejecting(3)
  for (const endpoint of checked.members.slice(1)) endpoint.applyCheck('r v', { healthy: false, sinceMs: 0, detail: '' }, 0)
  checked.fail(0, 50, 0)
  t.same(checked.ejected(), [0, 0, 0], 'those that fail a check are not available either')
})

t.test('one that was spared goes as soon as there is room', async t => {
  const { ejection, members, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  fail(1, 5, 0)
  t.same(ejected(), [1, 0, 0])
  ejection.tick(10_000)
  members[0]?.succeeded()
  fail(1, 1, 10_001)
  t.same(ejected(), [0, 1, 0])
})

t.test('without a limit nothing is ejected for failures in a row', async t => {
  const { fail, ejected } = ejecting(3, { consecutiveFailures: 0 })
  fail(0, 1_000, 0)
  t.same(ejected(), [0, 0, 0])
})

t.test('an ejection outlives updates of the members', async t => {
  const { members, ejection, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  setMembers(ejection, [...members, ...endpoints(2)], 3_000)
  t.same(ejected(), [1, 0, 0])
  ejection.tick(10_000)
  t.same(ejected(), [0, 0, 0])
})

t.test('an endpoint that is no member any more is not ejected', async t => {
  const { members, ejection, fail, ejected } = ejecting(3)
  setMembers(ejection, members.slice(1), 0)
  fail(0, 50, 0)
  t.same(ejected(), [0, 0, 0])
})

t.test('an ejection made elsewhere ends here, when its own version has gone', async t => {
  const { members, ejection, fail, ejected } = ejecting(3)
  fail(0, 5, 0)
  const other = new OutlierEjection(ejectionPolicy(), () => {})
  setMembers(other, members, 500)
  other.tick(9_999)
  t.same(ejected(), [1, 0, 0])
  other.tick(10_000)
  t.same(ejected(), [0, 0, 0])
  ejection.tick(10_000)
  t.equal(members[0]?.returns, 1, 'once')
})

t.test('ejects by success rate at the end of the interval', async t => {
  const { members, ejection, events, serve, ejected } = ejecting(3, { successRate: SUCCESS_RATE })
  serve(200, 2, 100)
  ejection.tick(9_999)
  t.same(ejected(), [0, 0, 0])
  ejection.tick(10_000)
  t.same(ejected(), [0, 0, 1])
  t.match(events, [{ kind: 'ejected', ejection: { cause: 'success-rate', detail: '50.0 % of 200 requests went well, 100.0 % on the other endpoints' } }])
  t.equal(members[2]?.ejectedUntilMs, 20_000)
})

t.test('an interval does not see the requests of the one before', async t => {
  const { ejection, serve, ejected } = ejecting(3, { successRate: SUCCESS_RATE })
  serve(90, 2, 45)
  ejection.tick(10_000)
  serve(90, 2, 45)
  ejection.tick(20_000)
  t.same(ejected(), [0, 0, 0], '180 would be enough to judge, 90 are not')
  for (const nowMs of [30_000, 40_000]) {
    serve(200, 2, 18)
    ejection.tick(nowMs)
    t.same(ejected(), [0, 0, 0], 'nor do its failures add up')
  }
})

t.test('several are ejected in one go when they are worse than what is left', async t => {
  const { members, ejection, ejected } = ejecting(7, { successRate: { ...SUCCESS_RATE, stdevFactor: 1.9 } })
  members.forEach((endpoint, index) => {
    for (let n = 0; n < 200; n++) if (n % 10 < ([0, 3, 0, 6, 0, 0, 0][index] ?? 0)) endpoint.failed(); else endpoint.succeeded()
  })
  ejection.tick(10_000)
  t.same(ejected(), [0, 1, 0, 1, 0, 0, 0])
})

t.test('what an endpoint did before an ejection is not held against it after', async t => {
  const { members, ejection, fail, serve, ejected } = ejecting(3, { successRate: SUCCESS_RATE, baseMs: 1_000 })
  serve(200, 2, 100)
  fail(2, 5, 0)
  ejection.tick(1_000)
  members[2]?.succeeded()
  ejection.tick(10_000)
  t.same(ejected(), [0, 0, 0])
  serve(200, 2, 100)
  ejection.tick(20_000)
  t.same(ejected(), [0, 0, 1], 'from the next interval on it is judged again')
})

t.test('the share bounds ejections by success rate too', async t => {
  const { members, ejection, ejected } = ejecting(5, { successRate: { ...SUCCESS_RATE, stdevFactor: 0 }, maxShare: 0.2 })
  members.forEach((endpoint, index) => {
    for (let n = 0; n < 100; n++) if (n < index * 20) endpoint.failed(); else endpoint.succeeded()
  })
  ejection.tick(10_000)
  t.same(ejected(), [0, 0, 0, 0, 1])
})

t.test('totals that wrap around at 32 bits do no harm', async t => {
  const { members, ejection, ejected } = ejecting(3, { successRate: SUCCESS_RATE })
  const wrap = (endpoint: EndpointHealth) => Object.defineProperty(endpoint, 'requests', { get: () => -2_147_483_548, configurable: true })
  for (const endpoint of members) Object.defineProperty(endpoint, 'requests', { get: () => 2_147_483_548, configurable: true })
  setMembers(ejection, [], 0)
  setMembers(ejection, members, 0)
  members.forEach(wrap)
  for (let n = 0; n < 150; n++) members[1]?.failed()
  ejection.tick(10_000)
  t.same(ejected(), [0, 1, 0], '200 requests lie between the two')
})

t.test('by order of a verdict: for the time it says, by the rules of any ejection, and on trial afterwards', async t => {
  const { members, ejection, events, fail, ejected } = ejecting(4)
  const order = (index: number, forMs: number, nowMs: number): void => {
    const endpoint = members[index]
    if (endpoint !== undefined) ejection.order(endpoint, forMs, nowMs)
  }
  order(1, 30_000, 1_000)
  t.same(ejected(), [0, 1, 0, 0])
  t.match(events, [{ kind: 'ejected', endpoint: '10.0.0.2:80', ejection: { cause: 'verdict', sinceMs: 1_000, untilMs: 31_000 } }])
  t.match(members[1]?.reasons(), [{ kind: 'ejected', detail: /verdict on the rollout/ }])
  order(1, 1_000, 2_000)
  t.equal(members[1]?.ejectedUntilMs, 31_000, 'a shorter time takes nothing away')
  fail(0, 5, 2_000)
  order(2, 30_000, 3_000)
  t.same(ejected(), [1, 1, 0, 0], 'half of them is all that may be out')
  order(0, 60_000, 4_000)
  t.match(members[0]?.reasons(), [{ kind: 'ejected', sinceMs: 2_000, untilMs: 64_000, detail: /verdict/ }], 'one that is out already stays out for longer')
  t.equal(events.length, 2, 'which is no other ejection')
  ejection.tick(31_000)
  t.same([ejected(), members[1]?.inTrial], [[1, 0, 0, 0], true])
})

t.test('a verdict does not eject the last endpoint', async t => {
  const { members, ejection, ejected } = ejecting(1)
  const [only] = members
  if (only !== undefined) ejection.order(only, 30_000, 0)
  t.same(ejected(), [0])
})
