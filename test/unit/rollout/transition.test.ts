import t from 'tap'
import { applyConfig, changeRoute, withRoute } from '../../../src/rollout/transition.ts'
import type { Weights } from '../../../src/contract/weights.ts'
import type { ChangeMeta, RouteTraffic, TrafficCommand, TrafficState } from '../../../src/rollout/traffic-state.ts'
import { EMPTY_TRAFFIC, MAX_HISTORY, MAX_HISTORY_TOTAL, MIN_HISTORY } from '../../../src/rollout/traffic-state.ts'

const AT = '2026-01-01T00:00:00.000Z'
const meta: ChangeMeta = { actor: 'ops', reason: 'because', source: 'api', at: AT }

function configured (weights: Weights, state: TrafficState = EMPTY_TRAFFIC): TrafficState {
  return applyConfig(state, [{ name: 'hello', weights }], AT)
}

function hello (state: TrafficState): RouteTraffic {
  const route = state.routes.get('hello')
  if (route === undefined) throw new Error('no route hello')
  return route
}

/** Applies commands that have to succeed. */
function after (route: RouteTraffic, ...commands: readonly TrafficCommand[]): RouteTraffic {
  return commands.reduce((current, command) => {
    const result = changeRoute(current, command, meta)
    if (!result.ok) throw new Error(result.error.message)
    return result.route
  }, route)
}

const weights = (stable: number, canary: number): TrafficCommand => ({ type: 'weights', weights: { stable, canary } })
const start = hello(configured({ stable: 90, canary: 10 }))

t.test('a route starts with the weights of the file, at epoch 1, and history says where they came from', async t => {
  t.match(start, { epoch: 1, revision: 1, weights: { stable: 90, canary: 10 }, fileWeights: { stable: 90, canary: 10 } })
  t.same(start.history, [{
    revision: 1, epoch: 1, actor: 'config', reason: 'the route is new in the configuration', source: 'config', action: 'config', before: {}, after: { stable: 90, canary: 10 }, at: AT
  }])
})

t.test('setting weights raises the epoch and records who, why, before and after', async t => {
  const route = after(start, weights(75, 25))
  t.match(route, { epoch: 2, revision: 2, weights: { stable: 75, canary: 25 }, fileWeights: { stable: 90, canary: 10 } })
  t.same(route.history.at(-1), {
    revision: 2, epoch: 2, actor: 'ops', reason: 'because', source: 'api', action: 'weights', before: { stable: 90, canary: 10 }, after: { stable: 75, canary: 25 }, at: AT
  })
})

t.test('the weights that are there already change nothing', async t => {
  t.same(changeRoute(start, { type: 'weights', weights: { canary: 10, stable: 90 } }, meta), { ok: true, changed: false, route: start })
})

t.test('weights come out in the order of the file, and -0 as 0', async t => {
  const route = after(start, { type: 'weights', weights: { canary: 1, stable: -0 } })
  t.same(Object.entries(route.weights), [['stable', 0], ['canary', 1]])
  t.ok(Object.is(route.weights['stable'], 0))
})

const REFUSED: readonly (readonly [string, TrafficCommand, string, RegExp])[] = [
  ['an unknown version', { type: 'weights', weights: { stable: 1, canary: 1, blue: 1 } }, 'unknown_version', /no version "blue"; it has "stable", "canary"/],
  ['a version named like a method of objects', { type: 'weights', weights: { stable: 1, canary: 1, constructor: 1 } }, 'unknown_version', /"constructor"/],
  ['a missing version', { type: 'weights', weights: { stable: 1 } }, 'missing_version', /"canary" is missing: give 0/],
  ['no version at all', { type: 'weights', weights: {} }, 'missing_version', /"stable", "canary" are missing/],
  ['a negative weight', weights(-1, 1), 'invalid_weight', /"stable" is -1/],
  ['NaN', weights(NaN, 1), 'invalid_weight', /"stable" is NaN/],
  ['infinity', weights(1, Infinity), 'invalid_weight', /"canary" is Infinity/],
  ['a weight that is too large', weights(1, 1_000_001), 'invalid_weight', /0\.000001 to 1000000/],
  ['a weight that is too small', weights(1, 1e-7), 'invalid_weight', /1e-7/],
  ['all weights zero', weights(0, 0), 'all_weights_zero', /at least one/],
  ['a switch to nowhere', { type: 'switch', to: 'green' }, 'unknown_version', /no version "green"/],
  ['a switch to a method of objects', { type: 'switch', to: 'toString' }, 'unknown_version', /toString/],
  ['an undo of nothing', { type: 'undo' }, 'nothing_to_undo', /never changed/],
  ['an undo to the future', { type: 'undo', revision: 2 }, 'unknown_revision', /from 1 to 1/]
]

for (const [what, command, code, message] of REFUSED) {
  t.test(`${what} is refused`, async t => {
    t.match(changeRoute(start, command, meta), { ok: false, error: { code, message } })
  })
}

t.test('a switch gives one version everything', async t => {
  const route = after(start, { type: 'switch', to: 'canary' })
  t.same(route.weights, { stable: 0, canary: 100 })
  t.equal(route.history.at(-1)?.action, 'switch')
})

