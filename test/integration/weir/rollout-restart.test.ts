/** A rollout in a whole Weir with real origins: a kill -9 loses neither the step nor its time. */
import t from 'tap'
import { startOrigins } from '../../helpers/origins.ts'
import { startRolloutWeir, storedIn } from '../../helpers/rollout-weir.ts'
import { eventually, temporaryDirectory } from '../../helpers/weir-process.ts'

t.test('a kill -9 in the middle of a step loses neither the step nor its time', async t => {
  const directory = await temporaryDirectory(t)
  const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
  const endpoints = { stable: stable.endpoint, canary: canary.endpoint }
  let weir = await startRolloutWeir(t, directory, endpoints)
  const plan = { to: 'canary', from: 'stable', steps: [{ setWeight: 10 }, { pause: { duration: '4s' } }, { setWeight: 60 }, { pause: {} }] }
  t.match(await weir.api('POST', '/v1/routes/hello/rollout', plan), { status: 200 })
  const kept = await eventually(async () => {
    const { rollout } = await storedIn(directory)
    return rollout.stepMs >= 500 ? rollout : undefined
  })
  t.match(kept, { step: 1, phase: 'Paused' })
  weir.kill('SIGKILL')
  await weir.end()
  const before = await storedIn(directory)
  if (before.rollout.step !== 1) return t.comment('the machine was too slow to be killed in the step')
  t.ok(before.rollout.stepMs >= kept.stepMs && before.rollout.stepMs < 4_000, `${before.rollout.stepMs} ms`)

  weir = await startRolloutWeir(t, directory, endpoints)
  t.match(await weir.untilLogged('a rollout goes on where it was'), { step: 1, phase: 'Paused', shareTo: 10 })
  const after = await storedIn(directory)
  t.ok(after.rollout.stepMs >= before.rollout.stepMs, 'it never begins anew')
  await weir.untilLine(line => line.message === 'a rollout has moved' && line['step'] === 3, 'the next step')
  t.match((await weir.api('GET', '/v1/routes/hello')).body, { weights: { stable: 40, canary: 60 } })
  t.match((await storedIn(directory)), { weights: { canary: 60 }, rollout: { step: 3, phase: 'Paused' } })
  t.equal(await weir.stop(), 0)
})
