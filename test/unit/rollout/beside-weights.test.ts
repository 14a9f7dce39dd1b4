import t from 'tap'
import { splitOf } from '../../../src/rollout/beside-weights.ts'
import type { RouteTraffic } from '../../../src/rollout/traffic-state.ts'
import { applyConfig } from '../../../src/rollout/transition.ts'
import {
  advance, after, analyse, headerMatch, judgement, mirror, pauseFor, planOf, rolloutOf, routeOf, setMatch, setWeight, start
} from '../../helpers/rollout-events.ts'

const BETA = headerMatch('x-beta', '1')
const bare = routeOf({ stable: 100, canary: 0 })
const preview = after(bare, start(planOf([setMatch(BETA), pauseFor(null), setWeight(100)])))

function told (route: RouteTraffic): object {
  const { match, mirror: copies } = splitOf('hello', route)
  return { match: match?.version ?? 'none', copies: copies?.percent ?? 'none' }
}

t.test('a match alone is an epoch, with an entry of the history that moves nothing', async t => {
  t.equal(preview.epoch, bare.epoch + 1)
  t.same(preview.weights, bare.weights)
  t.same(splitOf('hello', preview).match, { version: 'canary', ...BETA })
  t.match(preview.history.at(-1), { action: 'rollout', reason: 'rollout to canary: match header x-beta=1', before: bare.weights, after: bare.weights })
  t.same(rolloutOf(preview).shares, [{ epoch: 1, share: 0 }, { epoch: 2, share: 0 }])
})

t.test('what comes together has one epoch, and who has all has no match', async t => {
  const both = after(bare, start(planOf([setWeight(10), setMatch(BETA), mirror(5), pauseFor(null)])))
  t.equal(both.epoch, bare.epoch + 1)
  t.same(told(both), { match: 'canary', copies: 5 })
  const switched = after(preview, { type: 'resume' })
  t.equal(switched.epoch, preview.epoch + 1)
  t.same(switched.weights, { stable: 0, canary: 100 })
  t.same(told(switched), { match: 'none', copies: 'none' })
  t.same(told(after(both, { type: 'promote', full: true })), { match: 'none', copies: 'none' })
})

t.test('an abort, a fail and a lost version take it away, in one epoch', async t => {
  for (const event of [{ type: 'abort' } as const, advance(0, { verdict: judgement('fail') })]) {
    const over = after(preview, event)
    t.equal(over.epoch, preview.epoch + 1)
    t.same(told(over), { match: 'none', copies: 'none' })
  }
  const state = { routes: new Map([['hello', preview]]), epochFloor: 0 }
  const reloaded = applyConfig(state, [{ name: 'hello', weights: { stable: 1, other: 1 } }], '2026-01-01T00:00:00.000Z').routes.get('hello') ?? bare
  t.match(rolloutOf(reloaded), { phase: 'Aborted', match: null })
  t.same(told(reloaded), { match: 'none', copies: 'none' })
})

const compared = after(bare, start(planOf([setMatch(BETA), analyse(1_000, { onUndecided: 'pass' })], { preset: 'a-b', onSuccess: 'keep', watchMs: 0 })))

t.test('an a-b is failed by a guard alone, and ends with what it had', async t => {
  const worse = after(compared, advance(500, { verdict: judgement('fail', { code: 'errors' }) }))
  t.equal(rolloutOf(worse).phase, 'Progressing', 'a difference is what it looks for')
  t.equal(rolloutOf(after(worse, advance(0, { verdict: judgement('fail', { code: 'max_failures' }) }))).phase, 'Degraded')
  const over = after(worse, advance(1_000, { verdict: judgement('fail', { code: 'errors' }) }))
  t.match(rolloutOf(over), { phase: 'Healthy', verdict: { code: 'errors' } })
  t.same(over.weights, bare.weights)
  t.same(told(over), { match: 'canary', copies: 'none' })
})

t.test('what a rollout has left goes with an undo, with weights by hand, and with the next rollout', async t => {
  const over = after(compared, advance(1_000))
  for (const command of [{ type: 'undo' }, { type: 'switch', to: 'stable' }, { type: 'weights', weights: { stable: 100, canary: 0 } }] as const) {
    const back = after(over, command)
    t.equal(back.epoch, over.epoch + 1, command.type)
    t.same(told(back), { match: 'none', copies: 'none' })
    if (command.type !== 'undo') t.equal(after(back, command).epoch, back.epoch, 'once')
  }
  const next = after(over, start(planOf([{ kind: 'await-endpoints' }]), { id: 'r2' }))
  t.same([told(next), next.epoch], [{ match: 'none', copies: 'none' }, over.epoch + 1])
})

t.test('weights by hand pause it with its match, and an undo is refused that would go behind it', async t => {
  const moved = after(bare, { type: 'weights', weights: { stable: 60, canary: 40 } })
  const running = after(moved, start(planOf([setMatch(BETA), pauseFor(null)])))
  t.match(rolloutOf(after(running, { type: 'weights', weights: { stable: 50, canary: 50 } })), { pausedBy: 'weights', match: BETA })
  t.throws(() => after(running, { type: 'undo' }), { message: /a rollout runs and has moved no weight yet: abort it/ })
  t.same(after(running, { type: 'undo', revision: 1 }).weights, bare.weights, 'unless its revision is named')
  t.same(after(running, { type: 'abort' }, { type: 'undo' }).weights, moved.weights, 'there is nothing to undo of an abort')
  const stepped = after(moved, start(planOf([setWeight(50), setMatch(BETA), pauseFor(null), setMatch(null), pauseFor(null)])), { type: 'resume' })
  t.same(after(stepped, { type: 'undo' }).weights, moved.weights, 'what has moved nothing is passed over')
})
