import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { sameWeights, type Weights, weightOf } from '../../../src/contract/weights.ts'
import { type PlanStep, type RolloutPlan, shareAfter } from '../../../src/plans/rollout-plan.ts'
import { isLive, MAX_SHARES, type RolloutEvent, type RolloutState } from '../../../src/rollout/rollout-state.ts'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { EMPTY_TRAFFIC, type RouteTraffic, type TrafficCommand, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { splitOf } from '../../../src/rollout/beside-weights.ts'
import { applyConfig, changeRoute, goingOnFrom, ownView, recordEdits, withImported, withRoute } from '../../../src/rollout/transition.ts'
import { BY_OPS, EVIDENCE, headerMatch, judgement, planOf } from '../../helpers/rollout-events.ts'

const AT = '2026-01-01T00:00:00.000Z'
const codec = createTrafficCodec()
const NAMES = ['stable', 'canary', 'constructor'] as const

const version = fc.constantFrom(...NAMES)
const weight = fc.oneof(fc.constantFrom(0, 0, 1, 5, 50, 100, 0.000_001, 1_000_000), fc.double({ min: 0.001, max: 1_000, noNaN: true }))
const allWeights = fc.record({ stable: weight, canary: weight, constructor: weight })
const fileWeights = fc.oneof({ arbitrary: allWeights, weight: 3 }, { arbitrary: fc.dictionary(version, weight, { minKeys: 1, noNullPrototype: true }), weight: 1 })
const ms = fc.constantFrom(1, 400, 1_000, 1_500, 60_000)

const step: fc.Arbitrary<PlanStep> = fc.oneof(
  fc.constant({ kind: 'await-endpoints' } as const),
  fc.record({ kind: fc.constant('set-weight' as const), weight: fc.constantFrom(0, 0.001, 5, 33.3, 50, 99.999, 100) }),
  fc.record({ kind: fc.constant('ramp' as const), to: fc.constantFrom(1, 40, 100), overMs: ms }),
  fc.record({ kind: fc.constant('pause' as const), durationMs: fc.option(ms) }),
  fc.record({ kind: fc.constant('analyse' as const), forMs: fc.option(ms), requests: fc.option(fc.constantFrom(1, 50)), onUndecided: fc.constantFrom('wait', 'pass', 'fail') }),
  fc.record({ kind: fc.constant('set-match' as const), match: fc.constantFrom(null, headerMatch('x-beta', '1'), headerMatch('x-beta', '2')) }),
  fc.record({ kind: fc.constant('mirror' as const), mirror: fc.constantFrom(null, { percent: 10 }, { percent: 0 }) })
)
/** As plans are read, weights only go up. */
function rising (steps: readonly PlanStep[]): readonly PlanStep[] {
  let share = 0
  return steps.map(each => {
    const next = shareAfter(each) ?? share
    if (next < share) return { kind: 'await-endpoints' }
    share = next
    return each
  })
}

const plan: fc.Arbitrary<RolloutPlan> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 6 }), from: version, to: version, preset: fc.constantFrom('canary', 'canary', 'a-b'), onSuccess: fc.constantFrom('promote', 'keep'), watchMs: fc.constantFrom(0, 1_000)
}).map(({ steps, ...fields }) => planOf(rising(steps), fields)).filter(({ from, to }) => from !== to)

