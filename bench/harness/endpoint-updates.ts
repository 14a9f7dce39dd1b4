/**
 * What updates of a Service with many endpoints cost, and what the requests of another route feel of them.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { pause, within } from './deadline.ts'
import { freePort } from './free-port.ts'
import type { LoadGenerator, LoadReport, RunningLoad } from './load.ts'
import type { Origin } from './origin.ts'
import { memoryOf, resetPeak, threadCpuMicroseconds } from './process-figures.ts'
import { newDirectory, type Session } from './session.ts'
import { benchRoute, type WrittenRoute } from './weir-config.ts'
import { startWeir, type RunningWeir } from './weir-peer.ts'

const PROGRAM = fileURLToPath(new URL('../programs/slices-server.ts', import.meta.url))
const SYNC_MS = 3_000
/** Thread names as Linux has them. */
const WORKER = /^weir-worker-/
const MAIN = /^node-MainThread$/

export interface EndpointUpdatesPlan {
  readonly slices: number
  readonly perSlice: number
  readonly updatesPerSecond: number
  readonly seconds: number
  /** Requests per second of the other route. */
  readonly rate: number
  readonly connections: number
}

export interface EndpointUpdatesRun {
  readonly kind: 'endpoint-updates'
  readonly endpoints: number
  readonly updates: number
  readonly atRest: LoadReport
  readonly meanwhile: LoadReport
  /** CPU that an update takes, in milliseconds: of each worker, and of the main thread. What the requests take is taken off. */
  readonly workerMs: number
  readonly mainMs: number
  readonly peakMib: number
}

export async function measureEndpointUpdates (
  session: Session, origin: Origin, load: LoadGenerator, plan: EndpointUpdatesPlan
): Promise<EndpointUpdatesRun> {
  const kubeconfig = join(newDirectory(session), 'kubeconfig')
  const slices = await startSlices(session, plan, kubeconfig)
  const weir = await startWeir({
    session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: plan.connections, dir: newDirectory(session)
  }, { name: 'updates', workers: 2, kubeconfig, routes: ports => [benchRoute(ports, ['127.0.0.1']), BIG] })
  await pause(SYNC_MS)
  const pids = weir.pids()
  resetPeak(pids)
  const updates = plan.updatesPerSecond * plan.seconds
  const startLoad = (): RunningLoad => load.startPaced(
    session,
    { port: weir.port, path: '/64', connections: plan.connections, seconds: plan.seconds * 4 + 30 },
    plan.rate
  )
  const phase = async (work: () => Promise<void>) => await underLoad(weir, startLoad, work)
  // The code of both paths is compiled before anything is measured.
  await phase(async () => { await slices.update(plan.updatesPerSecond * 5, plan.updatesPerSecond) })
  const rest = await phase(async () => { await pause(plan.seconds * 1_000) })
  const busy = await phase(async () => { await slices.update(updates, plan.updatesPerSecond) })
  const peakMib = memoryOf(pids).peakKib / 1_024
  await weir.stop()
  await slices.stop()
  const perUpdate = (micros: (phase: Phase) => number): number =>
    (micros(busy) - micros(rest) * busy.report.requests / rest.report.requests) / 1_000 / updates
  return {
    kind: 'endpoint-updates',
    endpoints: plan.slices * plan.perSlice,
    updates,
    atRest: rest.report,
    meanwhile: busy.report,
    workerMs: perUpdate(({ workerMicros }) => workerMicros / 2),
    mainMs: perUpdate(({ mainMicros }) => mainMicros),
    peakMib
  }
}

/** It gets no request, and its endpoints are never dialled. */
/** A route to the Service of the bench's own Kubernetes API; it gets no request. */
export const BIG: WrittenRoute = {
  name: 'big',
  match: { hosts: ['big.bench.example'] },
  versions: [{ name: 'stable', weight: 1, endpoints: { service: 'big', port: 'http' } }]
}

interface Phase {
  readonly report: LoadReport
  readonly workerMicros: number
  readonly mainMicros: number
}

async function underLoad (weir: RunningWeir, startLoad: () => RunningLoad, work: () => Promise<void>): Promise<Phase> {
  const cpu = (names: RegExp): number => weir.pids().reduce((sum, pid) => sum + threadCpuMicroseconds(pid, names), 0)
  const running = startLoad()
  const before = { worker: cpu(WORKER), main: cpu(MAIN) }
  await work()
  const after = { worker: cpu(WORKER), main: cpu(MAIN) }
  return { report: await running.finish(), workerMicros: after.worker - before.worker, mainMicros: after.main - before.main }
}

interface RunningSlices {
  update (count: number, perSecond: number): Promise<void>
  stop (): Promise<void>
}

/** The bench's own Kubernetes API, in a process of its own; it writes the kubeconfig. */
export async function startSlices (
  session: Session, plan: Pick<EndpointUpdatesPlan, 'slices' | 'perSlice'>, kubeconfig: string
): Promise<RunningSlices> {
  const child: ChildProcess = session.children.start({
    command: process.execPath, args: [PROGRAM, String(plan.slices), String(plan.perSlice), kubeconfig]
  })
  if (child.stdout === null || child.stdin === null) throw new Error('the program has no pipes')
  const { stdin } = child
  const lines = createInterface({ input: child.stdout })
  await within('the Kubernetes API of the bench', 30_000, once(lines, 'line'))
  return {
    async update (count, perSecond) {
      const done = once(lines, 'line')
      stdin.write(`${count} ${perSecond}\n`)
      await within('updates of endpoints', count / perSecond * 4_000 + 30_000, done)
    },
    async stop () { await session.children.stop(child) }
  }
}
