import fc from 'fast-check'
import t from 'tap'
import { after, EVIDENCE, pauseFor, planOf, routeOf, setWeight, start } from '../../helpers/rollout-events.ts'
import { applySharedConfig } from '../../../src/rollout/shared-config.ts'
import { createTrafficConfigMapCodec } from '../../../src/rollout/traffic-config-map.ts'
import { sameWeights } from '../../../src/contract/weights.ts'
import { EMPTY_TRAFFIC, MAX_COUNT, MAX_HISTORY, type RouteTraffic, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { applyConfig, changeRoute, recordEdits, withRoute } from '../../../src/rollout/transition.ts'
import { NewerFormat } from '../../../src/store/config-map-codec.ts'
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
  const codec = createTrafficConfigMapCodec(undefined, Math.floor(whole / 2))
  const data = codec.encode(state)
  t.ok(bytesOf(data) <= whole / 2)
  const read = codec.decode(data).routes.get('b')
  t.equal(read?.history.at(-1)?.revision, 61)
  t.ok((read?.history.length ?? 0) >= 15, `${read?.history.length} entries`)
  t.equal(read?.revision, 61, 'it is counted on')
  t.throws(() => createTrafficConfigMapCodec(undefined, 600).encode(state), new StoreError('too-large', 'the 3 routes take more than the 600 bytes that a ConfigMap has for them, without their history; use fewer, or several Weirs'))
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
    [{ ...good, epochFloor: '100000000000001' }, /^epochFloor is more than 100000000000000$/],
    [withRouteText({ epoch: 1e14 }), /^route\.hello\.epoch or revision is more than 99999000000000, and leaves no room to count$/],
    [withRouteText({ revision: 1e15 }), /^route\.hello\.epoch or revision is more than/],
    [withRouteText({ fileWeights: { v1: 1e308, v2: 1 } }), /^route\.hello\.fileWeights\.v1 is 1e\+308, which is more than 1000000$/],
    [withRouteText({ supersededFileWeights: 'none' }), /^route\.hello\.supersededFileWeights is not a list/],
    [withRouteText({ supersededFileWeights: [{ v1: -1 }] }), /^route\.hello\.supersededFileWeights\[0\]\.v1 is not a weight/],
    [withRouteText({ weights: { v1: 0, v2: 0 } }), /all 0/]
  ]
  for (const [data, fault] of cases) t.throws(() => codec.decode(data), { message: fault })
  t.throws(() => codec.decode({ ...good, format: 'weir-traffic/4' }), NewerFormat)
  t.match(codec.decode({ ...good, note: 'ours' }).routes.get('hello'), { epoch: 2 }, 'other keys are nobody\'s business')
  t.same(['format', 'epochFloor', 'route.hello', 'note', 'routes'].map(key => codec.owns(key)), [true, true, true, false, false])
})

t.test('weights that nobody may have are refused also when their history was edited with them', async t => {
  const codec = createTrafficConfigMapCodec()
  const good = codec.encode(stateOf(['hello'], 60))
  const replaced = (after: string): Readonly<Record<string, unknown>> => ({ ...good, 'route.hello': (good['route.hello'] ?? '').replaceAll('"v1":1,"v2":60', after) })
  t.throws(() => codec.decode(replaced('"v1":0,"v2":0')), { message: 'route.hello.weights are all 0, so nobody would be served' })
  t.throws(() => codec.decode(replaced('"v1":1e308,"v2":1')), { message: /^route\.hello\.history, revision 61,\.v1 is 1e\+308/ })
  t.throws(() => codec.decode(replaced('"v1":1e-9,"v2":1')), { message: 'route.hello.weights.v1 is 1e-9, which is not a weight' })
  const earlier = { ...good, 'route.hello': (good['route.hello'] ?? '').replaceAll('"v1":1,"v2":7}', '"v1":1,"v2":1e308}') }
  t.throws(() => codec.decode(earlier), { message: /history, revision 8,\.v2 is 1e\+308/ }, 'an undo could bring it back')
  const nobody = applyConfig(EMPTY_TRAFFIC, [{ name: 'hello', weights: { v1: 0, v2: 0 } }], AT)
  t.same(codec.decode(codec.encode(nobody)), nobody, 'a configuration may have them')
})

t.test('a key that an object has twice is refused, wherever it is and however it is spelt', async t => {
  const codec = createTrafficConfigMapCodec()
  const good = codec.encode(stateOf(['hello'], 1))
  const text = good['route.hello'] ?? ''
  const cases: ReadonlyArray<readonly [string, string]> = [
    [text.replace('{"weights"', '{"weights": {"v1":5,"v2":5}, "weights"'), 'weights'],
    [text.replace('{"weights"', '{"\\u0077eights" : {"v1":5,"v2":5}, "weights"'), 'weights'],
    [text.replace('"v1":1', '"v1":9,"v1":1'), 'v1'],
    [text.replace('"actor":"config"', '"actor":"config","actor":"config"'), 'actor'],
    [text.replace('{"weights"', '{"note": [{"a\\"b": 1}, {"a\\"b": {}, "a\\"b": 2}], "weights"'), 'a"b']
  ]
  for (const [written, key] of cases) {
    t.throws(() => codec.decode({ ...good, 'route.hello': written }), { message: `route.hello has ${JSON.stringify(key)} twice in one object: which of them counts?` })
  }
  const odd = text.replace('{"weights"', `{"note": [{"a": "{\\"v1\\": 1, \\"v1\\": 2}"}, {"a": "weights"}, "a", "a", "${'\\\\'.repeat(100_000)}${'x'.repeat(500_000)}"], "weights"`)
  t.match(codec.decode({ ...good, 'route.hello': odd }).routes.get('hello'), { epoch: 2 }, 'the same text elsewhere is not the same key')
})

