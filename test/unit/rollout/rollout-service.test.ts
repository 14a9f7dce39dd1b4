/** What people ask of rollouts: plans as they write them, actions, what is possible instead, and what they see. */
import t from 'tap'
import { Random } from '../../../src/core/random.ts'
import { RolloutService } from '../../../src/rollout/rollout-service.ts'
import { FAIL, PASS, RolloutBench } from '../../helpers/rollout-bench.ts'

const META = { actor: 'ops', reason: 'a new version' } as const
const PLAN = { to: 'canary', steps: [{ setWeight: 5 }, { pause: { duration: '1m' } }, { setWeight: 50 }, { pause: {} }], watch: '10s' }

async function open (defaultPlan?: unknown) {
  const bench = await RolloutBench.open()
  const configured = { plan: defaultPlan }
  const service = new RolloutService({
    random: new Random(1), traffic: bench.traffic, live: route => bench.engine.live(route), defaultPlan: () => configured.plan
  })
  const start = async (plan: unknown, options = {}) => {
    const result = await service.start('hello', plan, META, options)
    await bench.settle()
    return result
  }
  const act = async (type: 'pause' | 'resume' | 'abort' | 'retry', options = {}) => {
    const result = await service.act('hello', { type }, META, options)
    await bench.settle()
    return result
  }
  return { bench, service, start, act, configured }
}

t.test('a plan in the body is carried out, and shown', async t => {
  const { bench, service, start } = await open()
  t.equal(service.status('hello'), undefined)
  t.equal(service.verdict('hello'), undefined)
  const result = await start(PLAN)
  t.match(result, { ok: true, changed: true, epoch: 2, status: { route: 'hello', phase: 'Paused', step: 1, pending: null, defaultDiffers: false } })
  bench.says = PASS
  await bench.pass(1_000)
  t.match(service.status('hello'), {
    from: 'stable',
    to: 'canary',
    shareTo: 5,
    weights: { stable: 95, canary: 5 },
    actor: 'ops',
    steps: [{ state: 'done' }, { state: 'now' }, { state: 'ahead' }, { state: 'ahead' }],
    verdict: { verdict: 'pass', code: 'passed', needs: null }
  })
  t.match(service.gauges('hello'), { phase: 'Paused', step: 1, share: 0.05, evidence: { errors: 1, slow: 1, sentinel: 1 }, verdict: 'pass', pending: false })
  await bench.close()
})

t.test('while others have set the weights, the sentence says what the new version has, and what it would have by the plan', async t => {
  const { bench, service, start } = await open()
  await start(PLAN)
  t.match(service.status('hello')?.sentence, /^canary has 5 % of what it shares with stable, step 2 of 4/)
  await bench.traffic.change('hello', { type: 'weights', weights: { stable: 20, canary: 80 } }, { ...META, source: 'kubernetes' })
  t.match(service.status('hello')?.sentence, /^canary has 80 % of what it shares with stable \(5 % by the plan\), step 2 of 4, paused because ops has set other weights/)
  await bench.close()
})

t.test('a report of a rollout that is led elsewhere says that it is what was stored', async t => {
  const { bench, service, start, act } = await open()
  t.equal(service.report('hello'), undefined)
  await start(PLAN)
  t.match(service.report('hello'), { phase: 'Paused', isStored: false })
  bench.leadership.become('follower')
  t.match(service.report('hello'), { phase: 'Paused', isStored: true })
  bench.leadership.become('holder')
  await act('abort')
  bench.leadership.become('follower')
  t.match(service.report('hello'), { phase: 'Aborted', isStored: false }, 'what is over was stored whole')
  await bench.close()
})

t.test('the plan of the configuration is the default, and one that was edited since is shown as different', async t => {
  const { bench, service, start, configured } = await open(PLAN)
  t.match(await start(undefined), { ok: true, status: { defaultDiffers: false } })
  configured.plan = { ...PLAN, watch: '1h' }
  t.match(service.status('hello'), { defaultDiffers: true, phase: 'Paused' })
  await bench.close()
})

t.test('what can\'t be carried out is refused whole', async t => {
  const { bench, service, start } = await open()
  t.match(await start(undefined), { ok: false, error: { code: 'no_plan', epoch: 1 } })
  const faulty = await start({ to: 'nobody', steps: [{ setWeight: 500 }] })
  t.match(faulty, { ok: false, error: { code: 'invalid_plan' } })
  t.ok(!faulty.ok && (faulty.error.faults?.length ?? 0) >= 2, JSON.stringify(faulty))
  t.match(await service.start('nope', PLAN, META, {}), { ok: false, error: { code: 'unknown_route' } })
  t.match(await start(PLAN, { ifEpoch: [9] }), { ok: false, error: { code: 'epoch_mismatch' } })
  t.equal(bench.route.epoch, 1)
  await bench.close()
})