t.test('undo returns to the weights before the latest change, and a second undo undoes the first', async t => {
  const changed = after(start, weights(50, 50), { type: 'switch', to: 'canary' })
  const undone = after(changed, { type: 'undo' })
  t.same(undone.weights, { stable: 50, canary: 50 })
  t.match(undone, { epoch: 4, revision: 4 })
  t.same(after(undone, { type: 'undo' }).weights, { stable: 0, canary: 100 })
})

t.test('undo to a revision returns to what that revision brought', async t => {
  const changed = after(start, weights(50, 50), weights(20, 80))
  t.same(after(changed, { type: 'undo', revision: 1 }).weights, { stable: 90, canary: 10 })
  t.same(after(changed, { type: 'undo', revision: 2 }).weights, { stable: 50, canary: 50 })
})

t.test('undo to a time of other versions is refused', async t => {
  const renamed = hello(configured({ stable: 90, next: 10 }, configured({ stable: 90, canary: 10 })))
  t.match(changeRoute(renamed, { type: 'undo' }, meta), { error: { code: 'versions_changed', message: /"stable", "canary" then and has "stable", "next" now/ } })
  t.match(changeRoute(renamed, { type: 'undo', revision: 1 }, meta), { error: { code: 'versions_changed' } })
})

t.test('undo to weights that serve nobody is refused, even if the file had them', async t => {
  const route = after(hello(configured({ stable: 0, canary: 0 })), weights(1, 0))
  t.match(changeRoute(route, { type: 'undo' }, meta), { error: { code: 'all_weights_zero' } })
})

t.test('run-time weights stay while the file says the same', async t => {
  const state = withRoute(configured({ stable: 90, canary: 10 }), 'hello', after(start, weights(50, 50)))
  t.equal(configured({ canary: 10, stable: 90 }, state), state, 'the very same object: nothing to store')
})

t.test('when the file\'s own weights change, the file wins and history says so', async t => {
  const state = withRoute(configured({ stable: 90, canary: 10 }), 'hello', after(start, weights(50, 50)))
  const route = hello(configured({ stable: 80, canary: 20 }, state))
  t.match(route, { epoch: 3, weights: { stable: 80, canary: 20 }, fileWeights: { stable: 80, canary: 20 } })
  t.match(route.history.at(-1), { source: 'config', action: 'config', actor: 'config', before: { stable: 50, canary: 50 }, after: { stable: 80, canary: 20 } })
  t.same(after(route, { type: 'undo' }).weights, { stable: 50, canary: 50 }, 'and can be undone')
})

t.test('a file that catches up with the run-time weights changes no traffic', async t => {
  const state = withRoute(configured({ stable: 90, canary: 10 }), 'hello', after(start, weights(50, 50)))
  const route = hello(configured({ stable: 50, canary: 50 }, state))
  t.match(route, { epoch: 2, revision: 2, fileWeights: { stable: 50, canary: 50 } })
})

t.test('versions added and removed in the file bring its weights', async t => {
  const changed = withRoute(configured({ stable: 90, canary: 10 }), 'hello', after(start, weights(50, 50)))
  const grown = configured({ stable: 90, canary: 10, next: 0 }, changed)
  t.match(hello(grown), { epoch: 3, weights: { stable: 90, canary: 10, next: 0 } })
  const shrunk = configured({ stable: 100 }, grown)
  t.same(hello(shrunk).weights, { stable: 100 })
})

t.test('a route that left the file is forgotten, and starts above its old epochs when it comes back', async t => {
  const changed = withRoute(configured({ stable: 90, canary: 10 }), 'hello', after(start, weights(50, 50), weights(1, 1)))
  const gone = applyConfig(changed, [], AT)
  t.equal(gone.routes.size, 0)
  const back = hello(configured({ stable: 90, canary: 10 }, gone))
  t.match(back, { epoch: 4, revision: 1, weights: { stable: 90, canary: 10 } })
})

t.test('a route keeps its latest revisions only', async t => {
  const commands = Array.from({ length: MAX_HISTORY + 20 }, (_, index) => weights(index + 1, 1))
  const route = after(start, ...commands)
  t.equal(route.history.length, MAX_HISTORY)
  t.equal(route.history.at(-1)?.revision, MAX_HISTORY + 21)
  t.match(changeRoute(route, { type: 'undo', revision: 1 }, meta), { error: { code: 'unknown_revision', message: /from 22 to 121/ } })
})

t.test('all routes together keep a bounded history, the longest giving up first', async t => {
  const names = Array.from({ length: 60 }, (_, index) => `route-${index}`)
  let state = applyConfig(EMPTY_TRAFFIC, names.map(name => ({ name, weights: { stable: 90, canary: 10 } })), AT)
  const long = after(start, ...Array.from({ length: MAX_HISTORY }, (_, index) => weights(index + 1, 1)))
  for (const name of names.slice(1)) state = withRoute(state, name, long)
  const lengths = [...state.routes.values()].map(({ history }) => history.length)
  t.equal(lengths.reduce((sum, length) => sum + length, 0), MAX_HISTORY_TOTAL)
  t.equal(lengths[0], 1)
  t.ok(lengths.slice(1).every(length => length >= MIN_HISTORY && length >= 80), String(lengths))
  t.equal([...state.routes.values()].at(-1)?.history.at(-1)?.revision, MAX_HISTORY + 1, 'the oldest are the ones that go')
})