const id = fc.constantFrom('r1', 'r2')
const verdict = fc.oneof(
  { arbitrary: fc.constantFrom(null, judgement('pass'), judgement('undecided')), weight: 8 },
  { arbitrary: fc.constantFrom(judgement('fail'), judgement('undecided', { pause: true }), judgement('pass', { reason: 'x'.repeat(9_999), code: 'passed' })), weight: 1 }
)
const elapsedMs = fc.oneof(ms, fc.constantFrom(0, -5, Number.NaN, Infinity, 1e300))
const event: fc.Arbitrary<RolloutEvent> = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant('start' as const), plan, id, salt: fc.constantFrom('s1', 's2') }), weight: 3 },
  {
    arbitrary: fc.record({
      type: fc.constant('advance' as const), id, elapsedMs, verdict, toReady: fc.boolean(), requestsTo: fc.nat(200), evidence: fc.constantFrom(EVIDENCE)
    }, { requiredKeys: ['type', 'id', 'elapsedMs', 'verdict', 'toReady', 'requestsTo'] }),
    weight: 10
  },
  { arbitrary: fc.record({ type: fc.constant('evidence' as const), id, step: fc.nat(6), stepMs: elapsedMs, evidence: fc.constant(EVIDENCE) }), weight: 2 },
  { arbitrary: fc.constantFrom({ type: 'pause' }, { type: 'resume' }, { type: 'promote', full: false }, { type: 'promote', full: true } as const), weight: 4 },
  { arbitrary: fc.constant({ type: 'abort' } as const), weight: 1 },
  { arbitrary: fc.record({ type: fc.constant('retry' as const), id, salt: fc.constant('s3') }), weight: 1 }
)
const byHand: fc.Arbitrary<TrafficCommand> = fc.oneof(
  fc.record({ type: fc.constant('weights' as const), weights: allWeights }),
  fc.record({ type: fc.constant('switch' as const), to: version }),
  fc.constant({ type: 'undo' as const }),
  fc.record({ type: fc.constant('undo' as const), revision: fc.integer({ min: 1, max: 20 }) })
)

type Act =
  | { readonly kind: 'command', readonly command: TrafficCommand }
  | { readonly kind: 'reload', readonly weights: Weights }
  /** Somebody edits the stored weights, or writes over them what was there before. */
  | { readonly kind: 'edit', readonly weights: Weights }
  | { readonly kind: 'older-copy' | 'import' | 'crash' }

const act: fc.Arbitrary<Act> = fc.oneof(
  { arbitrary: event.map(each => ({ kind: 'command', command: { type: 'rollout', event: each } }) as const), weight: 20 },
  { arbitrary: byHand.map(command => ({ kind: 'command', command }) as const), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('reload' as const), weights: fileWeights }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('edit' as const), weights: allWeights }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constantFrom('older-copy' as const, 'import' as const, 'crash' as const) }), weight: 1 }
)
const story = fc.tuple(allWeights, fc.array(act, { maxLength: 30 }))

const HAND = { actor: 'kubernetes', reason: '', source: 'kubernetes', at: AT } as const

function apply (state: TrafficState, each: Act, older: TrafficState): TrafficState {
  const route = routeIn(state)
  switch (each.kind) {
    case 'command': {
      const result = changeRoute(route, each.command, BY_OPS)
      return result.ok && result.changed ? withRoute(state, 'r', result.route) : state
    }
    case 'reload': return applyConfig(state, [{ name: 'r', weights: each.weights }], AT)
    case 'edit': {
      const weights = Object.fromEntries(Object.keys(route.weights).map(name => [name, weightOf(each.weights, name) ?? 0]))
      return Object.values(weights).some(value => value > 0) ? recordEdits(withRoute(state, 'r', { ...route, weights }), AT) : state
    }
    case 'older-copy': return goingOnFrom(state, older, HAND)
    case 'import': return withImported(state, older)
    default: return codec.decode(JSON.parse(codec.encode(state)))
  }
}

function routeIn (state: TrafficState): RouteTraffic {
  const route = state.routes.get('r')
  if (route === undefined) throw new Error('the route is gone')
  return route
}

/** Tells a story and hands every pair of neighbouring states to `check`. */
function inEveryStory (check: (before: RouteTraffic, after: RouteTraffic, each: Act) => void, seed?: number): void {
  fc.assert(fc.property(story, ([weights, acts]) => {
    let state = applyConfig(EMPTY_TRAFFIC, [{ name: 'r', weights }], AT)
    const first = state
    for (const each of acts) {
      const next = apply(state, each, first)
      check(routeIn(state), routeIn(next), each)
      state = next
    }
  }), { numRuns: 300, ...(seed === undefined ? {} : { seed }) })
}

