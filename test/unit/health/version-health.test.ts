import { getHeapStatistics } from 'node:v8'
import t from 'tap'
import { EndpointHealth } from '../../../src/health/endpoint-health.ts'
import { VersionHealth, type HealthEvent } from '../../../src/health/version-health.ts'
import { ejectionPolicy, healthPolicy } from '../../helpers/health-policy.ts'
import { memberSetter } from '../../helpers/set-members.ts'
import type { HealthPolicy } from '../../../src/contract/route-policy.ts'

const setMembers = memberSetter()

interface Member { readonly health: EndpointHealth }

const members = (count: number): Member[] => Array.from({ length: count }, (_, n) => ({ health: new EndpointHealth(`10.0.0.${n + 1}:80`) }))
const QUARTER = 2 ** 30

function version (list: readonly Member[], different: Partial<HealthPolicy> = {}) {
  const events: HealthEvent[] = []
  const health = new VersionHealth<Member>(healthPolicy(different), event => { events.push(event) })
  setMembers(health, list, 0)
  const eject = (index: number, nowMs: number) => {
    const endpoint = list[index]?.health
    for (let n = 0; n < 5; n++) if (endpoint !== undefined) health.report(endpoint, 'upstream_reset', nowMs)
  }
  const used = () => health.usable.map(({ health: { key } }) => Number(/(\d+):80$/.exec(key)?.[1]))
  return { health, events, eject, used }
}

t.test('requests go to the members that are available', async t => {
  const { health, eject, used } = version(members(4))
  t.same(used(), [1, 2, 3, 4])
  eject(1, 0)
  t.same(used(), [1, 3, 4])
  health.tick(10_000)
  t.same(used(), [1, 2, 3, 4])
})

t.test('the list is made anew only when something changes', async t => {
  const list = members(4)
  const { health, eject } = version(list)
  eject(1, 0)
  const before = health.usable
  for (const { health: endpoint } of list) health.report(endpoint, 'success', 5)
  health.report(list[0]?.health ?? new EndpointHealth(''), 'status_503', 5)
  health.tick(5_000)
  t.equal(health.usable, before)
})

t.test('a client that left neither heals nor hurts', async t => {
  const list = members(2)
  const { health, used } = version(list)
  const [first] = list
  if (first === undefined) return
  for (const outcome of ['status_503', 'status_503', 'none', 'status_503', 'none', 'status_503'] as const) health.report(first.health, outcome, 0)
  t.same(used(), [1, 2])
  health.report(first.health, 'status_503', 0)
  t.same(used(), [2])
})

t.test('ejections live through a reload: new objects over the same endpoints', async t => {
  const list = members(4)
  const old = version(list)
  old.eject(1, 0)
  const renewed = version(list)
  old.health.close()
  t.same(renewed.used(), [1, 3, 4])
  renewed.health.tick(10_000)
  t.same(renewed.used(), [1, 2, 3, 4])
  t.same(old.used(), [1, 3, 4], 'the old one is not told any more')
})

t.test('what one version finds out holds for every version that has the endpoint', async t => {
  const list = members(4)
  const one = version(list)
  const other = version(list.slice(1, 2))
  one.eject(1, 0)
  t.same([one.used(), other.used()], [[1, 3, 4], [2]], 'but the only endpoint of a version is used all the same')
  t.same(other.events, [{ kind: 'panic', begins: true, available: 0, members: 1 }])
})

t.test('panic begins and ends with the share that is available', async t => {
  const list = members(4)
  const { health, events, used } = version(list)
  for (const { health: endpoint } of list.slice(0, 3)) endpoint.applyCheck('r v', { healthy: false, sinceMs: 0, detail: '' }, 0)
  t.same(used(), [1, 2, 3, 4])
  t.equal(health.status().panic, true)
  list[0]?.health.applyCheck('r v', { healthy: true, sinceMs: 1, detail: '' }, 1)
  t.same(used(), [1, 4])
  t.same(events, [
    { kind: 'panic', begins: true, available: 1, members: 4 },
    { kind: 'panic', begins: false, available: 2, members: 4 }
  ])
})

t.test('when the others leave, the one that is ejected is used', async t => {
  for (const panicThreshold of [0.5, 0]) {
    const list = members(2)
    const { health, eject, used } = version(list, { panicThreshold })
    eject(0, 0)
    t.same(used(), [2])
    setMembers(health, list.slice(0, 1), 1_000)
    t.same(used(), [1])
  }
})

t.test('an endpoint on trial gets one request at a time', async t => {
  const list = members(3)
  const { health, eject } = version(list)
  t.equal(health.restrained, false)
  eject(0, 0)
  health.tick(10_000)
  const [first, second] = list
  if (first === undefined || second === undefined) return
  t.equal(health.restrained, true)
  t.same([health.admits(first.health, 0, 0), health.admits(first.health, 1, 0), health.admits(second.health, 9, -1)], [true, false, true])
  health.report(first.health, 'success', 10_010)
  t.equal(health.admits(first.health, 9, -1), true)
  health.tick(10_100)
  t.equal(health.restrained, false)
})

const slowStart = { windowMs: 10_000, minShare: 0.1 }

