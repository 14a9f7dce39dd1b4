/** The engine makes the steps of rollouts, by time and verdict, whatever the store, the clock and other replicas do meanwhile. */
import t from 'tap'
import type { PlanStep } from '../../../src/plans/rollout-plan.ts'
import { FAIL, PASS, REPORT, RolloutBench, UNDECIDED } from '../../helpers/rollout-bench.ts'

const weight = (share: number): PlanStep => ({ kind: 'set-weight', weight: share })
const pause = (durationMs: number | null): PlanStep => ({ kind: 'pause', durationMs })
const analyse = (forMs: number, more: Partial<Extract<PlanStep, { kind: 'analyse' }>> = {}): PlanStep => ({ kind: 'analyse', forMs, requests: null, onUndecided: 'wait', ...more })

t.test('a plan goes from step to step by time and verdict, and ends well', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), pause(10_000), weight(25), analyse(5_000), weight(50), pause(null)], { watchMs: 20_000 })
  t.match(bench.state, { phase: 'Paused', pausedBy: 'step', step: 1, shareTo: 5 })
  t.match(bench.served, { stable: 95, canary: 5 })
  await bench.pass(9_900)
  t.equal(bench.state.step, 1)
  await bench.pass(200)
  t.match(bench.state, { phase: 'Progressing', step: 3, shareTo: 25 })
  await bench.pass(10_000)
  t.equal(bench.state.step, 3, 'without a pass it waits')
  bench.says = PASS
  await bench.pass(100)
  t.match(bench.state, { phase: 'Paused', step: 5, shareTo: 50 })
  await bench.pass(3_600_000 / 100)
  t.equal(bench.state.step, 5, 'somebody has to resume it')
  await bench.ask({ type: 'resume' })
  t.match(bench.state, { phase: 'Progressing', step: 6, shareTo: 100 })
  t.match(bench.served, { stable: 0, canary: 100 })
  await bench.pass(19_900)
  t.equal(bench.state.phase, 'Progressing', 'the guard is on')
  await bench.pass(200)
  t.match(bench.state, { phase: 'Healthy', step: 6, evidence: null })
  t.equal(bench.watches.at(-1), null, 'the workers look no more')
  t.equal(bench.engine.live('hello'), undefined)
  t.equal(bench.clock.pending, 0, 'nothing of it is left')
  t.same(bench.route.history.map(({ source, action, after }) => [source, action, after['canary']]), [
    ['config', 'config', 0], ['api', 'rollout', 5], ['step', 'rollout', 25], ['step', 'rollout', 50], ['api', 'rollout', 100]
  ])
  await bench.close()
})

t.test('a ramp moves every second, evenly', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([{ kind: 'ramp', to: 60, overMs: 60_000 }, pause(null)])
  const seen: number[] = []
  for (let second = 1; second <= 60; second++) {
    await bench.pass(1_000)
    seen.push(bench.served['canary'] ?? Number.NaN)
  }
  await bench.pass(200)
  t.ok(seen.every((share, index) => Math.abs(share - index - 1) <= 1), seen.join(' '))
  t.same(new Set(seen.slice(1).map((share, index) => Math.round(share - (seen[index] ?? 0)))), new Set([1]), 'one point a second')
  t.match(bench.state, { phase: 'Paused', step: 1, shareTo: 60 })
  await bench.close()
})

t.test('the time that a person has paused it does not count', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), analyse(10_000, { onUndecided: 'pass' }), weight(50), pause(null)])
  await bench.pass(6_000)
  await bench.ask({ type: 'pause' })
  t.match(bench.state, { phase: 'Paused', pausedBy: 'person', step: 1 })
  await bench.pass(60_000)
  t.equal(bench.state.step, 1)
  await bench.ask({ type: 'resume' })
  await bench.pass(2_800)
  t.equal(bench.state.step, 1)
  // Up to a second of the time before the pause was not kept.
  await bench.pass(2_400)
  t.match(bench.state, { step: 3, shareTo: 50 })
  await bench.close()
})

