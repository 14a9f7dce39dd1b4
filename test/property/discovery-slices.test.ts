import * as fc from 'fast-check'
import t from 'tap'
import { CidrSet } from '../../src/core/cidr-set.ts'
import { endpointKey, type Endpoint } from '../../src/core/endpoint.ts'
import { readEndpointSlice } from '../../src/discovery/endpoint-slice.ts'
import { endpointsOfSlices } from '../helpers/endpoints-of-slices.ts'
import { KnownEndpoints, usableEndpoints } from '../../src/discovery/usable-endpoints.ts'
import { NamespaceSlices } from '../../src/discovery/namespace-slices.ts'
import { ServiceSource } from '../../src/discovery/service-source.ts'
import type { KubeApi, KubeWatchEvent } from '../../src/kube/kube-api.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const ALLOWED = new CidrSet([])
const NAMES = ['a', 'b', 'c', 'd'] as const

const condition = fc.option(fc.boolean(), { nil: null })
const endpoint = fc.record({
  addresses: fc.tuple(fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', '127.0.0.1')),
  conditions: fc.record({ ready: condition, serving: condition, terminating: condition }, { requiredKeys: [] })
})
const slice = fc.record({
  service: fc.constantFrom('web', 'web', 'web', 'other'),
  endpoints: fc.option(fc.array(endpoint, { maxLength: 4 }), { nil: null }),
  ports: fc.constantFrom([{ name: 'http', port: 8080 }], [{ name: 'http', port: 9090 }], null)
})
type SliceContent = { readonly service: string, readonly endpoints: unknown, readonly ports: unknown }

function objectOf (name: string, { service, endpoints, ports }: SliceContent, resourceVersion = '1'): unknown {
  return { metadata: { name, namespace: 'ns', resourceVersion, labels: { 'kubernetes.io/service-name': service } }, addressType: 'IPv4', endpoints, ports }
}

t.test('the endpoints do not depend on the order of the slices, nor of the endpoints in them', async t => {
  fc.assert(fc.property(
    fc.array(slice, { maxLength: 5 }).chain(slices => fc.tuple(
      fc.constant(slices),
      fc.shuffledSubarray(slices, { minLength: slices.length })
    )),
    ([slices, shuffled]) => {
      const expected = read(slices)
      t.strictSame(read(shuffled), expected)
      t.strictSame(read(shuffled.map(each => ({ ...each, endpoints: each.endpoints?.toReversed() ?? null }))), expected)
    }
  ))
})

t.test('each endpoint is there once, sorted, and with conditions that some slice gave it', async t => {
  fc.assert(fc.property(fc.array(slice, { maxLength: 5 }), slices => {
    const { endpoints } = read(slices)
    const keys = endpoints.map(endpointKey)
    t.strictSame(keys, [...new Set(keys)].sort())
    const given = slices.flatMap(each => read([each]).endpoints.map(found => JSON.stringify(found)))
    t.ok(endpoints.every(found => given.includes(JSON.stringify(found))))
  }))
})

t.test('what is usable is ready, or draining when nothing is ready', async t => {
  fc.assert(fc.property(fc.array(slice, { maxLength: 5 }), slices => {
    const { endpoints } = read(slices)
    const usable = usableEndpoints(endpoints)
    const someReady = endpoints.some(({ ready }) => ready)
    t.ok(usable.every(({ ready, serving, terminating }) => someReady ? ready : serving && terminating))
    t.equal(usable.length > 0, someReady || endpoints.some(({ serving, terminating }) => serving && terminating))
  }))
})

t.test('rubbish never throws', async t => {
  fc.assert(fc.property(fc.anything({ withNullPrototype: true }), fc.json(), (anything, json) => {
    const parsed: unknown = JSON.parse(json)
    for (const object of [anything, parsed, { endpoints: [parsed], ports: [parsed] }, { metadata: parsed, endpoints: parsed, ports: parsed }]) {
      endpointsOfSlices([readEndpointSlice(object)], { port: 'http', allowed: ALLOWED, ipFamily: 'auto' })
    }
  }))
  t.pass()
})

t.test('events in any order end where a list of what remains ends', async t => {
  const step = fc.record({ name: fc.constantFrom(...NAMES), content: fc.option(slice, { nil: null }) })
  const history = fc.record({ before: fc.dictionary(fc.constantFrom(...NAMES), slice), steps: fc.array(step, { maxLength: 12 }), batch: fc.integer({ min: 1, max: 4 }) })
  await fc.assert(fc.asyncProperty(history, async ({ before, steps, batch }) => {
    const now = new Map<string, SliceContent>(Object.entries(before))
    const events: KubeWatchEvent[] = []
    for (const [index, { name, content }] of steps.entries()) {
      const known = now.get(name)
      if (content === null && known === undefined) continue
      const type = content === null ? 'DELETED' : known === undefined ? 'ADDED' : 'MODIFIED'
      events.push({ type, object: objectOf(name, content ?? known ?? { service: 'web', endpoints: null, ports: null }, String(index + 2)) })
      if (content === null) now.delete(name)
      else now.set(name, content)
    }
    const lived = await replay(Object.entries(before).map(([name, content]) => objectOf(name, content)), events, batch)
    const listed = await replay([...now].map(([name, content]) => objectOf(name, content)), [], 1)
    t.strictSame(lived, listed)
  }), { numRuns: 60 })
})

function read (slices: readonly SliceContent[]) {
  return endpointsOfSlices(slices.map(each => readEndpointSlice(objectOf('x', each))), { port: 'http', allowed: ALLOWED, ipFamily: 'auto' })
}

/** What a source tells last, after a list and events; the clock moves on after every `batch` events. */
async function replay (items: readonly unknown[], events: readonly KubeWatchEvent[], batch: number): Promise<readonly Endpoint[]> {
  const clock = new FakeClock()
  const api: KubeApi = {
    list: async () => ({ resourceVersion: '1', continueToken: '', items }),
    async * watch ({ signal }) {
      for (const [index, event] of events.entries()) {
        yield event
        if (index % batch === 0) clock.advance(25)
      }
      clock.advance(100)
      done.resolve(undefined)
      await new Promise(resolve => { signal.addEventListener('abort', resolve, { once: true }) })
    }
  }
  const done = Promise.withResolvers<undefined>()
  const namespace = new NamespaceSlices('ns', { api, clock, random: () => 0, onFailure: (_namespace, error) => { done.reject(error) } })
  const source = new ServiceSource({ namespace, service: 'web', port: 'http', allowed: ALLOWED, ipFamily: 'auto' })
  const last = new KnownEndpoints()
  source.start(endpoints => { last.replace(endpoints) }, change => { last.apply(change) })
  await done.promise
  await namespace.stop()
  return last.list()
}
