/** The blue/green of the tutorials: one Service, whose selector is switched from one Deployment to the other and back, under load. */
import t from 'tap'
import { Deployment } from '../helpers/chaos-deployment.ts'
import { executedOnce, nothingFailed } from '../helpers/chaos-losses.ts'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { Pod } from '../helpers/pod.ts'

const PODS = 2
const SWITCHES = scaled(4, 100)

t.setTimeout(scaled(600_000, 1_800_000))

t.test(`${SWITCHES} switches of a Service between blue and green pods lose nothing, and after each the other colour gets every request`, async t => {
  const deployment = await Deployment.start(t, 3)
  const start = async (): Promise<readonly Pod[]> => await Promise.all(Array.from({ length: PODS }, async () => await deployment.start()))
  const colours = [await start(), await start()] as const
  deployment.select(colours[0])
  const weir = await deployment.follow()
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  const served = (pods: readonly Pod[]): number => pods.reduce((sum, { spec }) => sum + (load.byBody.get(spec.name) ?? 0), 0)
  await load.more(50)
  for (let index = 1; index <= SWITCHES; index++) {
    const next = colours[index % 2 === 0 ? 0 : 1]
    const before = colours[index % 2 === 0 ? 1 : 0]
    deployment.select(next)
    await deployment.untilSelected(weir, next)
    // Those that were under way end where they began.
    await load.turnover()
    const [old, fresh] = [served(before), served(next)]
    await load.more(20)
    t.equal(served(before), old, `after switch ${index} nobody asks the old colour`)
    t.ok(served(next) >= fresh + 20)
  }
  await load.stop()
  nothingFailed(t, load)
  executedOnce(t, load, deployment.journal)
  t.equal(served([...colours[0], ...colours[1]]), load.sent)
  t.equal(await weir.untilMetric('weir_requests_total', load.sent, { code_class: '2xx' }), load.sent)
  t.equal(await weir.metric('weir_upstream_retries_total'), 0, 'no connection was cut')
  t.comment(load.summary(0))
})

t.test(`${SWITCHES} times a pod gets the label of the other version, and no request is lost`, async t => {
  const deployment = await Deployment.start(t, 3)
  const [stable, moving, canary] = await Promise.all([deployment.start(), deployment.start(), deployment.start()])
  deployment.label(stable, { track: 'stable' })
  deployment.label(moving, { track: 'stable' })
  deployment.label(canary, { track: 'canary' })
  deployment.select([stable, moving, canary])
  const version = (name: string) => ({ name, weight: 1, endpoints: { service: 'web', port: 'http', podLabels: { track: name } } })
  const weir = await deployment.follow({ affinity: { by: 'none' }, versions: [version('stable'), version('canary')] })
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  await load.more(50)
  for (let index = 1; index <= SWITCHES; index++) {
    const after = index % 2 === 0 ? 'stable' : 'canary'
    deployment.label(moving, { track: after })
    await weir.untilMetric('weir_endpoints', 2, { version: after, condition: 'ready' })
    await load.more(30)
  }
  await load.stop()
  nothingFailed(t, load)
  executedOnce(t, load, deployment.journal)
  for (const { spec } of [stable, moving, canary]) t.ok((load.byBody.get(spec.name) ?? 0) > 0, `${spec.name} has served`)
  t.equal(await weir.metric('weir_upstream_retries_total'), 0, 'no connection was cut')
})