function hold (is: boolean, what: string): void {
  if (!is) throw new Error(what)
}

t.test('no story leads to a state that is not declared, nor to one that is not read back as it was', async () => {
  inEveryStory((_before, route) => {
    const state = { routes: new Map([['r', route]]), epochFloor: 0 }
    const again = routeIn(codec.decode(JSON.parse(codec.encode(state))))
    hold(isDeepStrictEqual(again, JSON.parse(JSON.stringify(route))), 'read back differently')
    const { rollout } = route
    if (rollout === undefined) return
    hold(rollout.shares.length <= MAX_SHARES, 'shares without bound')
    hold(isLive(rollout) || rollout.evidence === null, 'evidence is kept for nothing')
    if (!isLive(rollout)) return
    const { from, to } = rollout.plan
    const sum = (weightOf(route.weights, from) ?? 0) + (weightOf(route.weights, to) ?? 0)
    const latest = rollout.shares.at(-1)
    if (sum > 0) hold(latest?.epoch === route.epoch && Math.abs(latest.share - (weightOf(route.weights, to) ?? 0) / sum) < 1e-9, 'the share of the epoch is not known')
    // What a replica with another file sees is a state that a rollout can be in too.
    const view = ownView(state, [{ name: 'r', weights: { canary: 1, other: 1 } }], EMPTY_TRAFFIC, AT)
    codec.decode(JSON.parse(codec.encode(view)))
  })
})

t.test('each change of weights has an epoch of its own, and the history tells of it', async () => {
  inEveryStory((before, route, { kind }) => {
    // An import brings a history of its own, under a new epoch.
    hold(route.epoch >= before.epoch && (route.revision >= before.revision || kind === 'import'), 'counted back')
    if (!sameWeights(before.weights, route.weights)) hold(route.epoch > before.epoch, 'other weights under the same epoch')
    const latest = route.history.at(-1)
    hold(kind === 'import' || latest?.revision === route.revision, 'the history does not end with the revision')
    hold(latest !== undefined && sameWeights(latest.after, route.weights), 'the history does not end with the weights')
    for (const [index, entry] of route.history.entries()) {
      const earlier = route.history[index - 1]
      hold(earlier === undefined || (entry.revision === earlier.revision + 1 && entry.epoch > earlier.epoch && sameWeights(entry.before, earlier.after)), 'a gap in the history')
    }
  })
})

/** The rollout whose weights an event may have moved. */
function movedBy (before: RouteTraffic, after: RouteTraffic, each: Act): RolloutState | undefined {
  return each.kind === 'command' && each.command.type === 'rollout' && !sameWeights(before.weights, after.weights) ? after.rollout : undefined
}

t.test('a rollout moves its two versions only, and keeps what they have together', async () => {
  inEveryStory((before, after, each) => {
    const rollout = movedBy(before, after, each)
    if (rollout === undefined) return
    const { from, to } = rollout.plan
    const others = NAMES.filter(name => name !== from && name !== to)
    for (const name of others) hold(weightOf(before.weights, name) === weightOf(after.weights, name), `${name} has moved`)
    for (const value of Object.values(after.weights)) hold(value === 0 || (value >= 1e-6 && value <= 1_000_000), `${value} is no weight`)
    hold(rollout.shareTo >= 0 && rollout.shareTo <= 100, 'a share beyond all')
    const sumIn = (weights: Weights): number => (weightOf(weights, from) ?? 0) + (weightOf(weights, to) ?? 0)
    const isAlone = others.every(name => (weightOf(before.weights, name) ?? 0) === 0)
    const isBack = sameWeights(after.weights, rollout.before)
    const kept = Math.abs(sumIn(after.weights) - sumIn(before.weights)) <= 1e-9 * sumIn(before.weights)
    hold(kept || isBack || (isAlone && Math.abs(sumIn(after.weights) - 100) < 1e-6) || before.rollout?.pausedBy === 'weights', 'the sum was not kept')
  })
})

