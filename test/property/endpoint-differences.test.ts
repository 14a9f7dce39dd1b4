/** Endpoints that are told by difference come to what they would be if all were told anew. */
import fc from 'fast-check'
import t from 'tap'
import { CidrSet } from '../../src/core/cidr-set.ts'
import { type Endpoint, type EndpointChange, endpointKey, EndpointSet } from '../../src/core/endpoint.ts'
import type { SliceSelection } from '../../src/discovery/checked-slice.ts'
import { type EndpointSlice, HINT, type OwnPlace } from '../../src/discovery/endpoint-slice.ts'
import type { PodLabels, PodSelector } from '../../src/discovery/pod-labels.ts'
import { KnownEndpoints, UsableEndpoints, usableEndpoints } from '../../src/discovery/usable-endpoints.ts'
import { ServiceEndpoints } from '../../src/discovery/service-endpoints.ts'

const flags = { ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }
const endpoint: fc.Arbitrary<Endpoint> = fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), port: fc.constantFrom(80, 81), near: fc.boolean(), ...flags })
const distinct = fc.uniqueArray(endpoint, { selector: endpointKey, maxLength: 6 })
const change: fc.Arbitrary<EndpointChange> = fc.tuple(distinct, fc.uniqueArray(endpoint.map(endpointKey), { maxLength: 6 }))
  .map(([set, gone]) => ({ set, gone: gone.filter(key => !set.some(each => endpointKey(each) === key)) }))
const update = fc.oneof({ weight: 4, arbitrary: change }, { weight: 1, arbitrary: distinct })

const sorted = (endpoints: Iterable<Endpoint>): readonly string[] => [...endpoints].map(each => JSON.stringify(each)).sort()

t.test('usable endpoints kept by difference are those of the whole list', async () => {
  fc.assert(fc.property(fc.array(update, { maxLength: 20 }), updates => {
    const whole = new EndpointSet()
    const usable = new UsableEndpoints()
    const kept = new Set<string>()
    return updates.every(next => {
      const nearBefore = [...usable.near].sort().join()
      const { joined, left, nearChanged } = 'set' in next ? usable.apply(next) : usable.replace(next)
      if ('set' in next) whole.apply(next)
      else whole.replace(next)
      const news = joined.map(endpointKey)
      // What joins was not there, and what leaves was.
      if (news.some(key => kept.has(key)) || left.some(key => !kept.has(key))) return false
      for (const key of left) kept.delete(key)
      for (const key of news) kept.add(key)
      const expected = usableEndpoints([...whole.values()])
      const near = [...whole.values()].filter(each => each.ready && each.near === true).map(endpointKey).sort().join()
      if ([...usable.near].sort().join() !== near || nearChanged !== (near !== nearBefore)) return false
      const resort = ![...whole.values()].some(({ ready }) => ready)
      return usable.lastResort === resort && kept.size === expected.length && expected.every(each => kept.has(endpointKey(each)))
    })
  }))
})

const slice: fc.Arbitrary<EndpointSlice> = fc.record({
  service: fc.constant('web'),
  family: fc.constantFrom('IPv4', 'IPv4', 'IPv6', 'other'),
  ports: fc.constantFrom([{ name: 'http', port: 80 }], [{ name: 'http', port: 80 }, { name: 'more', port: 81 }], []),
  endpoints: fc.array(fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '127.0.0.1', 'fd00::1', 'fd00:0::2'), pod: fc.constantFrom('', 'one', 'two'), zone: fc.constantFrom('', 'a'), hints: fc.constantFrom(0, HINT.zones, HINT.zones | HINT.thisZone, HINT.zones | HINT.thisZone | HINT.nodes | HINT.thisNode), ...flags })
    .map(each => ({ ...each, podKey: each.pod === '' ? '' : `ns/${each.pod}` })), { maxLength: 4 })
})
const changes = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(slice, { nil: undefined })), { selector: ([key]) => key, minLength: 1 })

const CANARY: PodSelector = [{ key: 'track', values: ['canary'] }]
const labelsOf = (podKey: string): PodLabels | undefined => podKey === 'ns/one' ? new Map([['track', 'canary']]) : undefined
const rest = { claim: { own: undefined, rivals: [{ version: 'canary', selector: CANARY, wants: () => true, first: true, isSameService: () => true }] }, labelsOf }
const VARIANTS: ReadonlyArray<readonly [string, Omit<SliceSelection, 'port' | 'allowed'>, OwnPlace?]> = [
  ['both families', { ipFamily: 'auto' }],
  ['IPv4', { ipFamily: 'IPv4' }],
  ['IPv6', { ipFamily: 'IPv6' }],
  ['for a zone', { ipFamily: 'auto' }, { zone: 'a' }],
  ['for a node in a zone', { ipFamily: 'IPv4' }, { zone: 'a', node: 'n' }],
  ['pods with a label', { ipFamily: 'auto', pods: { claim: { own: CANARY, rivals: [] }, labelsOf } }],
  ['the other pods, for a zone', { ipFamily: 'auto', pods: rest }, { zone: 'a' }]
]

for (const [name, variant, place] of VARIANTS) {
  t.test(`slices that change one by one come to what a list of them comes to: ${name}`, async () => {
    const selection = { port: 'http', allowed: new CidrSet([]), ...variant }
    fc.assert(fc.property(fc.array(changes, { maxLength: 12 }), rounds => {
      const slices = new Map<string, EndpointSlice>()
      const service = new ServiceEndpoints(selection, place)
      const known = new KnownEndpoints()
      known.replace(service.replace([]))
      return rounds.every(round => {
        for (const [key, content] of round) {
          if (content === undefined) slices.delete(key)
          else slices.set(key, content)
        }
        const next = service.change(round)
        if ('set' in next) known.apply(next)
        else known.replace(next)
        const fresh = new ServiceEndpoints(selection, place)
        const expected = fresh.replace(slices)
        return JSON.stringify(sorted(known.list())) === JSON.stringify(sorted(expected)) &&
          JSON.stringify([service.ignored(), service.facts(), service.near(), service.pods()]) === JSON.stringify([fresh.ignored(), fresh.facts(), fresh.near(), fresh.pods()])
      })
    }))
  })
}