t.test('an analysis that no pass has ended in its time fails where the plan says so, and is stored', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), analyse(120_000, { onUndecided: 'fail' }), weight(50), pause(null)])
  await bench.pass(119_000)
  t.match(bench.state, { phase: 'Progressing', step: 1 })
  await bench.pass(1_100)
  t.match(bench.state, { phase: 'Degraded', verdict: { verdict: 'fail', code: 'undecided', reason: /undecided after "analyse 2m"/ } })
  t.match(bench.served, { stable: 100, canary: 0 })
  t.match(await bench.stored(), { weights: { stable: 100, canary: 0 }, rollout: { phase: 'Degraded' } })
  t.same(bench.counted.at(-1), 'undecided')
  await bench.close()
})

t.test('promote goes on at once, and with full to the end', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), pause(null), weight(25), pause(null)], { watchMs: 5_000 })
  await bench.ask({ type: 'promote', full: false })
  t.match(bench.state, { step: 3, shareTo: 25 })
  await bench.ask({ type: 'promote', full: true })
  t.match(bench.state, { phase: 'Progressing', step: 4, shareTo: 100 })
  t.match(bench.served, { stable: 0, canary: 100 })
  await bench.pass(5_100)
  t.equal(bench.state.phase, 'Healthy')
  await bench.close()
})

t.test('a version that fails is out within one look, and stays out', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  await bench.pass(2_000)
  bench.says = FAIL
  bench.clock.advance(100)
  t.match(bench.served, { stable: 100, canary: 0 }, 'in the turn of the look')
  t.equal(bench.watches.at(-1), null)
  await bench.settle()
  t.match(bench.state, { phase: 'Degraded', verdict: { verdict: 'fail', code: 'errors', to: { requests: 12, failures: 12 } } })
  t.match(bench.route.history.at(-1), { source: 'verdict', actor: 'weir', reason: /12 of 12 clients/, before: { canary: 25 }, after: { canary: 0 } })
  t.match((await bench.stored())?.rollout, { phase: 'Degraded' })
  t.match(bench.log.at('warn'), [{ message: 'a rollout has failed, and the weights are back', fields: { route: 'hello', code: 'errors', requests: 12, failures: 12 } }])
  t.same(bench.counted.filter(what => what !== 'step'), ['errors'])
  await bench.pass(30_000)
  t.equal(bench.log.at('warn').length, 1, 'it is said once')
  t.equal(bench.route.epoch, 3)
  await bench.close()
})

t.test('failures of the new version are judged before the next look, which alone ends a block', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  await bench.pass(2_000)
  const ticks = bench.analyses[0]?.ticks
  bench.says = FAIL
  const good = { requests: 1, failures: 0, rescued: 0, bothFailed: 0, slow: 0, halfRequests: 0, halfFailures: 0 }
  const report = (failures: number) => ({ ...REPORT, cohorts: [{ epoch: bench.route.epoch, from: good, to: { ...good, failures } }] })
  bench.engine.evidence('hello', bench.state.id, report(0), 'worker 1')
  bench.clock.advance(20)
  t.match(bench.served, { canary: 25 }, 'good answers wait for the look')
  bench.engine.evidence('hello', bench.state.id, report(1), 'worker 1')
  bench.engine.evidence('hello', bench.state.id, report(1), 'worker 2')
  bench.clock.advance(10)
  t.match(bench.served, { stable: 100, canary: 0 })
  t.equal(bench.analyses[0]?.ticks, ticks)
  await bench.close()
})

t.test('the guard stays on through a pause of a person, and after 100 %', async t => {
  for (const asked of [{ type: 'pause' }, { type: 'promote', full: true }] as const) {
    const bench = await RolloutBench.open()
    await bench.begin([weight(25), analyse(60_000)], { watchMs: 600_000 })
    await bench.ask(asked)
    await bench.pass(2_000)
    bench.says = FAIL
    await bench.pass(100)
    t.match(bench.state, { phase: 'Degraded' }, asked.type)
    t.match(bench.served, { stable: 100, canary: 0 })
    await bench.close()
  }
})