t.test('an endpoint that joins others starts slowly; those of the first list do not', async t => {
  const list = members(3)
  const { health } = version(list.slice(0, 2), { slowStart })
  t.equal(health.restrained, false)
  setMembers(health, list, 5_000)
  t.equal(health.restrained, true)
  const third = list[2]?.health ?? new EndpointHealth('')
  t.match(health.notices().members, [{ available: true, reasons: [{ kind: 'slow-start', sinceMs: 5_000, untilMs: 15_000 }] }])
  t.equal(health.admits(third, 0, QUARTER), false)
  health.tick(7_000)
  t.same([health.admits(third, 0, QUARTER), health.admits(third, 0, QUARTER * 2)], [true, false], 'after a fifth of the window: 28 %')
  health.tick(15_000)
  t.same([health.restrained, health.admits(third, 0, -1)], [false, true])
  t.same(health.notices().members, [])
})

t.test('endpoints that come to an empty version get their share at once', async t => {
  const { health } = version([], { slowStart })
  setMembers(health, members(2), 60_000)
  t.equal(health.restrained, false)
})

t.test('a slow start goes on through updates and reloads', async t => {
  const list = members(3)
  const { health } = version(list.slice(0, 2), { slowStart })
  setMembers(health, list, 5_000)
  setMembers(health, [...list, ...members(1)], 6_000)
  t.equal(list[2]?.health.readySinceMs, 5_000)
  const renewed = version(list, { slowStart })
  health.close()
  t.equal(list[2]?.health.readySinceMs, 5_000)
  t.equal(renewed.health.restrained, true)
})

t.test('one that comes back after it had left starts slowly again', async t => {
  const list = members(3)
  const { health } = version(list, { slowStart })
  setMembers(health, list.slice(1), 5_000)
  setMembers(health, list, 8_000)
  t.same(list.map(({ health: { readySinceMs } }) => readySinceMs), [8_000, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
})

const failing = (...endpoints: readonly string[]) => new Map(endpoints.map(endpoint => [endpoint, { healthy: false, sinceMs: 7, detail: 'status 500' }]))

t.test('what fails its active check is out until it passes, and starts slowly then', async t => {
  const list = members(3)
  const { health, used } = version(list, { slowStart })
  health.applyChecks(failing('10.0.0.1:80', '10.0.0.9:80'), 10)
  t.same(used(), [2, 3])
  t.match(health.status().members[0], { available: false, reasons: [{ kind: 'check-failed', sinceMs: 7, untilMs: null, detail: 'status 500' }] })
  health.applyChecks(failing(), 1_000)
  t.same(used(), [1, 2, 3])
  t.equal(list[0]?.health.readySinceMs, 1_000)
})

t.test('a verdict waits for its endpoint, leaves with it, and outlives a reload', async t => {
  const list = members(3)
  const { health, used } = version(list.slice(1))
  health.applyChecks(failing('10.0.0.1:80'), 1)
  t.same(used(), [2, 3])
  setMembers(health, list, 2)
  t.same(used(), [2, 3], 'it came in failing')
  const renewed = version(list)
  renewed.health.applyChecks(failing('10.0.0.1:80'), 3)
  health.close()
  t.same(renewed.used(), [2, 3])
  setMembers(renewed.health, list.slice(1), 4)
  t.equal(list[0]?.health.available, true, 'of one that left nothing is known')
})

t.test('a change is told of once, and the end of a trial is one', async t => {
  const list = members(2)
  const { health, eject } = version(list)
  t.same([health.takeChange(), health.takeChange()], [true, false])
  eject(0, 1_000)
  t.same([health.takeChange(), health.takeChange()], [true, false])
  health.tick(11_000)
  t.equal(health.takeChange(), true)
  const back = list[0]?.health ?? new EndpointHealth('')
  health.report(back, 'success', 11_100)
  health.tick(11_200)
  t.equal(health.takeChange(), true)
  health.tick(11_300)
  t.equal(health.takeChange(), false)
})

t.test('the status names every member with its reasons', async t => {
  const list = members(2)
  const { health, eject } = version(list)
  eject(0, 1_000)
  t.same(health.status(), {
    panic: false,
    members: [
      { endpoint: '10.0.0.1:80', available: false, used: false, reasons: [{ kind: 'ejected', sinceMs: 1_000, untilMs: 11_000, detail: '5 failures in a row, the last one upstream_reset' }] },
      { endpoint: '10.0.0.2:80', available: true, used: true, reasons: [] }
    ]
  })
  t.same(health.notices().members.map(({ endpoint }) => endpoint), ['10.0.0.1:80'])
})

t.test('what runs for every request allocates nothing', async t => {
  const list = members(5)
  const { health } = version(list, { ejection: ejectionPolicy(), slowStart })
  // A time that is a number on the heap already, and no iterator: what is counted is not the test's own.
  const nowMs = performance.now()
  let admitted = 0
  const run = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const member = health.usable[round % 5]
      if (member === undefined) continue
      if (!health.restrained || health.admits(member.health, 1, round)) admitted++
      health.report(member.health, 'success', nowMs, nowMs)
    }
  }
  run(500_000)
  const before = getHeapStatistics().total_allocated_bytes
  run(500_000)
  const bytes = getHeapStatistics().total_allocated_bytes - before
  t.equal(admitted, 1_000_000)
  // One number on the heap for each would be six million; what is left comes from the compiler and the test runner.
  t.ok(bytes < 3_000_000, `${bytes} bytes in 500,000 requests`)
})
