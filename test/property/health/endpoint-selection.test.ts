/**
 * Whatever happens to the endpoints of two versions that share some of them, in whatever order: the promises about which are used.
 */
import fc from 'fast-check'
import t from 'tap'
import { EndpointHealth } from '../../../src/health/endpoint-health.ts'
import { VersionHealth, type HealthEvent } from '../../../src/health/version-health.ts'
import { ejectionPolicy, healthPolicy, SUCCESS_RATE } from '../../helpers/health-policy.ts'
import { memberSetter } from '../../helpers/set-members.ts'
import type { HealthPolicy } from '../../../src/contract/route-policy.ts'

const setMembers = memberSetter()

interface Member { readonly health: EndpointHealth }

type Step =
  | { readonly kind: 'report', readonly endpoint: number, readonly good: boolean, readonly times: number, readonly version: number }
  | { readonly kind: 'tick', readonly ms: number }
  | { readonly kind: 'members', readonly version: number, readonly of: readonly number[] }
  | { readonly kind: 'check', readonly endpoint: number, readonly healthy: boolean }
  | { readonly kind: 'reload', readonly version: number }

const ENDPOINTS = 7
const endpoint = fc.nat({ max: ENDPOINTS - 1 })
const version = fc.nat({ max: 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('report' as const), endpoint, good: fc.boolean(), times: fc.integer({ min: 1, max: 150 }), version }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('tick' as const), ms: fc.nat({ max: 15_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('members' as const), version, of: fc.uniqueArray(endpoint) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('check' as const), endpoint, healthy: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), version }) }
)
const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' })
const policy: fc.Arbitrary<HealthPolicy> = fc.record({
  panicThreshold: fc.constantFrom(0, 0.3, 0.5, 1),
  maxShare: fc.constantFrom(0, 0.2, 0.5, 1),
  consecutiveFailures: fc.constantFrom(0, 1, 5),
  successRate: fc.constantFrom(null, SUCCESS_RATE, { ...SUCCESS_RATE, minEndpoints: 2, minRequests: 1 }),
  windowMs: fc.constantFrom(0, 5_000)
}).map(({ panicThreshold, windowMs, ...ejection }) => healthPolicy({ panicThreshold, ejection: ejectionPolicy(ejection), slowStart: { windowMs, minShare: 0.1 } }))

/** Those that stay keep their places, and the others come behind them. */
function inOrderOfJoining (before: readonly Member[], after: readonly Member[]): Member[] {
  return [...before.filter(member => after.includes(member)), ...after.filter(member => !before.includes(member))]
}

/** Two versions over one set of endpoints, with a clock. */
class World {
  readonly endpoints: readonly Member[] = Array.from({ length: ENDPOINTS }, (_, n) => ({ health: new EndpointHealth(`10.0.0.${n}:80`) }))
  readonly events: HealthEvent[] = []
  /** Ejections that their version should not have made. */
  readonly excesses: HealthEvent[] = []
  readonly policy: HealthPolicy
  readonly members: Member[][]
  readonly versions: VersionHealth<Member>[]
  nowMs = 0

  constructor (policy: HealthPolicy) {
    this.policy = policy
    this.members = [this.endpoints.slice(0, 5), this.endpoints.slice(3)]
    this.versions = this.members.map((_, index) => this.#version(index))
  }

  #version (index: number): VersionHealth<Member> {
    const version = new VersionHealth<Member>(this.policy, event => {
      this.events.push(event)
      if (event.kind === 'ejected' && !this.#fair(this.members[index] ?? [], event.endpoint)) this.excesses.push(event)
    })
    setMembers(version, this.members[index] ?? [], this.nowMs)
    return version
  }

  /** What has to be true right after one of the members was ejected. */
  #fair (members: readonly Member[], endpoint: string): boolean {
    const ejected = members.filter(({ health }) => health.ejected)
    return ejected.length <= Math.max(1, Math.floor(members.length * this.policy.ejection.maxShare)) &&
      ejected.some(({ health }) => health.key === endpoint) && members.some(({ health }) => health.available)
  }