t.test('a store that hangs at the moment of the fail delays nothing', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(2_000), weight(50), pause(null)])
  await bench.pass(1_900)
  bench.store.hang()
  await bench.pass(500)
  t.match(bench.state, { step: 1, shareTo: 25 }, 'the step is being stored')
  await bench.pass(3_000)
  t.match(bench.engine.live('hello')?.fault, /has not answered yet/)
  bench.says = FAIL
  await bench.pass(100)
  t.match(bench.served, { canary: 0 })
  t.match(bench.state, { phase: 'Degraded' }, 'what is served is shown')
  t.match((await bench.stored())?.rollout, { phase: 'Paused', step: 1 })
  await bench.pass(2_000)
  t.match(bench.traffic.pendingCut('hello'), /in force, and not stored/)
  const from = bench.publisher.splits.length
  bench.store.release()
  await bench.settle()
  t.same(bench.publisher.splits.slice(from).filter(({ weights }) => weights['canary'] !== 0), [], 'the step that was on its way does not bring it back')
  t.match((await bench.stored())?.rollout, { phase: 'Degraded' })
  t.match((await bench.stored())?.weights, { canary: 0 })
  t.equal(bench.traffic.pendingCut('hello'), null)
  await bench.close()
})

t.test('a success that is being stored when the version fails does not keep it', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(100)], { watchMs: 2_000 })
  await bench.pass(1_900)
  bench.store.hang()
  await bench.pass(300)
  bench.says = FAIL
  await bench.pass(100)
  t.match(bench.served, { canary: 0 })
  bench.store.release()
  await bench.settle()
  t.match(bench.served, { stable: 100, canary: 0 })
  t.match((await bench.stored())?.rollout, { phase: 'Degraded' })
  await bench.close()
})

t.test('a store that fails keeps the rollout at its step, says so once, and it goes on when the store is back', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), pause(3_000), weight(50), pause(null)])
  bench.store.fault = new Error('the disk is away')
  await bench.pass(30_000)
  t.match(bench.state, { step: 1, shareTo: 5 })
  t.match(bench.served, { canary: 5 })
  t.match(bench.engine.live('hello')?.fault, /stays at its step/)
  t.equal(bench.log.at('error').length, 1)
  bench.store.fault = undefined
  await bench.pass(1_200)
  t.match(bench.state, { step: 3, shareTo: 50 })
  t.equal(bench.engine.live('hello')?.fault, null)
  t.match(bench.log.at('info').map(({ message }) => message).join(), /can be stored again/)
  await bench.close()
})

t.test('a ramp does not leap after a store that was away', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([{ kind: 'ramp', to: 100, overMs: 100_000 }])
  await bench.pass(10_000)
  const before = bench.served['canary'] ?? 0
  bench.store.fault = new Error('the disk is away')
  await bench.pass(60_000)
  bench.store.fault = undefined
  await bench.pass(1_500)
  const after = bench.served['canary'] ?? 0
  t.ok(after - before <= 3, `from ${before} to ${after}`)
  await bench.close()
})

t.test('time is that in which the process ran: neither a clock that is set nor a sleep skips a step', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), pause(60_000), weight(50), pause(null)])
  await bench.pass(5_000)
  // The timer of the tick is late by ten minutes.
  bench.clock.sleep(600_000)
  await bench.settle()
  t.match(bench.state, { step: 1 })
  bench.clock.setWall(Date.UTC(2036, 0, 1))
  await bench.pass(1_000)
  t.match(bench.state, { step: 1 })
  bench.clock.setWall(Date.UTC(2016, 0, 1))
  await bench.pass(52_000)
  t.match(bench.state, { step: 1 }, 'one second of the sleep was counted')
  await bench.pass(2_500)
  t.match(bench.state, { step: 3 })
  await bench.close()
})

t.test('evidence and time are kept at least once a second, and no worker is told', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(600_000)])
  const { epoch } = bench.route
  const published = bench.publisher.splits.length
  for (let second = 1; second <= 5; second++) {
    bench.engine.evidence('hello', bench.state.id, REPORT, 'worker 0')
    await bench.pass(1_000)
    const stored = (await bench.stored())?.rollout
    t.ok(stored !== undefined && stored.stepMs > second * 1_000 - 1_000 && stored.stepMs <= second * 1_000, `${stored?.stepMs} ms after ${second} s`)
    t.match(stored?.evidence, { elapsedMs: second })
  }
  t.equal(bench.route.epoch, epoch)
  t.equal(bench.publisher.splits.length, published)
  t.equal(bench.route.history.length, 2)
  await bench.close()
})

t.test('a pause without end costs a write now and then', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  const before = bench.store.writes
  await bench.pass(120_000)
  t.ok(bench.store.writes - before <= 5, String(bench.store.writes - before))
  await bench.close()
})

