/** One endpoint of five goes bad in each way that there is, and comes back. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { PodBehaviour } from '../helpers/pod.ts'
import { eventually, startWeir } from '../helpers/weir-process.ts'

const FAILURES = 5
const WORKERS = 2
/** How long the share of failures is watched once the endpoint is ejected. */
const WATCHED_MS = scaled(1_000, 8_000)
const UNANSWERED_MS = 300

t.setTimeout(scaled(60_000, 600_000))

t.test('an endpoint that goes bad is left out within a second of the threshold, and used again when it is well', async t => {
  const { pods } = await startPods(t, ['a', 'b', 'c', 'd', 'bad'])
  const bad = pods.at(-1)
  if (bad === undefined) throw new Error('a pod is missing')
  const weir = await startWeir(t, {
    config: () => ({
      workers: WORKERS,
      timeouts: { upstreamResponse: `${UNANSWERED_MS}ms` },
      routes: [{
        name: 'hello',
        // What health does, and nothing else.
        retries: { attempts: 1 },
        health: { passive: { consecutiveFailures: FAILURES, baseEjection: '1s', interval: '1s', maxEjection: '1s' } },
        versions: [versionOf('v1', 1, pods)]
      }]
    })
  })
  const load = new PacedLoad({ port: weir.ports.web, clients: 32, rate: scaled(600, 2_000), posts: 0 })
  await load.more(200)
  let ejections = 0
  for (const behaviour of ['unavailable', 'hang', 'reset', 'garbage'] as const satisfies readonly PodBehaviour[]) {
    const failedBefore = load.failures.length
    bad.behave(behaviour)
    const thresholdMs = await eventually(async () => load.failures.length >= failedBefore + FAILURES ? performance.now() : undefined)
    await wait(1_000)
    const began = { sent: load.sent, failed: load.failures.length }
    await wait(WATCHED_MS)
    const sent = load.sent - began.sent
    const failed = load.failures.length - began.failed
    t.ok(failed <= Math.max(sent * 0.01, WORKERS), `${behaviour}: ${failed} of ${sent} failed from ${Math.round(performance.now() - thresholdMs - WATCHED_MS)} ms after the threshold on`)
    const now = await weir.metric('weir_ejections_total')
    t.ok(now > ejections, `${behaviour}: it was ejected`)
    ejections = now

    bad.behave('ok')
    const answers = load.byBody.get('bad') ?? 0
    await eventually(async () => (load.byBody.get('bad') ?? 0) >= answers + 20 ? true : undefined)
    const recovered = load.failures.length
    await load.more(200)
    t.equal(load.failures.length, recovered, `${behaviour}: it is back, and nothing fails`)
  }
  await load.stop()
  t.equal(load.sent, load.answered + load.failures.length)
  t.ok(load.failures.every(({ method, status }) => method === 'GET' && status >= 502), 'each failure was an answer')
  t.comment(`${load.summary()}, ${ejections} ejections, ${await weir.metric('weir_upstream_retries_total')} further attempts`)
})
