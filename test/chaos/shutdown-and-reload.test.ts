/** SIGTERM, and changes of the configuration, under load. */
import t from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { executedOnce, nothingFailed } from '../helpers/chaos-losses.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { complete, type LogLine, startWeir } from '../helpers/weir-process.ts'

const RELOADS = scaled(8, 100)
const DELAY_MS = 1_000

t.setTimeout(600_000)

function timeOf (line: LogLine): number {
  return Date.parse(String(line['time']))
}

t.test(`${RELOADS} reloads, then SIGTERM, lose nothing`, async t => {
  const { pods: [stable, canary], journal } = await startPods(t, ['stable', 'canary'], 5)
  if (stable === undefined || canary === undefined) throw new Error('a pod is missing')
  const configOf = (number: number) => ({
    workers: 2,
    drain: { delay: `${DELAY_MS}ms`, timeout: '1m' },
    limits: { maxIdleUpstream: 16 + number % 3 },
    routes: [
      { name: 'hello', retries: { attempts: 2 + number % 3 }, balancing: number % 2 === 0 ? 'least-request' : 'round-robin', versions: [versionOf('stable', 1 + number, [stable]), versionOf('canary', 1, [canary])] },
      ...(number % 2 === 0 ? [] : [{ name: 'odd', match: { path: '/never' }, versions: [versionOf('canary', 1, [canary])] }])
    ]
  })
  const weir = await startWeir(t, { config: () => configOf(0) })
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  await load.more(50)
  for (let number = 1; number <= RELOADS; number++) {
    const from = weir.log.length
    await weir.replaceConfig(complete(configOf(number), weir.ports))
    await weir.untilLogged('the configuration was reloaded', from)
    await load.more(20)
  }
  t.same(load.failures, [], 'nothing was lost by reloads')
  t.equal(await weir.untilMetric('weir_config_reloads_total', RELOADS, { result: 'success' }), RELOADS)
  const retried = await weir.metric('weir_upstream_retries_total')

  // A load balancer sends new connections elsewhere once Weir is not ready; until then it has to serve.
  load.refusalEnds = true
  load.renew()
  weir.kill('SIGTERM')
  const stoppedAt = timeOf(await weir.untilLogged('weir is shutting down'))
  const { answered } = load
  const drainedAt = timeOf(await weir.untilLogged('weir is draining'))
  t.equal(await weir.end(), 0)
  await load.end()
  t.ok(drainedAt - stoppedAt >= DELAY_MS && load.answered > answered, 'it goes on after it has said that it is not ready')
  t.ok(load.refusedAt >= drainedAt, 'and takes new connections until it drains')

  nothingFailed(t, load)
  executedOnce(t, load, journal)
  t.comment(`${load.summary(retried)}; ${RELOADS} reloads`)
})