t.test('evidence of another rollout, or of an epoch that nobody knows, is of no use', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  const side = { requests: 1, failures: 0, rescued: 0, bothFailed: 0, slow: 0, halfRequests: 0, halfFailures: 0 }
  const cohort = (epoch: number) => ({ epoch, from: side, to: side })
  bench.engine.evidence('hello', 'another', REPORT, 'worker 0')
  bench.engine.evidence('nope', bench.state.id, REPORT, 'worker 0')
  t.same(bench.analyses[0]?.added, [])
  bench.engine.evidence('hello', bench.state.id, { ...REPORT, cohorts: [cohort(bench.route.epoch), cohort(999), cohort(0)] }, 'worker 1')
  t.match(bench.analyses[0]?.added, [{ shares: [0.25, undefined, undefined], source: 'worker 1' }])
  await bench.close()
})

t.test('both versions that fail alike pause it, and a person resumes it', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), analyse(10_000), weight(50), pause(null)])
  bench.says = { ...UNDECIDED, code: 'both_fail', reason: 'both versions fail alike', pause: true }
  await bench.pass(200)
  t.match(bench.state, { phase: 'Paused', pausedBy: 'both-fail', step: 1, reason: 'both versions fail alike' })
  t.match(bench.served, { canary: 25 })
  bench.says = PASS
  await bench.pass(20_000)
  t.equal(bench.state.phase, 'Paused')
  await bench.ask({ type: 'resume' })
  await bench.pass(10_200)
  t.match(bench.state, { step: 3 })
  await bench.close()
})

t.test('weights by hand pause it, and a rollout of a version that the configuration drops is aborted', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(5_000), weight(50), pause(null)])
  await bench.setWeights(60, 40)
  t.match(bench.state, { phase: 'Paused', pausedBy: 'weights' })
  await bench.pass(20_000)
  t.match(bench.served, { stable: 60, canary: 40 })
  await bench.configure({ stable: 100, canary: 0, third: 0 })
  await bench.configure({ stable: 100, third: 0 })
  t.match(bench.state, { phase: 'Aborted', reason: /no version "canary"/ })
  t.equal(bench.watches.at(-1), null)
  t.match(bench.counted, ['config'])
  await bench.close()
})

t.test('a route that leaves the configuration takes its rollout along', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  await bench.configureRoutes([])
  t.equal(bench.engine.live('hello'), undefined)
  t.equal(bench.watches.at(-1), null)
  t.equal(bench.clock.pending, 0)
  await bench.close()
})

t.test('a rollout waits for the endpoints of its version', async t => {
  const bench = await RolloutBench.open()
  bench.isReady = false
  await bench.begin([{ kind: 'await-endpoints' }, weight(100), pause(null)])
  await bench.pass(60_000)
  t.match(bench.state, { phase: 'Progressing', step: 0, shareTo: 0 })
  bench.isReady = true
  await bench.pass(200)
  t.match(bench.state, { step: 2, shareTo: 100 })
  t.match(bench.served, { stable: 0, canary: 100 }, 'in one epoch')
  t.equal(bench.route.epoch, 2)
  await bench.close()
})

t.test('an analysis by requests counts those since its step began, over a crash too', async t => {
  let bench = await RolloutBench.open()
  const after = (requests: number) => ({ ...PASS, to: { ...PASS.to, requests } })
  bench.says = after(0)
  await bench.begin([weight(25), pause(1_000), { kind: 'analyse', forMs: null, requests: 500, onUndecided: 'wait' }, weight(50), pause(null)])
  bench.says = after(300)
  await bench.pass(1_200)
  t.equal(bench.state.step, 2)
  bench.says = after(799)
  await bench.pass(1_000)
  t.equal(bench.state.step, 2)
  bench = await bench.afterCrash()
  bench.says = after(799)
  await bench.pass(1_000)
  t.equal(bench.state.step, 2)
  bench.says = after(800)
  await bench.pass(200)
  t.equal(bench.state.step, 4)
  await bench.close()
})

