/** All clients are moved from blue to green and back, again and again, under load. */
import t from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { executedOnce, nothingFailed } from '../helpers/chaos-losses.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { startWeir } from '../helpers/weir-process.ts'

const SWITCHES = scaled(40, 200)

t.setTimeout(600_000)

t.test(`${SWITCHES} switches between blue and green lose nothing`, async t => {
  const { pods: [blue, green], journal } = await startPods(t, ['blue', 'green'], 2)
  if (blue === undefined || green === undefined) throw new Error('a pod is missing')
  const weir = await startWeir(t, { config: () => ({ workers: 2, routes: [{ name: 'hello', versions: [versionOf('blue', 1, [blue]), versionOf('green', 0, [green])] }] }) })
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  await load.more(50)
  for (let index = 1; index <= SWITCHES; index++) {
    const { status } = await weir.setWeights('hello', index % 2 === 0 ? { blue: 1, green: 0 } : { blue: 0, green: 1 })
    if (status !== 200) t.fail(`switch ${index} was answered with ${status}`)
    await load.more(10)
  }
  await load.stop()
  nothingFailed(t, load)
  executedOnce(t, load, journal)
  t.ok((load.byBody.get('blue') ?? 0) > 100 && (load.byBody.get('green') ?? 0) > 100, 'both have served')
  t.equal(await weir.untilMetric('weir_requests_total', load.sent, { code_class: '2xx' }), load.sent)
  t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${SWITCHES} switches`)
})
