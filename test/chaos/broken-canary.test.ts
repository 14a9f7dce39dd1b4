/** The whole canary is broken in each way that there is: its clients are answered by stable. */
import t from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { nothingFailed } from '../helpers/chaos-losses.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { startWeir } from '../helpers/weir-process.ts'

const REQUESTS = scaled(300, 10_000)

t.setTimeout(600_000)

t.test('no GET fails while all of the canary does', async t => {
  const { pods: [stable, one, two] } = await startPods(t, ['stable', 'canary-1', 'canary-2'])
  if (stable === undefined || one === undefined || two === undefined) throw new Error('a pod is missing')
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      routes: [{
        name: 'hello',
        affinity: { by: 'none' },
        failover: { to: 'stable' },
        // Longer than a pod that is well needs for an answer, on a busy machine too.
        retries: { perTryTimeout: '500ms' },
        versions: [versionOf('stable', 1, [stable]), versionOf('canary', 1, [one, two])]
      }]
    })
  })
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0 })
  await load.more(100)
  t.ok((load.byBody.get('stable') ?? 0) < load.answered, 'the canary serves while it is well')
  const counts: string[] = []
  let failovers = 0
  for (const way of ['unavailable', 'reset', 'garbage', 'hang', 'refused'] as const) {
    for (const pod of [one, two]) {
      if (way === 'refused') await pod.end('SIGKILL')
      else await pod.behave(way)
    }
    const answered = load.answered
    await load.more(REQUESTS)
    // Read before the metric: the load goes on while that is asked for.
    const served = load.answered - answered
    const now = await weir.metric('weir_failovers_total', { version: 'canary' })
    t.same(load.failures, [], `${way}: nothing fails`)
    // Half of them are the canary's.
    t.ok(now - failovers > served * 0.3, `${way}: ${now - failovers} of ${served} were rescued`)
    counts.push(`${way} ${now - failovers}`)
    failovers = now
  }
  await load.stop()

  nothingFailed(t, load)
  t.equal(await weir.untilMetric('weir_requests_in_flight', 0), 0)
  failovers = await weir.metric('weir_failovers_total', { version: 'canary' })
  t.equal(await weir.untilMetric('weir_requests_total', failovers, { version: 'canary', code_class: '5xx' }), failovers, 'each is charged to the canary')
  t.equal(await weir.metric('weir_requests_total', { version: 'stable', code_class: '5xx' }), 0)
  t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${failovers} failovers: ${counts.join(', ')}`)
})