  apply (step: Step): void {
    switch (step.kind) {
      case 'report': {
        const health = this.endpoints[step.endpoint]?.health
        for (let n = 0; n < step.times; n++) if (health !== undefined) this.versions[step.version]?.report(health, step.good ? 'success' : 'upstream_reset', this.nowMs)
        return
      }
      case 'tick':
        this.nowMs += step.ms
        for (const version of this.versions) version.tick(this.nowMs)
        return
      case 'members': {
        const version = this.versions[step.version]
        this.members[step.version] = inOrderOfJoining(this.members[step.version] ?? [], step.of.flatMap(index => this.endpoints[index] ?? []))
        if (version !== undefined) setMembers(version, this.members[step.version] ?? [], this.nowMs)
        return
      }
      case 'check':
        this.endpoints[step.endpoint]?.health.applyCheck('r v', { healthy: step.healthy, sinceMs: this.nowMs, detail: '' }, this.nowMs)
        return
      case 'reload': {
        const old = this.versions[step.version]
        this.versions[step.version] = this.#version(step.version)
        old?.close()
      }
    }
  }

  /** Holds for each version: its members, those it uses, its object. */
  always (check: (members: readonly Member[], version: VersionHealth<Member>) => boolean): boolean {
    return this.versions.every((version, index) => check(this.members[index] ?? [], version))
  }
}

function holds (check: (world: World) => boolean): void {
  fc.assert(fc.property(policy, steps, (policy, steps) => {
    const world = new World(policy)
    return steps.every(step => {
      world.apply(step)
      return check(world)
    })
  }), { numRuns: 500 })
}

t.test('the members that are used are exactly those that the rules say, in order', async t => {
  holds(world => world.always((members, version) => {
    const { usable } = version
    const available = members.filter(({ health }) => health.available)
    const tooFew = available.length < members.length * world.policy.panicThreshold
    const expected = tooFew ? members : available.length > 0 ? available : members.filter(({ health }) => !health.checkFailing)
    return version.status().panic === tooFew && usable.length === expected.length && usable.every((member, index) => member === expected[index])
  }))
  t.pass('held')
})

t.test('ejections never leave a version with nothing to use', async t => {
  holds(world => world.always((members, { usable }) => {
    const passing = members.some(({ health }) => !health.reasons().some(({ kind }) => kind === 'check-failed'))
    return usable.length > 0 || members.length === 0 || (!passing && world.policy.panicThreshold === 0)
  }))
  t.pass('held')
})

t.test('a version ejects only its members, no more of them than the policy allows, and leaves somebody available', async t => {
  let ejections = 0
  holds(world => {
    ejections = Math.max(ejections, world.events.filter(({ kind }) => kind === 'ejected').length)
    return world.excesses.length === 0
  })
  t.ok(ejections > 5, 'and the steps do make it eject')
})

t.test('every ejection has a length that is a multiple of the base, or the maximum, and ends in time', async t => {
  fc.assert(fc.property(policy, steps, (policy, steps) => {
    const world = new World(policy)
    for (const step of steps) world.apply(step)
    const { baseMs, maxMs } = policy.ejection
    const lengths = world.events.flatMap(event => event.kind === 'ejected' ? [event.ejection.untilMs - event.ejection.sinceMs] : [])
    world.apply({ kind: 'tick', ms: maxMs })
    const left = world.always(members => members.every(({ health }) => !health.ejected || health.ejectedUntilMs > world.nowMs))
    return left && lengths.every(ms => ms <= maxMs && ms >= baseMs && (ms === maxMs || ms % baseMs === 0))
  }), { numRuns: 500 })
  t.pass('held')
})

t.test('once nothing fails any more, everybody is back', async t => {
  fc.assert(fc.property(policy, steps, (policy, steps) => {
    const world = new World(policy)
    for (const step of steps) world.apply(step)
    world.endpoints.forEach((_, index) => { world.apply({ kind: 'check', endpoint: index, healthy: true }) })
    // The first tick compares what has been; ejections that follow from it end with the second.
    for (let n = 0; n < 2; n++) world.apply({ kind: 'tick', ms: policy.ejection.maxMs + policy.ejection.intervalMs })
    world.endpoints.forEach(({ health }) => { health.succeeded() })
    world.apply({ kind: 'tick', ms: 100 })
    return world.always((members, version) => version.usable.length === members.length && !version.status().panic && !version.restrained)
  }), { numRuns: 500 })
  t.pass('held')
})

t.test('the object that watches is told of everything: a new one over the same endpoints chooses the same', async t => {
  holds(world => world.always((members, { usable }) => {
    const fresh = new VersionHealth<Member>(world.policy, () => {})
    setMembers(fresh, members, world.nowMs)
    const same = fresh.usable.length === usable.length && fresh.usable.every((member, index) => member === usable[index])
    fresh.close()
    return same
  }))
  t.pass('held')
})
