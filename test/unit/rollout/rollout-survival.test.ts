/** A rollout goes on at its step, time and evidence in the process that comes after a crash, and in the replica that comes to hold the Lease. */
import t from 'tap'
import type { PlanStep } from '../../../src/plans/rollout-plan.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { FragileStore } from '../../helpers/fragile-store.ts'
import { FAIL, PASS, REPORT, RolloutBench, UNDECIDED } from '../../helpers/rollout-bench.ts'

const weight = (share: number): PlanStep => ({ kind: 'set-weight', weight: share })
const pause = (durationMs: number | null): PlanStep => ({ kind: 'pause', durationMs })
/** Four times two seconds, and a ramp of four. */
const STEPS: readonly PlanStep[] = [
  weight(5), pause(2_000), weight(10), pause(2_000), { kind: 'ramp', to: 50, overMs: 4_000 }, pause(2_000), weight(80), pause(2_000)
]

t.test('a crash at any moment loses less than a second of a step, and no step', async t => {
  for (const everyMs of [300, 700, 1_100, 1_900, 2_000, 3_300]) {
    let bench = await RolloutBench.open()
    await bench.begin(STEPS)
    const places: string[] = []
    let crashes = 0
    let passed = 0
    for (; bench.state.phase !== 'Healthy' && passed < 60_000; passed += everyMs) {
      await bench.pass(everyMs)
      const before = { step: bench.state.step, weights: bench.served }
      bench = await bench.afterCrash()
      crashes++
      t.same({ step: bench.state.step, weights: bench.served }, before)
      t.same(bench.state, (await bench.stored())?.rollout)
      places.push(`${bench.state.step}`)
    }
    if (everyMs < 900) {
      t.equal(bench.state.step, 1, `with a crash every ${everyMs} ms no time is ever kept`)
    } else {
      t.same(places, places.toSorted(), 'in the order of the plan')
      t.ok(passed >= 12_000 && passed <= 12_000 + crashes * 1_000 + everyMs, `${passed} ms with a crash every ${everyMs} ms`)
      t.match(bench.served, { stable: 0, canary: 100 })
    }
    await bench.close()
  }
})

t.test('the evidence goes on where it was', async t => {
  let bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  for (let count = 0; count < 3; count++) bench.engine.evidence('hello', bench.state.id, REPORT, 'worker 0')
  await bench.pass(1_000)
  bench = await bench.afterCrash()
  t.match(bench.analyses, [{ from: { elapsedMs: 3 }, baselines: [] }], 'what was before the rollout is in it already')
  t.match(bench.watches, [{ id: bench.state.id }])
  t.match(bench.log.at('info').map(({ message }) => message), ['a rollout goes on where it was'])
  t.same(bench.events, [], 'nothing has happened')
  bench.engine.evidence('hello', bench.state.id, REPORT, 'worker 0')
  await bench.engine.stop()
  t.match((await bench.stored())?.rollout?.evidence, { elapsedMs: 4 }, 'a process that ends in peace stores the last of it')
  await bench.close()
})

t.test('a fail that could not be stored before a crash is found again', async t => {
  let bench = await RolloutBench.open()
  await bench.begin([weight(25), pause(null)])
  bench.store.fault = new Error('the disk is away')
  bench.says = FAIL
  await bench.pass(100)
  t.match(bench.served, { canary: 0 })
  bench = await bench.afterCrash()
  t.match(bench.served, { canary: 25 }, 'as stored')
  t.match(bench.state, { phase: 'Paused', step: 1 })
  bench.says = FAIL
  await bench.pass(100)
  t.match(bench.served, { canary: 0 })
  t.not(bench.traffic.pendingCut('hello'), null)
  bench.store.fault = undefined
  await bench.pass(2_000)
  t.match((await bench.stored())?.rollout, { phase: 'Degraded' })
  t.equal(bench.traffic.pendingCut('hello'), null)
  await bench.close()
})