t.test('whatever is accepted can be counted on: after 1,000 changes of any kind the next replica accepts what is written, or nothing is', async t => {
  const near = fc.oneof(fc.nat(10), fc.integer({ min: 0, max: 2_000 }).map(below => MAX_COUNT - below), fc.integer({ min: -5, max: 5 }).map(by => MAX_COUNT - 1e9 + by), fc.constantFrom(1e15, MAX_COUNT))
  const codec = createTrafficConfigMapCodec()
  const [route] = stateOf(['hello'], 1).routes.values()
  if (route === undefined) throw new Error('no route')
  const latest = route.history.at(-1) ?? fail()
  let accepted = 0
  fc.assert(fc.property(near, near, near, fc.boolean(), (epoch, revision, epochFloor, alsoHistory) => {
    const history = alsoHistory ? [{ ...latest, epoch, revision }] : route.history
    const written = { format: 'weir-traffic/1', epochFloor: String(epochFloor), 'route.hello': JSON.stringify({ ...route, epoch, revision, history }) }
    let state: TrafficState
    try {
      state = codec.decode(written)
    } catch {
      return
    }
    accepted += 1
    for (let step = 0; step < 1_000; step++) {
      const next = furtherStep(state, step)
      if (next === state) continue
      try {
        const read = recordEdits(codec.decode(codec.encode(next)), AT)
        const [before, after] = [state, read].map(each => each.routes.get('hello'))
        if (before !== undefined && after !== undefined && after.epoch <= before.epoch && !sameWeights(after.weights, before.weights)) throw new Error('an epoch is used twice')
        state = read
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (!/^(route\.\w+\.epoch or revision|epochFloor) is more than \d+, and can't be counted on: stop all replicas and delete the ConfigMap/.test(error.message)) throw error
        return
      }
    }
  }), { numRuns: 40 })
  t.ok(accepted > 0, `${accepted} were accepted`)
})

function fail (): never { throw new Error('no history') }

/** By the API mostly, now and then by the file, which may also lose its route and have it again. */
function furtherStep (state: TrafficState, step: number): TrafficState {
  const route = state.routes.get('hello')
  const own = [{ name: 'hello', weights: { v1: step, v2: 2 } }]
  if (step % 50 === 0 || route === undefined) return applySharedConfig(state, own, step % 100 === 0 && route !== undefined ? [] : own, AT)
  const changed = changeRoute(route, { type: 'weights', weights: { v1: step, v2: 1 } }, META)
  if (!changed.ok || !changed.changed) return state
  // Short, for the sake of time.
  return withRoute(state, 'hello', { ...changed.route, history: changed.route.history.slice(-3) })
}

t.test('weights at the end of all counting can\'t be edited', async t => {
  const codec = createTrafficConfigMapCodec()
  const [route] = stateOf(['hello'], 1).routes.values()
  const latest = { ...route?.history.at(-1) ?? fail(), epoch: MAX_COUNT, revision: 5 }
  const last = { ...route, epoch: MAX_COUNT, revision: 5, history: [latest] }
  const data = { format: 'weir-traffic/1', epochFloor: '0' }
  t.match(codec.decode({ ...data, 'route.hello': JSON.stringify(last) }).routes.get('hello'), { epoch: MAX_COUNT })
  t.throws(() => codec.decode({ ...data, 'route.hello': JSON.stringify({ ...last, weights: { v1: 7, v2: 7 } }) }), { message: /epoch or revision is more than 99999999999999/ })
})

t.test('a rollout is in the text of its route, and its evidence is the first to go when there is no room', async t => {
  const rolledOut = after(routeOf({ stable: 100, canary: 0 }), start(planOf([setWeight(5), pauseFor(null)])), {
    type: 'evidence', id: 'r1', step: 1, stepMs: 7, evidence: EVIDENCE
  })
  const state = { routes: new Map([['hello', rolledOut]]), epochFloor: 0 }
  const data = createTrafficConfigMapCodec().encode(state)
  t.equal(data['format'], 'weir-traffic/2')
  t.same(createTrafficConfigMapCodec().decode(data), state)
  const bytes = Buffer.byteLength(data['route.hello'] ?? '')
  const smaller = createTrafficConfigMapCodec(undefined, bytes - 100)
  const kept = smaller.decode(smaller.encode(state)).routes.get('hello')
  t.match(kept, { rollout: { id: 'r1', step: 1, stepMs: 7, evidence: null } })
  t.equal(kept?.history.length, rolledOut.history.length)
  t.equal(createTrafficConfigMapCodec().encode({ routes: new Map([['hello', routeOf({ stable: 1 })]]), epochFloor: 0 })['format'], 'weir-traffic/1')
})
