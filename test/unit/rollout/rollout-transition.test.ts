import t from 'tap'
import { changeRollout, possibleActions } from '../../../src/rollout/rollout-transition.ts'
import { MAX_SHARES, type RolloutEvent } from '../../../src/rollout/rollout-state.ts'
import type { RouteTraffic } from '../../../src/rollout/traffic-state.ts'
import {
  EVIDENCE, advance, after, analyse, BY_OPS, judgement, pauseFor, planOf, ramp, rolloutOf, routeOf, setWeight, start
} from '../../helpers/rollout-events.ts'

const route = routeOf({ stable: 100, canary: 0 })
const MINUTE = 60_000

function refusal (of: RouteTraffic, event: RolloutEvent): { readonly code: string, readonly message: string, readonly possible?: readonly string[] } {
  const result = changeRollout(of, event, BY_OPS)
  if (result.ok) throw new Error('it was not refused')
  return result.error
}

function isUnchanged (of: RouteTraffic, event: RolloutEvent): boolean {
  const result = changeRollout(of, event, BY_OPS)
  return result.ok && !result.changed && result.route === of
}

t.test('a start enters the first step that waits, its weights under one epoch, with a salt of its own', async t => {
  const started = after(route, start(planOf([setWeight(5), analyse(MINUTE)])))
  t.match(started, { epoch: 2, revision: 2, salt: 'salt-1', weights: { stable: 95, canary: 5 } })
  t.match(started.rollout, {
    id: 'r1',
    phase: 'Progressing',
    step: 1,
    stepMs: 0,
    shareTo: 5,
    before: { stable: 100, canary: 0 },
    pausedBy: null,
    actor: 'ops',
    shares: [{ epoch: 1, share: 0 }, { epoch: 2, share: 0.05 }]
  })
  t.match(started.history.at(-1), { action: 'rollout', source: 'api', actor: 'ops', reason: 'rollout to canary: weight 5 %', epoch: 2 })
})

t.test('a start whose first step waits raises no epoch', async t => {
  const started = after(route, start(planOf([{ kind: 'await-endpoints' }, setWeight(100)], { preset: 'blue-green' })))
  t.match(started, { epoch: 1, salt: 'salt-1', rollout: { phase: 'Progressing', step: 0 } })
  const waiting = changeRollout(started, advance(3_600_000), BY_OPS)
  t.match(waiting, { ok: true, changed: false }, 'however long it waits')
  const ready = after(started, advance(100, { toReady: true }))
  t.match(ready, { epoch: 2, weights: { stable: 0, canary: 100 }, rollout: { phase: 'Progressing', step: 2, stepMs: 0 } }, 'then all moves in one epoch')
  t.match(ready.history.at(-1), { source: 'step', reason: 'rollout to canary: weight 100 %' })
})

t.test('the salt stays where a rollout starts while both versions have clients', async t => {
  const mixed = after(route, { type: 'weights', weights: { stable: 90, canary: 10 } }, start(planOf([setWeight(20), analyse(MINUTE)])))
  t.notOk('salt' in mixed)
  const second = after({ ...mixed, salt: 'former' }, { type: 'abort' }, { type: 'retry', id: 'r2', salt: 'salt-2' })
  t.equal(second.salt, 'former')
})

t.test('two versions share 100 when they are alone, and what they have when others have a weight', async t => {
  const alone = after(routeOf({ stable: 1, canary: 0, third: 0 }), start(planOf([setWeight(25), pauseFor(null)])))
  t.same(alone.weights, { stable: 75, canary: 25, third: 0 })
  const beside = after(routeOf({ stable: 30, canary: 0, third: 70 }), start(planOf([setWeight(25), pauseFor(null)])))
  t.same(beside.weights, { stable: 22.5, canary: 7.5, third: 70 })
  t.same(after(beside, { type: 'abort' }).weights, { stable: 30, canary: 0, third: 70 })
})