t.test('a crash while a step is being stored leaves the step before it or the step', async t => {
  let bench = await RolloutBench.open()
  await bench.begin([weight(5), pause(1_000), weight(50), pause(null)])
  bench.store.hang()
  await bench.pass(2_000)
  t.match(bench.state, { step: 1 })
  bench = await bench.afterCrash()
  t.match(bench.state, { step: 1, shareTo: 5 })
  await bench.pass(2_200)
  t.match(bench.state, { step: 3, shareTo: 50 })
  await bench.close()
})

/** Two replicas that share a store and a clock, the first of which holds the Lease. */
async function replicas () {
  const store = new FragileStore(true)
  const one = await RolloutBench.open({ store, leadership: new FakeLeadership('holder') })
  const other = await RolloutBench.open({ store, clock: one.clock, leadership: new FakeLeadership('follower') })
  const close = async (): Promise<void> => {
    await one.close()
    await other.close()
  }
  return { store, one, other, close }
}

t.test('only the holder makes steps, and every replica follows them', async t => {
  const { one, other, close } = await replicas()
  await other.begin([weight(5), pause(3_000), weight(50), pause(null)])
  await one.settle()
  t.match([one.served, other.served], [{ canary: 5 }, { canary: 5 }])
  t.match([one.watches, other.watches], [[{ from: 'stable' }], [{ from: 'stable' }]], 'all of them look')
  one.leadership.become('follower')
  await one.pass(10_000)
  t.match(one.state, { step: 1 }, 'nobody holds it, and nobody goes on')
  one.leadership.become('holder')
  await one.pass(3_300)
  t.match([one.state.step, other.state.step], [3, 3])
  t.match([one.served, other.served], [{ canary: 50 }, { canary: 50 }])
  t.equal(one.route.epoch, 3)
  await close()
})

t.test('a replica whose own clients fail stops its traffic first, and the others hear of it', async t => {
  const { one, other, close } = await replicas()
  await one.begin([weight(25), pause(null)])
  await other.settle()
  other.says = FAIL
  one.clock.advance(100)
  t.match(other.served, { stable: 100, canary: 0 })
  await one.settle()
  t.match(one.served, { stable: 100, canary: 0 })
  t.match([one.state.phase, other.state.phase], ['Degraded', 'Degraded'])
  t.equal(one.watches.at(-1), null)
  t.equal(one.route.history.filter(({ source }) => source === 'verdict').length, 1)
  const ids = [one, other].map(({ events }) => events.filter(({ type }) => type === 'rollout').at(-1)?.sharedId)
  t.equal(ids[0], ids[1], 'both book it as the same')
  await close()
})

t.test('a fail is kept where the API server is away, whatever the others store, and stored when it is back', async t => {
  const { store, one, other, close } = await replicas()
  await one.begin([weight(25), pause(12_000), weight(50), pause(null)])
  await other.settle()
  other.leadership.become('follower')
  store.faultOf = writer => writer === other.writer ? new Error('the network is cut') : undefined
  other.says = FAIL
  await one.pass(13_000)
  t.match(other.served, { canary: 0 })
  t.match(one.served, { canary: 50 }, 'the other one cannot know')
  t.not(other.traffic.pendingCut('hello'), null)
  store.faultOf = undefined
  await one.pass(2_500)
  t.match([one.served, other.served], [{ canary: 0 }, { canary: 0 }])
  t.match(one.state, { phase: 'Degraded' })
  t.equal(other.traffic.pendingCut('hello'), null)
  await close()
})

t.test('a fail that somebody else has made meanwhile is not made twice', async t => {
  const { store, one, other, close } = await replicas()
  await one.begin([weight(25), pause(null)])
  await other.settle()
  store.hang()
  one.says = FAIL
  other.says = FAIL
  await one.pass(100)
  t.match([one.served, other.served], [{ canary: 0 }, { canary: 0 }])
  store.release()
  await one.pass(5_000)
  t.equal(one.route.history.length, 3)
  t.equal(other.route.epoch, one.route.epoch)
  t.same([one.traffic.pendingCut('hello'), other.traffic.pendingCut('hello')], [null, null])
  await close()
})

