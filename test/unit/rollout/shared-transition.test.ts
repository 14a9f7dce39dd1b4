import t from 'tap'
import { EMPTY_TRAFFIC, type ConfiguredRoute, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { applyConfig, applySharedConfig, changeRoute, ownView, recordEdits, wasEdited, withImported, withRoute } from '../../../src/rollout/transition.ts'

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
