/**
 * `npm run bench:pod`: the memory of Weir as the manifests of deploy/ run it, for the requests and limits of its container.
 */
import { join } from 'node:path'
import { pause } from '../harness/deadline.ts'
import { BIG, startSlices } from '../harness/endpoint-updates.ts'
import { freePort } from '../harness/free-port.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin, type Origin } from '../harness/origin.ts'
import { memoryOf, resetPeak } from '../harness/process-figures.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { benchRoute } from '../harness/weir-config.ts'
import { prepareWeir, startWeir, weirPeer } from '../harness/weir-peer.ts'

const seconds = integerSetting('BENCH_SECONDS', 8)
const settleSeconds = integerSetting('BENCH_SETTLE', 5)
const connections = integerSetting('BENCH_CONNECTIONS', 64)

interface PodPlan {
  readonly name: string
  readonly workers: number
  /** Whether a route names a Service. */
  readonly followsServices: boolean
  /** resources.requests.memory; undefined where deploy/ has no such pod. */
  readonly requestMib?: number
}

const PLANS: readonly PodPlan[] = [
  { name: 'base and ingress', workers: 2, followsServices: true, requestMib: 256 },
  { name: 'sidecar', workers: 1, followsServices: true, requestMib: 176 },
  { name: 'sidecar with endpoints by name', workers: 1, followsServices: false }
]

interface PodRun extends PodPlan {
  readonly restMib: number
  /** The most since the load began, and since the start of the process. */
  readonly loadMib: number
  readonly startMib: number
  readonly failed: number
}

const [load] = loadGenerators()
prepareWeir()

await withSession(async session => {
  const head = beginResults('pod')
  const origin = await startOrigin(session, [64])
  const runs: PodRun[] = []
  for (const plan of PLANS) runs.push(await measurePod(session, origin, plan))
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `One route with two static endpoints; of those that follow Services, one more to a Service of two pods. ${loadNote([load])} Origin: ${origin.kind}.`,
      `At rest: resident memory ${settleSeconds} s after the start. Under load: the most within ${seconds} s of 64 B from ${connections} connections.`,
      'Starting: the most until then. The container has no memory limit here, by which Node would keep its heaps smaller.'
    ],
    runs,
    figures: runs.map(run => ({ name: `${run.name}, under load`, unit: 'MiB', value: run.loadMib, better: 'lower' as const })),
    checks: [
      ...runs.flatMap(run => run.requestMib === undefined ? [] : [atMost(`${run.name}: the most, of what is asked for`, Math.max(run.startMib, run.loadMib), run.requestMib, 'MiB')]),
      atMost('requests that failed', runs.reduce((sum, run) => sum + run.failed, 0), 0, '')
    ]
  }, markdownTable(['as in', 'workers', 'starting, MiB', 'at rest, MiB', 'under load, MiB'], runs.map(run => [
    run.name, String(run.workers), ...[run.startMib, run.restMib, run.loadMib].map(shortNumber)
  ])))
})

async function measurePod (session: Session, origin: Origin, plan: PodPlan): Promise<PodRun> {
  const kubeconfig = join(newDirectory(session), 'kubeconfig')
  const slices = plan.followsServices ? await startSlices(session, { slices: 1, perSlice: 2 }, kubeconfig) : undefined
  const weir = await startWeir({
    session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: connections, dir: newDirectory(session)
  }, {
    name: plan.name.replaceAll(' ', '-'),
    workers: plan.workers,
    routes: ports => [benchRoute(ports, ['127.0.0.1']), ...plan.followsServices ? [BIG] : []],
    ...slices === undefined ? {} : { kubeconfig }
  })
  await pause(settleSeconds * 1_000)
  const rest = memoryOf(weir.pids())
  resetPeak(weir.pids())
  const report = await load.run(session, { port: weir.port, path: '/64', connections, seconds })
  const busy = memoryOf(weir.pids())
  await weir.stop()
  await slices?.stop()
  return { ...plan, restMib: rest.rssKib / 1_024, startMib: rest.peakKib / 1_024, loadMib: busy.peakKib / 1_024, failed: report.errors }
}