t.test('an abort, or another rollout, that was stored meanwhile ends a cut that is not stored', async t => {
  const { store, one, other, close } = await replicas()
  await one.begin([weight(25), pause(null)])
  await other.settle()
  store.faultOf = writer => writer === other.writer ? new Error('the network is cut') : undefined
  other.says = FAIL
  await one.pass(200)
  t.match(other.served, { canary: 0 })
  await one.ask({ type: 'abort' })
  await one.ask({ type: 'retry', id: 'again', salt: 'salt' })
  other.says = UNDECIDED
  await one.pass(500)
  t.equal(other.traffic.pendingCut('hello'), null)
  t.match(other.served, { canary: 25 }, 'the new rollout is another one')
  t.match(other.state, { id: 'again', phase: 'Paused' })
  await close()
})

t.test('the replica that comes to hold the Lease goes on with the time and evidence of the one before', async t => {
  const { one, other, close } = await replicas()
  await one.begin([weight(5), pause(60_000), weight(50), pause(null)])
  await other.settle()
  for (let count = 0; count < 7; count++) one.engine.evidence('hello', one.state.id, REPORT, 'worker 0')
  await one.pass(30_500)
  t.ok(other.state.stepMs > 20_000 && other.state.stepMs <= 30_500, `${other.state.stepMs} ms`)
  await one.abandon()
  other.leadership.become('holder')
  await other.pass(100)
  t.match(other.analyses.at(-1)?.from, { elapsedMs: 7 })
  await other.pass(28_000)
  t.match(other.state, { step: 1 })
  await other.pass(12_500)
  t.match(other.state, { step: 3 })
  await close()
})

t.test('an endpoint that the evidence of all replicas blames is ejected by those too that do not lead', async t => {
  const { one, other, close } = await replicas()
  await one.begin([weight(5), pause(null)])
  await other.settle()
  one.says = { ...UNDECIDED, code: 'one_endpoint', ejectEndpoint: '10.0.0.7:80' }
  await one.pass(200)
  t.equal(other.engine.live('hello')?.blamed, undefined, 'who does not lead blames nobody')
  const { blamed } = one.engine.live('hello') ?? {}
  t.equal(blamed, '10.0.0.7:80')
  for (const bench of [one, other]) {
    for (let second = 0; second < 3; second++) bench.engine.tell('hello', bench.state.id, { source: undefined, after: 0, blamed })
    t.same(bench.ejected, ['canary 10.0.0.7:80'], 'once in ten seconds')
  }
  one.says = UNDECIDED
  await one.pass(200)
  t.equal(one.engine.live('hello')?.blamed, undefined)
  await close()
})

t.test('two that both think they hold it make each step once', async t => {
  const { one, other, close } = await replicas()
  other.leadership.become('holder')
  await one.begin(STEPS)
  await other.settle()
  await one.pass(20_000)
  t.match([one.state.phase, other.state.phase], ['Healthy', 'Healthy'])
  const afters = one.route.history.map(({ after }) => after['canary'])
  t.same(afters, [0, 5, 10, 50, 80, 100])
  await close()
})

t.test('who loses the Lease counts no time for the others, and who passes alone decides nothing', async t => {
  const { one, other, close } = await replicas()
  await one.begin([weight(5), { kind: 'analyse', forMs: 5_000, requests: null, onUndecided: 'fail' }, weight(50), pause(null)])
  await other.settle()
  one.leadership.become('follower')
  other.says = PASS
  one.says = PASS
  await one.pass(60_000)
  t.match(one.state, { step: 1, phase: 'Progressing' })
  one.leadership.become('holder')
  await one.pass(4_500)
  t.match(one.state, { step: 1 })
  await one.pass(700)
  t.match(one.state, { step: 3 })
  await close()
})
