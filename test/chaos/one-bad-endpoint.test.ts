/** One endpoint of five goes bad in each way that there is, and comes back. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { PodBehaviour } from '../helpers/pod.ts'
import { eventually, startWeir } from '../helpers/weir-process.ts'

const FAILURES = 5
const WORKERS = 2
/** After the threshold. */
const GRACE_MS = 1_000
/** How many requests the share of failures is taken of, once the grace is over. */
const WATCHED = scaled(600, 16_000)
const MAX_FAILING = 0.01
const EJECTION_MS = scaled(4_000, 2_000)
const UNANSWERED_MS = 300

t.setTimeout(scaled(110_000, 600_000))

// In the small size they are busy with waiting, and can do so at the same time.
t.jobs = scaled(4, 1)

for (const behaviour of ['unavailable', 'hang', 'reset', 'garbage'] as const satisfies readonly PodBehaviour[]) {
  t.test(`an endpoint that goes bad (${behaviour}) is left out within a second of the threshold, and used again when it is well`, { buffered: true }, async t => {
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
          health: { passive: { consecutiveFailures: FAILURES, baseEjection: `${EJECTION_MS}ms`, interval: `${EJECTION_MS}ms`, maxEjection: `${EJECTION_MS}ms` } },
          versions: [versionOf('v1', 1, pods)]
        }]
      })
    })
    const load = new PacedLoad({ port: weir.ports.web, clients: scaled(16, 32), rate: scaled(250, 2_000), posts: 0 })
    await load.more(200)
    bad.behave(behaviour)
    // As many as it takes for each worker to have seen its failures in a row.
    await eventually(async () => load.failures.length >= FAILURES * WORKERS ? true : undefined)
    const thresholdMs = performance.now()
    await wait(GRACE_MS)
    const until = load.failures.length
    const before = load.answered + until
    await load.over(WATCHED)
    const ended = load.answered + load.failures.length - before
    const failed = load.failures.length - until
    const watchedMs = performance.now() - thresholdMs - GRACE_MS
    t.ok(failed < ended * MAX_FAILING, `${failed} of ${ended} failed from a second after the threshold on`)
    // What is lost in the end is one request of each worker whenever the endpoint comes back on trial.
    t.ok(failed <= WORKERS * (1 + Math.ceil(watchedMs / EJECTION_MS)), `${failed} failed, one for each trial`)
    t.ok(await weir.metric('weir_ejections_total') >= WORKERS, 'each worker has ejected it')

    bad.behave('ok')
    // What it got before is not answered any more; when that is over it is on trial in one worker, then in the other.
    await wait(UNANSWERED_MS)
    await eventually(async () => await weir.metric('weir_endpoints_available') === pods.length ? true : undefined)
    const answers = load.byBody.get('bad') ?? 0
    await eventually(async () => (load.byBody.get('bad') ?? 0) >= answers + 20 ? true : undefined)
    await wait(UNANSWERED_MS)
    const back = { failed: load.failures.length, answered: load.answered, bad: load.byBody.get('bad') ?? 0 }
    await load.more(scaled(200, 2_000))
    await load.stop()
    t.equal(load.failures.length, back.failed, 'when it is back nothing fails')
    const share = ((load.byBody.get('bad') ?? 0) - back.bad) / (load.answered - back.answered)
    t.ok(share > 0.1 && share < 0.3, `it serves ${Math.round(share * 100)} % again`)
    t.equal(load.sent, load.answered + load.failures.length)
    t.same(load.failures.filter(({ method, status }) => method !== 'GET' || status < 502), [], 'each failure was an answer')
    const retried = await weir.metric('weir_upstream_retries_total')
    t.comment(`${behaviour}: ${load.summary(retried)}; ${until} failed until a second after the threshold, then ${failed} of ${ended}; ${await weir.metric('weir_ejections_total')} ejections`)
  })
}