t.test('one rollout a route at a time, and what is possible instead is said', async t => {
  const { bench, service, start, act } = await open()
  t.match(await act('pause'), { ok: false, error: { code: 'no_rollout', possible: ['start'] } })
  await start(PLAN)
  t.match(await start(PLAN), { ok: false, error: { code: 'rollout_running', possible: ['resume', 'promote', 'abort'] } })
  t.match(await act('retry'), { ok: false, error: { code: 'rollout_running' } })
  t.match(await act('abort', { ifEpoch: [1] }), { ok: false, error: { code: 'epoch_mismatch', epoch: 2 } })
  t.match(await act('abort'), { ok: true, changed: true, epoch: 3, status: { phase: 'Aborted', weights: { canary: 0 } } })
  t.match(await act('abort'), { ok: true, changed: false })
  t.match(await act('resume'), { ok: false, error: { code: 'rollout_not_running', possible: ['retry', 'start'] } })
  const first = service.status('hello')?.id
  t.match(await act('retry'), { ok: true, status: { phase: 'Paused', step: 1 } })
  t.not(service.status('hello')?.id, first)
  await bench.close()
})

t.test('an abort takes effect at once where the store is away, and says that it is not stored', async t => {
  const { bench, service, start, act } = await open()
  await start(PLAN)
  bench.store.fault = new Error('the disk is away')
  t.match(await act('pause'), { ok: false, error: { code: 'store_failed' } })
  const aborted = await act('abort')
  t.match(bench.served, { canary: 0 })
  t.match(aborted, { ok: true, status: { phase: 'Aborted', pending: /in force, and not stored/, weights: { canary: 0 }, epoch: 2 } })
  t.equal(service.gauges('hello')?.pending, true)
  bench.store.fault = undefined
  await bench.pass(2_000)
  t.match(service.status('hello'), { phase: 'Aborted', pending: null, epoch: 3 })
  t.match((await bench.stored())?.rollout, { phase: 'Aborted' })
  await bench.close()
})

t.test('an abort does not wait for a store that hangs', async t => {
  const { bench, service, start } = await open()
  await start(PLAN)
  bench.store.hang()
  const asked = service.act('hello', { type: 'abort' }, META, {})
  t.match(bench.served, { canary: 0 }, 'before anybody has waited')
  await bench.pass(1_100)
  t.match(await asked, { ok: true, status: { phase: 'Aborted', pending: /takes too long/ } })
  bench.store.release()
  await bench.settle()
  t.equal(service.status('hello')?.pending, null)
  await bench.close()
})

t.test('the verdict of the last rollout stays, and an undo of a finished one returns its weights', async t => {
  const { bench, service, start, act } = await open()
  await start(PLAN)
  bench.says = FAIL
  await bench.pass(200)
  t.match(service.verdict('hello'), { verdict: 'fail', code: 'errors', to: { failures: 12 } })
  t.match(service.gauges('hello'), { phase: 'Degraded', evidence: {}, verdict: 'fail' })
  bench.says = PASS
  await act('retry')
  await service.act('hello', { type: 'promote', full: true }, META, {})
  await bench.pass(11_000)
  t.match(service.status('hello'), { phase: 'Healthy', weights: { stable: 0, canary: 100 } })
  t.match(await bench.traffic.change('hello', { type: 'undo' }, { ...META, source: 'api' }), { ok: true, traffic: { weights: { stable: 100, canary: 0 } } })
  await bench.close()
})

t.test('after an end it says what has become of the weights, and offers what can be done', async t => {
  const { bench, service, start, act } = await open()
  const set = async (stable: number, canary: number) => await bench.traffic.change('hello', { type: 'weights', weights: { stable, canary } }, { ...META, source: 'api' })
  await start(PLAN)
  await act('abort')
  t.match(service.status('hello'), { sentence: 'it was aborted and the weights are back: a new version', possible: ['retry', 'start'] })
  await set(60, 40)
  t.match(service.status('hello'), { sentence: 'it was aborted and the weights were put back, and changed afterwards: a new version', possible: ['retry', 'start'] })
  await set(100, 0)
  await act('retry')
  bench.says = FAIL
  await bench.pass(200)
  t.match(service.status('hello')?.sentence, /^canary has failed and the weights are back: /)
  bench.says = PASS
  await act('retry')
  await service.act('hello', { type: 'promote', full: true }, { ...META, reason: '' }, {})
  t.match(bench.traffic.route('hello')?.history.at(-1), { after: { stable: 0, canary: 100 }, reason: 'rollout to canary: all steps done' })
  await bench.pass(11_000)
  t.match(service.status('hello'), { sentence: 'canary has come through all steps; canary has 100 % of what it shares with stable', possible: ['start', 'undo'] })
  await bench.traffic.change('hello', { type: 'undo' }, { ...META, source: 'api' })
  t.match(service.status('hello')?.sentence, 'canary has come through all steps; the weights were changed afterwards')
  t.same(service.status('hello')?.possible, ['start'], 'an undo would bring the new version back')
  await start(PLAN)
  await bench.configure({ stable: 90, green: 10 })
  t.match(service.status('hello'), { sentence: 'it was aborted: the configuration has no version "canary" any more', possible: ['start'] })
  await bench.close()
})