t.test('a plan that can\'t be carried out is refused', async t => {
  const plan = planOf([setWeight(5), analyse(MINUTE)])
  t.match(refusal(routeOf({ stable: 1, blue: 0 }), start(plan)), { code: 'unknown_version', message: /no version "canary"; it has "stable", "blue"/ })
  t.match(refusal(route, start({ ...plan, to: 'stable' })), { code: 'invalid_plan' })
  t.match(refusal(routeOf({ stable: 0, canary: 0, third: 1 }), start(plan)), { code: 'invalid_plan', message: /neither "stable" nor "canary" has any weight/ })
  t.match(refusal(routeOf({ stable: 0, canary: 1 }), start(plan)), { code: 'invalid_plan', message: /"canary" has all/ })
  t.match(refusal(routeOf({ stable: 1_000_000, canary: 1, third: 1 }), start(plan)), { code: 'invalid_plan', message: /can't be shared/ })
  t.match(refusal(routeOf({ stable: 0.000_002, canary: 0, third: 1 }), start(plan)), { code: 'invalid_plan', message: /can't be shared/ })
})

t.test('an analysis lasts its time and ends by a pass', async t => {
  const started = after(route, start(planOf([setWeight(5), analyse(MINUTE), setWeight(50), analyse(MINUTE)])))
  t.ok(isUnchanged(started, advance(MINUTE - 1, { verdict: judgement('pass') })), 'not before its time')
  t.ok(isUnchanged(started, advance(MINUTE * 9, { verdict: judgement('undecided') })), 'nor without a pass')
  t.ok(isUnchanged(started, advance(MINUTE * 9)), 'nor without a verdict')
  const passed = after(started, advance(MINUTE, { verdict: judgement('pass', { code: 'passed' }) }))
  t.match(passed, { weights: { canary: 50 }, rollout: { step: 3, stepMs: 0, verdict: { verdict: 'pass', code: 'passed' } } })
})

t.test('what an analysis does when it is undecided', async t => {
  const undecided = advance(MINUTE, { verdict: judgement('undecided') })
  const on = (onUndecided: 'pass' | 'fail') => after(route, start(planOf([setWeight(5), analyse(MINUTE, { onUndecided }), pauseFor(null)])), undecided)
  t.match(on('pass').rollout, { phase: 'Paused', step: 2 })
  const failed = on('fail')
  t.match(failed, { weights: { stable: 100, canary: 0 }, rollout: { phase: 'Degraded', verdict: { verdict: 'fail', code: 'undecided', reason: /undecided after "analyse 1m".*it is a undecided/ } } })
  t.match(failed.history.at(-1), { source: 'verdict', reason: /^undecided: undecided after/ })
})

t.test('an analysis of so many requests counts those since it began', async t => {
  const plan = planOf([setWeight(5), analyse(null, { requests: 100 }), setWeight(20), analyse(null, { requests: 50 })])
  const verdict = judgement('pass')
  const first = after(route, start(plan))
  t.ok(isUnchanged(first, advance(1, { verdict, requestsTo: 99 })))
  const second = after(first, advance(1, { verdict, requestsTo: 103 }))
  t.match(second.rollout, { step: 3, stepRequests: 103 })
  t.ok(isUnchanged(second, advance(1, { verdict, requestsTo: 152 })))
  t.match(after(second, advance(1, { verdict, requestsTo: 153 })).rollout, { step: 4 })
  const promoted = after(first, { type: 'promote', full: false })
  t.match(promoted.rollout, { step: 3, stepRequests: null }, 'a person does not know the count')
  t.match(after(promoted, advance(5, { verdict, requestsTo: 70 })).rollout, { step: 3, stepRequests: 70, stepMs: 5 }, 'the next advance does')
})

t.test('a ramp moves every second, evenly, and is one entry of the history', async t => {
  const started = after(route, start(planOf([setWeight(10), ramp(100, 90_000)])))
  t.ok(isUnchanged(started, advance(999)))
  const first = after(started, advance(1_000))
  t.match(first, { epoch: 3, weights: { stable: 89, canary: 11 }, rollout: { stepMs: 1_000, shareTo: 11 } })
  t.ok(isUnchanged(first, advance(999)), 'time counts from what is kept')
  const later = Array.from({ length: 70 }).reduce<RouteTraffic>(current => after(current, advance(1_000)), first)
  t.match(later, { epoch: 73, revision: 3, weights: { stable: 19, canary: 81 } })
  t.equal(later.history.length, 3)
  t.match(later.history.at(-1), { epoch: 73, revision: 3, before: { canary: 10 }, after: { canary: 81 }, reason: 'rollout to canary: ramp to 100 % over 90s' })
  t.equal(rolloutOf(later).shares.length, MAX_SHARES)
  t.same(rolloutOf(later).shares.at(-1), { epoch: 73, share: 0.81 })
  const done = after(later, advance(19_000))
  t.match(done, { weights: { stable: 0, canary: 100 }, rollout: { step: 2, stepMs: 0 } })
  t.equal(done.history.length, 3)
})

t.test('a pause of the plan ends by its time, or by a person', async t => {
  const timed = after(route, start(planOf([setWeight(5), pauseFor(MINUTE), pauseFor(null), setWeight(50), pauseFor(null)])))
  t.match(timed.rollout, { phase: 'Paused', pausedBy: 'step', step: 1 })
  t.ok(isUnchanged(timed, advance(MINUTE - 1)))
  const open = after(timed, advance(MINUTE))
  t.match(open.rollout, { phase: 'Paused', pausedBy: 'step', step: 2 })
  t.ok(isUnchanged(open, advance(1e12)))
  t.match(after(open, { type: 'resume' }), { weights: { canary: 50 }, rollout: { step: 4, phase: 'Paused' } })
  t.match(after(timed, { type: 'resume' }).rollout, { step: 2 }, 'a timed one too')
})

t.test('time that is left over goes to ramps and pauses, never to what has to be seen', async t => {
  const timed = after(route, start(planOf([pauseFor(1_000), pauseFor(2_000), ramp(50, 10_000), pauseFor(5_000), analyse(1_000)])))
  const late = after(timed, advance(8_500))
  t.match(late, { weights: { canary: 25 }, rollout: { step: 2, stepMs: 5_500 } })
  t.match(after(timed, advance(3_500)).rollout, { step: 2, stepMs: 500 }, 'a part of a second of a ramp is kept')
  t.match(after(timed, advance(2_500)).rollout, { step: 1, stepMs: 1_500, phase: 'Paused' })
  const latest = after(timed, advance(3_600_000, { verdict: judgement('pass') }))
  t.match(latest.rollout, { step: 4, stepMs: 0, phase: 'Progressing' }, 'the analysis has its whole time before it')
  const moving = after(route, start(planOf([pauseFor(1_000), setWeight(50), pauseFor(1_000), setWeight(70), pauseFor(1_000)])), advance(3_600_000))
  t.match(moving, { weights: { canary: 50 }, rollout: { step: 2, stepMs: 0 } }, 'and so has each weight')
  const last = after(route, start(planOf([setWeight(100), pauseFor(1_000)])), advance(3_600_000))
  t.match(last.rollout, { step: 2, stepMs: 0, phase: 'Progressing' }, 'and the watch')
})

t.test('behind the last step the new version has all, is watched, and then Healthy', async t => {
  const watched = after(route, start(planOf([setWeight(50), pauseFor(null)])), { type: 'resume' })
  t.match(watched, { weights: { stable: 0, canary: 100 }, rollout: { phase: 'Progressing', step: 2 } })
  t.ok(isUnchanged(watched, advance(59_999)))
  const healthy = after(watched, advance(60_000, { verdict: judgement('undecided') }))
  t.match(healthy, { epoch: watched.epoch, rollout: { phase: 'Healthy', verdict: { verdict: 'undecided' }, evidence: null } })
  const kept = after(route, start(planOf([setWeight(50), pauseFor(null)], { onSuccess: 'keep', watchMs: 0 })), { type: 'resume' })
  t.match(kept, { weights: { stable: 50, canary: 50 }, rollout: { phase: 'Healthy' } })
})

const FAIL = advance(100, { verdict: judgement('fail', { reason: 'canary fails 12 % of 300 requests' }) })
const LIVE: ReadonlyArray<readonly [string, RouteTraffic]> = (() => {
  const analysed = after(route, start(planOf([setWeight(25), analyse(MINUTE), pauseFor(null), setWeight(50), pauseFor(MINUTE), ramp(90, MINUTE)])))
  const pass = advance(MINUTE, { verdict: judgement('pass') })
  return [
    ['an analysis', analysed],
    ['a pause by a person', after(analysed, { type: 'pause' })],
    ['a pause by weights', after(analysed, { type: 'weights', weights: { stable: 40, canary: 60 } })],
    ['a pause by failures of both', after(analysed, advance(1, { verdict: judgement('undecided', { pause: true }) }))],
    ['a pause of the plan', after(analysed, pass)],
    ['a timed pause', after(analysed, pass, { type: 'resume' })],
    ['a ramp', after(analysed, pass, { type: 'resume' }, advance(MINUTE), advance(20_000))],
    ['the watch', after(analysed, { type: 'promote', full: true })],
    ['a paused watch', after(analysed, { type: 'promote', full: true }, { type: 'pause' })]
  ]
})()

for (const [name, live] of LIVE) {
  t.test(`during ${name}`, async t => {
    const failed = after(live, FAIL)
    t.match(failed, { epoch: live.epoch + 1, weights: { stable: 100, canary: 0 }, rollout: { phase: 'Degraded', pausedBy: null, evidence: null, shareTo: 0 } }, 'a fail returns the weights in one epoch')
    t.match(failed.history.at(-1), { source: 'verdict', action: 'rollout', reason: 'errors: canary fails 12 % of 300 requests' })
    t.match(failed.rollout, { verdict: { verdict: 'fail', code: 'errors', to: { requests: 100, failures: 1 } } })
    const aborted = after(live, { type: 'abort' })
    t.match(aborted, { epoch: live.epoch + 1, weights: { stable: 100, canary: 0 }, rollout: { phase: 'Aborted', pausedBy: null } }, 'an abort does too')
    t.match(refusal(live, start(planOf([setWeight(5)]), { id: 'r2' })), { code: 'rollout_running', possible: possibleActions(live) })
    t.match(refusal(live, { type: 'retry', id: 'r2', salt: '' }), { code: 'rollout_running' })
    t.ok(isUnchanged(live, { ...advance(1e9, { verdict: judgement('fail') }), id: 'another' }), 'what is meant for another one does not touch it')
    const byHand = after(live, { type: 'weights', weights: { stable: 1, canary: 3 } })
    t.match(byHand, { weights: { stable: 1, canary: 3 }, rollout: { phase: 'Paused', pausedBy: 'weights', reason: 'the weights were set by hand' } }, 'weights by hand pause it')
    t.ok(isUnchanged(byHand, advance(1e12, { verdict: judgement('pass') })))
    const on = after(byHand, { type: 'resume' })
    t.same(on.weights, { stable: 100 - rolloutOf(live).shareTo, canary: rolloutOf(live).shareTo }, 'a resume puts those of the step back')
    t.match(rolloutOf(on), { step: rolloutOf(live).step, stepMs: rolloutOf(live).stepMs })
    t.same(after(byHand, { type: 'abort' }).weights, { stable: 4, canary: 0 }, 'an abort then shares what both have as before')
  })
}

t.test('a pause by a person stops the time of a step, and a resume goes on with it', async t => {
  const plan = planOf([setWeight(5), pauseFor(MINUTE), pauseFor(null)])
  const timed = after(route, start(plan), { type: 'evidence', id: 'r1', step: 1, stepMs: 40_000, evidence: EVIDENCE })
  const paused = after(timed, { type: 'pause' })
  t.match(paused.rollout, { phase: 'Paused', pausedBy: 'person' })
  t.ok(isUnchanged(paused, advance(1e9)))
  t.ok(isUnchanged(paused, { type: 'pause' }))
  const on = after(paused, { type: 'resume' })
  t.match(on.rollout, { phase: 'Paused', pausedBy: 'step', stepMs: 40_000 })
  t.match(after(on, advance(20_000)).rollout, { step: 2 })
})

t.test('failures of both versions pause it until a person resumes', async t => {
  const started = after(route, start(planOf([setWeight(5), analyse(MINUTE)])))
  const both = advance(7, { verdict: judgement('undecided', { pause: true, code: 'both_fail', reason: 'both fail alike' }) })
  const paused = after(started, both)
  t.match(paused, { weights: { canary: 5 }, rollout: { phase: 'Paused', pausedBy: 'both-fail', stepMs: 7, reason: 'both fail alike' } })
  t.ok(isUnchanged(paused, both))
  t.match(after(paused, { type: 'resume' }).rollout, { phase: 'Progressing', step: 1, stepMs: 7 })
})

t.test('evidence is kept with the time, under the same epoch, and with a step at once', async t => {
  const started = after(route, start(planOf([setWeight(5), analyse(MINUTE), setWeight(9), pauseFor(null)])))
  const kept = after(started, { type: 'evidence', id: 'r1', step: 1, stepMs: 12_000, evidence: EVIDENCE })
  t.match(kept, { epoch: started.epoch, rollout: { stepMs: 12_000, evidence: EVIDENCE } })
  t.match(after(kept, advance(48_000, { verdict: judgement('pass') })).rollout, { step: 3, evidence: EVIDENCE })
  t.match(after(started, advance(MINUTE, { verdict: judgement('pass'), evidence: EVIDENCE })).rollout, { step: 3, evidence: EVIDENCE })
  for (const stale of [{ step: 0 }, { id: 'r0' }, { stepMs: Number.NaN }, { stepMs: -1 }, { stepMs: Infinity }]) {
    t.ok(isUnchanged(kept, { type: 'evidence', id: 'r1', step: 1, stepMs: 1, evidence: EVIDENCE, ...stale }), JSON.stringify(stale))
  }
  t.ok(isUnchanged(after(kept, { type: 'abort' }), { type: 'evidence', id: 'r1', step: 1, stepMs: 1, evidence: EVIDENCE }), 'not when it is over')
})

t.test('time that is no time does not pass', async t => {
  const started = after(route, start(planOf([setWeight(5), pauseFor(MINUTE)])))
  for (const elapsed of [Number.NaN, -1e9, 0]) t.ok(isUnchanged(started, advance(elapsed)), String(elapsed))
  t.match(after(started, advance(Infinity)).rollout, { step: 2, stepMs: 0 })
})

t.test('promote skips what the step waits for, and full goes all the way, once', async t => {
  const started = after(route, start(planOf([{ kind: 'await-endpoints' }, ramp(40, MINUTE), analyse(MINUTE), setWeight(60), pauseFor(null)])))
  const ramping = after(started, { type: 'promote', full: false })
  t.match(ramping.rollout, { step: 1, shareTo: 0, rampFrom: 0 })
  const analysing = after(ramping, { type: 'promote', full: false })
  t.match(analysing, { weights: { canary: 40 }, rollout: { step: 2 } })
  const paused = after(analysing, { type: 'promote', full: false })
  t.match(paused, { weights: { canary: 60 }, rollout: { step: 4, phase: 'Paused' } })
  const watched = after(paused, { type: 'promote', full: false })
  t.match(watched, { weights: { canary: 100 }, rollout: { step: 5, phase: 'Progressing' } })
  const full = after(started, { type: 'promote', full: true })
  t.match(full, { epoch: started.epoch + 1, weights: { canary: 100 }, rollout: { step: 5, phase: 'Progressing' } })
  t.ok(isUnchanged(full, { type: 'promote', full: true }), 'a second time does not end the watch')
  t.match(after(full, { type: 'promote', full: false }).rollout, { phase: 'Healthy' })
  t.match(after(route, start(planOf([setWeight(30), pauseFor(null)], { onSuccess: 'keep' })), { type: 'promote', full: true }).weights, { canary: 100 })
  t.match(after(full, { type: 'pause' }, { type: 'promote', full: true }).rollout, { phase: 'Progressing', step: 5 })
})

t.test('what is so already is accepted, and what can\'t be is refused with what can', async t => {
  const live = after(route, start(planOf([setWeight(5), analyse(MINUTE)])))
  t.ok(isUnchanged(live, { type: 'resume' }))
  t.ok(isUnchanged(after(live, { type: 'pause' }), { type: 'pause' }))
  const aborted = after(live, { type: 'abort' })
  t.ok(isUnchanged(aborted, { type: 'abort' }))
  const degraded = after(live, FAIL)
  t.ok(isUnchanged(degraded, { type: 'abort' }), 'its weights are back already')
  const healthy = after(live, { type: 'promote', full: true }, { type: 'promote', full: false })
  t.ok(isUnchanged(healthy, { type: 'promote', full: true }))
  t.match(refusal(healthy, { type: 'abort' }), { code: 'rollout_not_running', message: /"canary" is over: it is Healthy; possible now: start, undo/, possible: ['start', 'undo'] })
  t.match(refusal(healthy, { type: 'retry', id: 'r2', salt: '' }), { code: 'rollout_not_running' })
  for (const event of [{ type: 'pause' }, { type: 'resume' }, { type: 'promote', full: false }] as const) {
    t.match(refusal(degraded, event), { code: 'rollout_not_running', possible: ['retry', 'start'] }, event.type)
    t.match(refusal(route, event), { code: 'no_rollout', possible: ['start'] }, event.type)
  }
  t.match(refusal(route, { type: 'abort' }), { code: 'no_rollout' })
  t.match(refusal(route, { type: 'retry', id: 'r2', salt: '' }), { code: 'no_rollout' })
  t.ok(isUnchanged(degraded, advance(1e9, { verdict: judgement('fail') })))
})

t.test('a retry is a rollout of its own from the first step', async t => {
  const degraded = after(route, start(planOf([setWeight(5), analyse(MINUTE), setWeight(50), analyse(MINUTE)])), advance(MINUTE, { verdict: judgement('pass') }), FAIL)
  const again = after(degraded, { type: 'retry', id: 'r2', salt: 'salt-2' })
  t.match(again, { salt: 'salt-2', weights: { canary: 5 }, rollout: { id: 'r2', phase: 'Progressing', step: 1, verdict: null, before: { stable: 100, canary: 0 } } })
  t.match(refusal(after(degraded, { type: 'switch', to: 'canary' }), { type: 'retry', id: 'r2', salt: '' }), { code: 'invalid_plan', message: /"canary" has all/ })
})

t.test('an undo of a rollout that is over returns the weights from before it', async t => {
  const healthy = after(route, start(planOf([setWeight(5), pauseFor(null), setWeight(50), pauseFor(null)])), { type: 'resume' }, { type: 'promote', full: true }, { type: 'promote', full: false })
  const undone = after(healthy, { type: 'undo' })
  t.match(undone, { weights: { stable: 100, canary: 0 }, epoch: healthy.epoch + 1, rollout: { phase: 'Healthy' } })
  t.same(after(undone, { type: 'undo' }).weights, { stable: 0, canary: 100 }, 'and an undo of that the others')
  const moved = after(healthy, { type: 'weights', weights: { stable: 10, canary: 90 } }, { type: 'undo' })
  t.same(moved.weights, { stable: 0, canary: 100 }, 'weights that were set since are undone first')
  const degraded = after(route, start(planOf([setWeight(25), analyse(MINUTE)])), FAIL)
  t.equal(after(degraded, { type: 'undo' }), degraded, 'a bad version does not come back by an undo')
  t.match(after(degraded, { type: 'undo', revision: 2 }).weights, { canary: 25 }, 'unless its revision is named')
})

t.test('weights of a third version by hand are kept by an abort and by a resume', async t => {
  const live = after(routeOf({ stable: 100, canary: 0, third: 0 }), start(planOf([setWeight(25), analyse(MINUTE)])))
  const byHand = after(live, { type: 'weights', weights: { stable: 50, canary: 10, third: 40 } })
  t.same(after(byHand, { type: 'abort' }).weights, { stable: 60, canary: 0, third: 40 })
  t.same(after(byHand, { type: 'resume' }).weights, { stable: 45, canary: 15, third: 40 })
  t.same(rolloutOf(byHand).shares.at(-1), { epoch: byHand.epoch, share: 1 / 6 })
})
