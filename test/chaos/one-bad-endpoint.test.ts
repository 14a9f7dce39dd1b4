/** One endpoint of five goes bad in each way that there is, and comes back. */
import t from 'tap'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { Pod, PodBehaviour } from '../helpers/pod.ts'
import { eventually, startWeir, type WeirProcess } from '../helpers/weir-process.ts'

const FAILURES = 5
const WORKERS = 2
/** How many requests the share of failures is taken of, once each worker has ejected it. */
const WATCHED = scaled(600, 16_000)
const MAX_FAILING = 0.01
const EJECTION_MS = scaled(4_000, 2_000)
/** How long an answer may take: longer than any that comes, on a busy machine too. */
const UNANSWERED_MS = { hang: 1_500, others: 30_000 } as const

t.setTimeout(600_000)

// In the small size they are busy with waiting, and can do so at the same time.
t.jobs = scaled(4, 1)

/** What the API shows of one endpoint. */
async function endpointOf (weir: WeirProcess, route: string, { spec }: Pod): Promise<unknown> {
  const { body } = await weir.api('GET', `/v1/routes/${route}`)
  const { versions } = body as { readonly versions: ReadonlyArray<{ readonly endpoints: ReadonlyArray<{ readonly port: number }> }> } // as its schema has it
  return versions[0]?.endpoints.find(({ port }) => port === spec.port)
}

const BEHAVIOURS = ['unavailable', 'hang', 'reset', 'garbage'] as const satisfies readonly PodBehaviour[]

// One Weir with a route for each: health is kept for each version. The pods that stay well are those of all.
const { pods } = await startPods(t, ['a', 'b', 'c', 'd', ...BEHAVIOURS])
const well = pods.slice(0, -BEHAVIOURS.length)
const ejection = { consecutiveFailures: FAILURES, baseEjection: `${EJECTION_MS}ms`, interval: `${EJECTION_MS}ms`, maxEjection: `${EJECTION_MS}ms` }
const weir = await startWeir(t, {
  config: () => ({
    workers: WORKERS,
    routes: BEHAVIOURS.map(behaviour => ({
      name: behaviour,
      match: { hosts: [`${behaviour}.test`] },
      timeouts: { upstreamResponse: `${behaviour === 'hang' ? UNANSWERED_MS.hang : UNANSWERED_MS.others}ms` },
      // What health does, and nothing else.
      retries: { attempts: 1 },
      health: { passive: ejection },
      versions: [versionOf('v1', 1, [...well, ...pods.filter(({ spec }) => spec.name === behaviour)])]
    }))
  })
})

for (const behaviour of BEHAVIOURS) {
  t.test(`an endpoint that goes bad (${behaviour}) is left out once each worker has seen the threshold, and used again when it is well`, { buffered: true }, async t => {
    const bad = pods.find(({ spec }) => spec.name === behaviour)
    if (bad === undefined) throw new Error('a pod is missing')
    const load = new PacedLoad({ port: weir.ports.web, host: `${behaviour}.test`, clients: scaled(16, 32), rate: scaled(250, 2_000), posts: 0 })
    await load.more(200)
    await bad.behave(behaviour)
    // Each worker has seen its failures in a row, however few of the clients it serves.
    await eventually(async () => JSON.stringify(await endpointOf(weir, behaviour, bad)).includes('"available":"none"') ? true : undefined)
    t.ok(await weir.untilMetric('weir_ejections_total', sum => sum >= WORKERS, { route: behaviour }) >= WORKERS)
    const ejectedMs = performance.now()
    const failedBefore = (): number => load.failures.filter(({ beganMs }) => beganMs < ejectedMs).length
    const failedSince = (): number => load.failures.length - failedBefore()
    const before = load.answered
    await load.over(WATCHED)
    const failed = failedSince()
    const ended = load.answered - before + failed
    // What is lost in the end is one request of each worker whenever the endpoint comes back on trial.
    const trials = WORKERS * (1 + Math.ceil((performance.now() - ejectedMs) / EJECTION_MS))
    t.ok(failed <= trials, `${failed} failed, one for each trial`)
    // A busy machine takes so long for them that there are more trials.
    t.ok(failed < Math.max(ended * MAX_FAILING, trials + 1), `${failed} of ${ended} failed since each worker has ejected it`)

    await bad.behave('ok')
    // What it got before is not answered any more; when that is over it is on trial in one worker, then in the other.
    await load.turnover()
    await weir.untilMetric('weir_endpoints_available', well.length + 1, { route: behaviour })
    const answers = load.byBody.get(behaviour) ?? 0
    await eventually(async () => (load.byBody.get(behaviour) ?? 0) >= answers + 20 ? true : undefined)
    const back = { failed: load.failures.length, answered: load.answered, bad: load.byBody.get(behaviour) ?? 0 }
    await load.more(scaled(200, 2_000))
    await load.stop()
    t.equal(load.failures.length, back.failed, 'when it is back nothing fails')
    const share = ((load.byBody.get(behaviour) ?? 0) - back.bad) / (load.answered - back.answered)
    t.ok(share > 0.1 && share < 0.5, `it serves ${Math.round(share * 100)} % again`)
    t.equal(load.sent, load.answered + load.failures.length)
    t.same(load.failures.filter(({ method, status }) => method !== 'GET' || status < 502), [], 'each failure was an answer')
    const retried = await weir.metric('weir_upstream_retries_total', { route: behaviour })
    t.comment(`${behaviour}: ${load.summary(retried)}; ${failedBefore()} failed until each worker had ejected it, then ${failed} of ${ended}; ${await weir.metric('weir_ejections_total', { route: behaviour })} ejections`)
  })
}
