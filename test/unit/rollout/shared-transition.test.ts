import t from 'tap'
import { EMPTY_TRAFFIC, MAX_SUPERSEDED, type ConfiguredRoute, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { applySharedConfig, foreignTo, supersededIn } from '../../../src/rollout/shared-config.ts'
import { applyConfig, changeRoute, ownView, recordEdits, wasEdited, withImported, withRoute } from '../../../src/rollout/transition.ts'

const AT = '2026-01-01T00:00:00.000Z'
const HELLO: ConfiguredRoute = { name: 'hello', weights: { v1: 75, v2: 25 } }
const SHOP: ConfiguredRoute = { name: 'shop', weights: { a: 1 } }

function changed (state: TrafficState, name: string, weights: Readonly<Record<string, number>>): TrafficState {
  const route = state.routes.get(name)
  const transition = route === undefined ? undefined : changeRoute(route, { type: 'weights', weights }, { actor: 'ops', reason: '', source: 'api', at: AT })
  if (transition?.ok !== true) throw new Error('refused')
  return withRoute(state, name, transition.route)
}

t.test('a replica with an older or newer file leaves the routes alone that it does not know', async t => {
  const state = changed(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO, SHOP], AT), 'shop', { a: 5 })
  t.equal(applySharedConfig(state, [], [HELLO], AT), state, 'one that starts')
  t.equal(applySharedConfig(state, [HELLO], [HELLO], AT), state, 'one that reloads')
  const without = applySharedConfig(state, [HELLO, SHOP], [HELLO], AT)
  t.same([...without.routes.keys()], ['hello'], 'one whose file has lost it')
  t.equal(without.epochFloor, 2)
  t.equal(applySharedConfig(without, [], [HELLO, SHOP], AT).routes.get('shop')?.epoch, 3, 'no epoch is used twice')
})

t.test('weights of the file that change win for all, once', async t => {
  const state = changed(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO], AT), 'hello', { v1: 1, v2: 1 })
  const newer = { name: 'hello', weights: { v1: 0, v2: 100 } }
  const first = applySharedConfig(state, [HELLO], [newer], AT)
  t.match(first.routes.get('hello'), { epoch: 3, weights: newer.weights })
  t.equal(applySharedConfig(first, [HELLO], [newer], AT), first, 'the next replica that reads the file finds it done')
})

t.test('a replica serves its own routes with the weights that are stored', async t => {
  const stored = changed(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO, SHOP], AT), 'hello', { v1: 1, v2: 9 })
  const view = ownView(stored, [HELLO], EMPTY_TRAFFIC, AT)
  t.same([...view.routes.keys()], ['hello'])
  t.equal(view.routes.get('hello'), stored.routes.get('hello'))
  const renamed = ownView(stored, [{ name: 'hello', weights: { v2: 50, v3: 50 } }], EMPTY_TRAFFIC, AT).routes.get('hello')
  t.match(renamed, { epoch: 2, weights: { v2: 9, v3: 0 }, fileWeights: { v2: 50, v3: 50 } }, 'each version gets what is stored for its name')
  t.match(ownView(stored, [{ name: 'hello', weights: { v3: 4 } }], EMPTY_TRAFFIC, AT).routes.get('hello'), { weights: { v3: 4 } }, 'somebody is served')
  const fallback = applyConfig(EMPTY_TRAFFIC, [{ name: 'new', weights: { a: 3 } }], AT)
  t.equal(ownView(stored, [{ name: 'new', weights: { a: 1 } }], fallback, AT).routes.get('new'), fallback.routes.get('new'), 'what is not stored stays as it was')
  t.match(ownView(stored, [{ name: 'new', weights: { a: 1 } }], EMPTY_TRAFFIC, AT).routes.get('new'), { epoch: 1, weights: { a: 1 } })
})

t.test('weights that were edited become a change, the same for every replica that sees them', async t => {
  const stored = changed(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO, SHOP], AT), 'hello', { v1: 1, v2: 9 })
  t.equal(recordEdits(stored, AT), stored)
  const hello = stored.routes.get('hello')
  if (hello === undefined) throw new Error('no route')
  const edited = withRoute(stored, 'hello', { ...hello, weights: { v1: 3, v2: 3 } })
  t.ok(wasEdited({ ...hello, weights: { v1: 3, v2: 3 } }))
  const recorded = recordEdits(edited, AT)
  t.match(recorded.routes.get('hello'), {
    epoch: 3,
    revision: 3,
    weights: { v1: 3, v2: 3 },
    history: [{}, {}, { source: 'kubernetes', action: 'weights', before: { v1: 1, v2: 9 }, after: { v1: 3, v2: 3 } }]
  })
  t.strictSame(recordEdits(edited, AT), recorded)
  t.equal(recordEdits(recorded, AT), recorded, 'once')
  t.equal(recorded.routes.get('shop'), stored.routes.get('shop'))
})