t.test('an endpoint to which alone the failures belong is ejected, again while it is so', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  bench.says = { ...UNDECIDED, code: 'one_endpoint', ejectEndpoint: '10.0.0.7:80' }
  await bench.pass(1_000)
  t.same(bench.ejected, ['canary 10.0.0.7:80'])
  await bench.pass(20_000)
  t.equal(bench.ejected.length, 3)
  t.equal(bench.log.at('warn').length, 1)
  t.match(bench.served, { canary: 25 })
  await bench.close()
})

t.test('the workers are told what to look at, and anew when the limit for slow answers is another one', async t => {
  const bench = await RolloutBench.open()
  bench.tally = { requests: 1_000, serverErrors: 3, latencyBuckets: [0, 0, 0, 0, 0, 0, 0, 1_000] }
  await bench.begin([weight(25), pause(null)])
  t.match(bench.watches, [{ id: bench.state.id, from: 'stable', to: 'canary', failureStatuses: [[500, 599]], unit: 'client' }])
  t.equal(Math.round(bench.watches[0]?.slowerThanMs ?? 0), 100)
  t.same(bench.analyses[0]?.baselines, [{ requests: 1_000, failures: 3 }])
  bench.tally = { requests: 2_000, serverErrors: 3, latencyBuckets: [0, 0, 0, 0, 0, 0, 0, 2_000] }
  await bench.pass(12_000)
  t.equal(bench.watches.length, 1, 'the same limit')
  bench.tally = { requests: 3_000, serverErrors: 3, latencyBuckets: [0, 0, 0, 0, 0, 0, 0, 2_000, 0, 1_000] }
  await bench.pass(12_000)
  t.equal(bench.watches.length, 2)
  t.equal(Math.round(bench.watches[1]?.slowerThanMs ?? 0), 498)
  bench.isSticky = false
  await bench.pass(1_100)
  t.match(bench.watches[2], { unit: 'request' })
  await bench.close()
})

t.test('another rollout is judged anew, and its watch begins anew', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  bench.engine.evidence('hello', bench.state.id, REPORT, 'worker 0')
  bench.says = FAIL
  await bench.pass(200)
  bench.says = UNDECIDED
  await bench.ask({ type: 'retry', id: 'again', salt: 'others still' })
  t.match(bench.watches.at(-1), { id: 'again' })
  t.equal(bench.analyses.length, 2)
  t.equal(bench.analyses[1]?.from, undefined)
  await bench.pass(1_000)
  t.match(bench.state, { phase: 'Paused', step: 1, shareTo: 25 })
  await bench.close()
})

t.test('events say what has changed, from what to what, and when the verdict is another one', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(5), analyse(1_000), weight(50), pause(null)])
  bench.says = PASS
  await bench.pass(1_200)
  bench.says = FAIL
  await bench.pass(200)
  t.match(bench.events.map(({ type, fields }) => ({ type, ...fields })), [
    { type: 'rollout', before: null, after: { phase: 'Progressing', step: 1, shareTo: 5 }, actor: 'ops', weights: { canary: 5 } },
    { type: 'verdict', before: 'undecided', after: 'pass', numbers: { code: 'passed' } },
    { type: 'rollout', before: { step: 1 }, after: { phase: 'Paused', pausedBy: 'step', step: 3, shareTo: 50 }, actor: 'weir' },
    { type: 'rollout', before: { step: 3 }, after: { phase: 'Degraded', shareTo: 0 }, verdict: { code: 'errors' } },
    { type: 'verdict', after: 'fail' }
  ])
  const shared = bench.events.filter(({ type }) => type === 'rollout').map(({ sharedId }) => sharedId)
  t.equal(new Set(shared).size, shared.length)
  t.ok(shared.every(id => /^[\x21-\x7e]+$/.test(id ?? '')), shared.join(' '))
  t.ok(bench.events.filter(({ type }) => type === 'verdict').every(({ sharedId }) => sharedId === undefined), 'each replica judges for itself')
  await bench.close()
})

t.test('a defect of the analysis keeps one rollout at its step, and is told once', async t => {
  const bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(1_000), weight(50)])
  Object.defineProperty(bench, 'says', { get: () => { throw new Error('a division by zero') } })
  await bench.pass(5_000)
  t.match(bench.state, { step: 1 })
  t.match(bench.log.at('error'), [{ message: /defect of Weir/ }])
  await bench.ask({ type: 'abort' })
  t.match(bench.state, { phase: 'Aborted' })
  await bench.close()
})
