import fc from 'fast-check'
import t from 'tap'
import { createTrafficConfigMapCodec } from '../../../src/rollout/traffic-config-map.ts'
import { EMPTY_TRAFFIC, MAX_HISTORY, type RouteTraffic, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { applyConfig, changeRoute, withRoute } from '../../../src/rollout/transition.ts'
import { NewerFormat } from '../../../src/store/config-map-store.ts'
import { StoreError } from '../../../src/store/state-store.ts'

const AT = '2026-01-01T00:00:00.000Z'
const META = { actor: 'ops', reason: 'a test', source: 'api', at: AT } as const

function stateOf (routes: readonly string[], changes: number): TrafficState {
  let state = applyConfig(EMPTY_TRAFFIC, routes.map(name => ({ name, weights: { v1: 1, v2: 0 } })), AT)
  for (let change = 1; change <= changes; change++) {
    for (const name of routes) {
      const route = state.routes.get(name)
      const changed = route === undefined ? undefined : changeRoute(route, { type: 'weights', weights: { v1: 1, v2: change } }, META)
      if (changed?.ok === true) state = withRoute(state, name, changed.route)
    }
  }
  return state
}

function bytesOf (data: Readonly<Record<string, string>>): number {
  return Object.entries(data).reduce((sum, [key, text]) => sum + key.length + Buffer.byteLength(text), 0)
}

t.test('what is written is read back the same, whatever the names, weights and reasons', async () => {
  const codec = createTrafficConfigMapCodec()
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?$/)
  const weights = fc.uniqueArray(name, { minLength: 1, maxLength: 4 }).chain(names => fc.tuple(...names.map(version => fc.tuple(fc.constant(version), fc.double({ min: 0, max: 1e6, noNaN: true }).map(weight => weight + 0)))))
  fc.assert(fc.property(fc.dictionary(name, weights, { noNullPrototype: true }), fc.string(), (routes, reason) => {
    let state = applyConfig(EMPTY_TRAFFIC, Object.entries(routes).map(([route, pairs]) => ({ name: route, weights: Object.fromEntries(pairs) })), AT)
    for (const [route, traffic] of state.routes) {
      const changed = changeRoute(traffic, { type: 'switch', to: Object.keys(traffic.weights)[0] ?? '' }, { ...META, reason: reason.slice(0, 500) })
      if (changed.ok) state = withRoute(state, route, changed.route)
    }
    const read = codec.decode(JSON.parse(JSON.stringify(codec.encode(state))) as Readonly<Record<string, string>>)
    return JSON.stringify([...read.routes].sort()) === JSON.stringify([...state.routes].sort()) && read.epochFloor === state.epochFloor
  }), { numRuns: 200 })
})

t.test('histories are cut to their newest entries where not all fit, and routes that do not fit without are refused', async t => {
  const state = stateOf(['a', 'b', 'c'], 60)
  const whole = bytesOf(createTrafficConfigMapCodec().encode(state))
  const codec = createTrafficConfigMapCodec(Math.floor(whole / 2))
  const data = codec.encode(state)
  t.ok(bytesOf(data) <= whole / 2)
  const read = codec.decode(data).routes.get('b')
  t.equal(read?.history.at(-1)?.revision, 61)
  t.ok((read?.history.length ?? 0) >= 15, `${read?.history.length} entries`)
  t.equal(read?.revision, 61, 'it is counted on')
  t.throws(() => createTrafficConfigMapCodec(600).encode(state), new StoreError('too-large', 'the 3 routes take more than the 600 bytes that a ConfigMap has for them, without their history; use fewer, or several Weirs'))
  t.equal(createTrafficConfigMapCodec().decode(createTrafficConfigMapCodec().encode(stateOf(['a'], 150))).routes.get('a')?.history.length, MAX_HISTORY)
})

t.test('what anybody may have written is refused with the key that is wrong', async t => {
  const codec = createTrafficConfigMapCodec()
  const good = codec.encode(stateOf(['hello'], 1))
  const route = JSON.parse(good['route.hello'] ?? '') as RouteTraffic
  const withRouteText = (change: Partial<Record<keyof RouteTraffic, unknown>>): Readonly<Record<string, unknown>> => ({ ...good, 'route.hello': JSON.stringify({ ...route, ...change }) })
  const cases: ReadonlyArray<readonly [Readonly<Record<string, unknown>>, RegExp]> = [
    [{}, /^format is not weir-traffic\/1/],
    [{ ...good, format: 'nginx' }, /^format is not/],
    [{ ...good, epochFloor: 'many' }, /^epochFloor is not/],
    [{ ...good, 'route.hello': '{' }, /^route\.hello is not JSON/],
    [{ ...good, 'route.hello': 5 }, /^route\.hello is not an object/],
    [{ ...good, 'route.other': '[]' }, /^route\.other is not an object/],
    [withRouteText({ epoch: -1 }), /^route\.hello\.epoch/],
    [withRouteText({ history: [] }), /^route\.hello\.history is empty/],
    [withRouteText({ weights: { v1: 1 } }), /name different versions/],
    [withRouteText({ weights: { v1: 'all', v2: 1 } }), /^route\.hello\.weights\.v1 is not a weight/],
    [withRouteText({ weights: { v1: 2e6, v2: 1 } }), /^route\.hello\.weights\.v1 is 2000000/],
    [withRouteText({ weights: { v1: 0, v2: 0 } }), /all 0/]
  ]
  for (const [data, fault] of cases) t.throws(() => codec.decode(data), { message: fault })
  t.throws(() => codec.decode({ ...good, format: 'weir-traffic/2' }), NewerFormat)
  t.match(codec.decode({ ...good, note: 'ours' }).routes.get('hello'), { epoch: 2 }, 'other keys are nobody\'s business')
  t.same(['format', 'epochFloor', 'route.hello', 'note', 'routes'].map(key => codec.owns(key)), [true, true, true, false, false])
})