t.test('a fail and an abort return exactly the weights of before, in one epoch', async () => {
  inEveryStory((before, after, each) => {
    if (each.kind !== 'command' || each.command.type !== 'rollout' || !isLive(before.rollout) || isLive(after.rollout)) return
    const phase = after.rollout?.phase
    if (phase === 'Healthy' || (each.command.event.type !== 'advance' && each.command.event.type !== 'abort')) return
    hold(phase === (each.command.event.type === 'abort' ? 'Aborted' : 'Degraded'), 'another end')
    hold(after.epoch <= before.epoch + 1, 'more than one epoch')
    hold(sameWeights(after.weights, before.rollout.before), 'other weights')
  })
})

t.test('a match and a mirror are told under an epoch of their own, and end with the rollout or what it has left', async () => {
  inEveryStory((before, after, each) => {
    const [told, now] = [splitOf('r', before), splitOf('r', after)]
    if (!isDeepStrictEqual([told.match, told.mirror], [now.match, now.mirror])) hold(after.epoch > before.epoch, 'another split under the same epoch')
    const { rollout } = after
    if (rollout === undefined) return
    const { phase, match, mirror, plan } = rollout
    if (match === null && mirror === null) {
      hold(now.match === undefined && now.mirror === undefined, 'told and not in force')
      return
    }
    hold(phase !== 'Degraded' && phase !== 'Aborted', 'it is over, and not taken back')
    if (phase === 'Healthy') hold(plan.onSuccess === 'keep' && mirror === null, 'who has all needs no match, and who is judged no more no copies')
    hold(now.match === undefined || now.match.version === plan.to, 'a match of another version')
    const byHand = each.kind === 'command' && each.command.type !== 'rollout' && after.epoch > before.epoch
    if (byHand || each.kind === 'edit') hold(isLive(rollout) || after === before || after.epoch === before.epoch, 'others have set weights, and the match has stayed')
  })
})

t.test('a fail is heeded in every live state, and nothing but a start or a retry makes a rollout live', async () => {
  inEveryStory((before, after, each) => {
    if (!isLive(before.rollout) && isLive(after.rollout)) {
      hold(each.kind === 'older-copy' || each.kind === 'import' || (each.kind === 'command' && each.command.type === 'rollout' && ['start', 'retry'].includes(each.command.event.type)), `${each.kind} has brought it to life`)
    }
    if (!isLive(before.rollout)) return
    const failed = changeRoute(before, { type: 'rollout', event: { type: 'advance', id: before.rollout.id, elapsedMs: 0, verdict: judgement('fail', { code: 'max_failures' }), toReady: false, requestsTo: 0 } }, BY_OPS)
    hold(failed.ok && failed.changed && failed.route.rollout?.phase === 'Degraded', 'a fail was not heeded')
  })
})

t.test('the stories come to every phase, every cause of a pause, and every kind of step', async t => {
  const seen = new Set<string>()
  inEveryStory((_before, { rollout }) => {
    if (rollout === undefined) return
    seen.add(rollout.phase).add(`by ${rollout.pausedBy ?? 'nobody'}`)
    if (isLive(rollout)) seen.add(rollout.plan.steps[rollout.step]?.kind ?? 'watch')
  }, 3)
  t.same([...seen].sort(), [
    'Aborted', 'Degraded', 'Healthy', 'Paused', 'Progressing', 'analyse', 'await-endpoints', 'by both-fail', 'by nobody', 'by person', 'by step', 'by weights', 'pause',
    'ramp', 'watch'
  ])
})