t.test('what is imported gets epochs that nobody has seen, and leaves other routes alone', async t => {
  const state = changed(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO, SHOP], AT), 'hello', { v1: 1, v2: 9 })
  const other = changed(applyConfig({ ...EMPTY_TRAFFIC, epochFloor: 7 }, [HELLO, { name: 'new', weights: { a: 1 } }], AT), 'hello', { v1: 2, v2: 2 })
  const imported = withImported(state, other)
  t.match(imported.routes.get('hello'), { weights: { v1: 2, v2: 2 }, epoch: 9, history: other.routes.get('hello')?.history })
  t.match(imported.routes.get('new'), { epoch: 8 })
  t.equal(imported.routes.get('shop'), state.routes.get('shop'))
  t.equal(imported.epochFloor, 7)
  t.equal(withImported(imported, other).routes.get('hello')?.epoch, 10, 'again')
  t.equal(recordEdits(imported, AT), imported)
})

/** HELLO as a file has it that came later. */
const filed = (v1: number, v2: number): readonly ConfiguredRoute[] => [{ name: 'hello', weights: { v1, v2 } }]

t.test('a start with weights that a newer file has superseded takes nothing back; a running replica that goes back to them does', async t => {
  const newer = applySharedConfig(applySharedConfig(EMPTY_TRAFFIC, [], filed(75, 25), AT), [], filed(80, 20), AT)
  t.match(newer.routes.get('hello'), { epoch: 2, fileWeights: { v1: 80, v2: 20 }, supersededFileWeights: [{ v1: 75, v2: 25 }] })
  const set = changed(newer, 'hello', { v1: 5, v2: 95 })
  t.equal(applySharedConfig(set, [], filed(75, 25), AT), set, 'a pod of the old ReplicaSet')
  t.equal(applySharedConfig(set, filed(75, 25), filed(75, 25), AT), set, 'a reload of one that has not got the newer file')
  t.equal(applySharedConfig(set, [], [...filed(80, 20)], AT), set, 'a pod of the new one')
  t.same(supersededIn(set, [], [...filed(75, 25), SHOP]), ['hello'])
  t.same(supersededIn(set, filed(80, 20), filed(75, 25)), [])
  const back = applySharedConfig(set, filed(80, 20), filed(75, 25), AT)
  t.match(back.routes.get('hello'), { epoch: 4, weights: { v1: 75, v2: 25 }, supersededFileWeights: [{ v1: 80, v2: 20 }] })
  t.equal(applySharedConfig(back, filed(80, 20), filed(75, 25), AT), back, 'the next replica that goes back finds it done')
  t.match(applySharedConfig(set, [], [...filed(75, 25), SHOP], AT).routes.get('shop'), { weights: { a: 1 } }, 'other routes of that file are taken')
})

t.test('versions that a newer file has added are not taken away by a start with the older one', async t => {
  const newer = applySharedConfig(applySharedConfig(EMPTY_TRAFFIC, [], [HELLO], AT), [HELLO], [{ name: 'hello', weights: { v2: 1, v3: 1 } }], AT)
  t.equal(applySharedConfig(newer, [], [HELLO], AT), newer)
})

t.test('a route keeps the latest 8 weights that were superseded, each once', async t => {
  let state = applySharedConfig(EMPTY_TRAFFIC, [], filed(0, 1), AT)
  for (let step = 1; step <= 20; step++) state = applySharedConfig(state, filed(step - 1, 1), filed(step, 1), AT)
  for (let step = 0; step < 6; step++) state = applySharedConfig(state, filed(20 - step % 2, 1), filed(19 + step % 2, 1), AT)
  const kept = state.routes.get('hello')?.supersededFileWeights?.map(({ v1 }) => v1)
  t.equal(kept?.length, MAX_SUPERSEDED)
  t.equal(new Set(kept).size, MAX_SUPERSEDED)
  t.equal(kept?.at(-1), 19)
})

t.test('a state is that of a Weir that has a version of a route in common with it, now or before', async t => {
  const stored = applySharedConfig(applySharedConfig(EMPTY_TRAFFIC, [], [{ name: 'web', weights: { v1: 1, v2: 1 } }, SHOP], AT), [], [{ name: 'web', weights: { v2: 1, v3: 1 } }], AT)
  const fault = foreignTo(stored, [{ name: 'web', weights: { blue: 1, green: 0 } }, { name: 'bye', weights: { v2: 1 } }])
  t.match(fault, /^its route web has the versions v2, v3 and none of blue, green, and no other route .* state\.name of its own, or, when all versions were renamed on purpose, stop all replicas and delete/)
  t.match(foreignTo(stored, [{ name: 'bye', weights: { v2: 1 } }]), /^it has the routes .* and none of bye: give each Weir a state\.name of its own/)
  for (const weights of [{ v3: 1 }, { v2: 1, v9: 1 }, { v1: 1 }]) t.equal(foreignTo(stored, [{ name: 'web', weights }, { name: 'bye', weights: { a: 1 } }]), undefined)
  t.equal(foreignTo(stored, [{ name: 'web', weights: { blue: 1 } }, SHOP]), undefined, 'one route is enough')
  t.equal(foreignTo(EMPTY_TRAFFIC, [SHOP]), undefined)
})
