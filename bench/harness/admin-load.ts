/**
 * What many who ask the admin API at the same time cost everybody, with thousands of routes: probes, the workers, and the event loops.
 */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pause, within } from './deadline.ts'
import { freePort } from './free-port.ts'
import { exchange } from './http-exchange.ts'
import type { LoadGenerator, LoadReport } from './load.ts'
import type { Origin } from './origin.ts'
import { threadCpuMicroseconds } from './process-figures.ts'
import { newDirectory, type Session } from './session.ts'
import { quantile } from './statistics.ts'
import { withStalls, type LongestStalls } from './stalls.ts'
import { benchRoute, idleRoutes } from './weir-config.ts'
import { startWeir, type RunningWeir } from './weir-peer.ts'

const PROGRAM = fileURLToPath(new URL('../programs/simultaneous-requests.ts', import.meta.url))
const RAMP_MS = 1_000
const PROBE_GAP_MS = 10
const ANSWER_MS = 120_000
const MAIN = /^node-MainThread$/

export interface AdminLoadPlan {
  /** That get no request. */
  readonly routes: number
  /** Who ask at the same time. */
  readonly clients: number
  /** Of each resource, one after the other. */
  readonly rounds: number
  /** Requests per second through Weir meanwhile. */
  readonly rate: number
  readonly connections: number
}

export interface AdminLoadRun {
  readonly kind: 'admin-load'
  /** What was asked for; empty at rest. */
  readonly path: string
  readonly clients: number
  /** Until all of a round had their answers: the longest round, in ms. */
  readonly tookMs: number
  /** Of one answer. */
  readonly bytes: number
  readonly failed: number
  readonly stalls: LongestStalls
  /** CPU of the main thread for a round, in ms. */
  readonly mainMs: number
  /** Of GET /readyz on the port for probes. */
  readonly probes: { readonly count: number, readonly p99Ms: number, readonly longestMs: number, readonly failed: number }
  /** Of the requests through Weir. */
  readonly load: LoadReport
}

/** What is asked for. */
const PATHS = ['/metrics', '/v1/routes', '/v1/routes/bench/history?limit=100', '/v1/routes/bench/explain?path=/64&ip=192.0.2.1']

export async function measureAdminLoad (
  session: Session, origin: Origin, load: LoadGenerator, plan: AdminLoadPlan
): Promise<readonly AdminLoadRun[]> {
  const probesPort = await freePort()
  const stallsDirectory = newDirectory(session)
  const weir = await startWeir(
    {
      session,
      originPorts: origin.ports,
      listenPort: await freePort([probesPort]),
      clientConnections: plan.connections,
      dir: newDirectory(session)
    },
    {
      name: 'admin-load',
      workers: 1,
      probesPort,
      stallsDirectory,
      routes: ports => [...idleRoutes(plan.routes), benchRoute(ports, ['127.0.0.1'])]
    }
  )
  const clients = startClients(session, weir, plan.clients)
  const measure = async (path: string, work: () => Promise<readonly Round[]>): Promise<AdminLoadRun> => {
    const running = load.startPaced(session, { port: weir.port, path: '/64', connections: plan.connections, seconds: 600 }, plan.rate)
    await pause(RAMP_MS)
    const probing = startProbing(probesPort)
    const cpu = (): number => weir.pids().reduce((sum, pid) => sum + threadCpuMicroseconds(pid, MAIN), 0)
    const before = cpu()
    const { result, stalls } = await withStalls(stallsDirectory, work)
    const mainMs = (cpu() - before) / 1_000 / Math.max(1, result.length)
    const probes = await probing.finish()
    return {
      kind: 'admin-load',
      path,
      clients: path === '' ? 0 : plan.clients,
      stalls,
      mainMs,
      probes,
      load: await running.finish(),
      tookMs: Math.max(0, ...result.map(({ ms }) => ms)),
      bytes: Math.max(0, ...result.map(({ bytes }) => bytes)) / plan.clients,
      failed: result.reduce((sum, { failed }) => sum + failed, 0)
    }
  }
  // What is compiled at first use is compiled.
  for (const path of PATHS) await clients.ask(path)
  const runs = [await measure('', async () => {
    await pause(plan.rounds * 1_000)
    return []
  })]
  for (const path of PATHS) {
    runs.push(await measure(path, async () => {
      const rounds: Round[] = []
      while (rounds.length < plan.rounds) rounds.push(await clients.ask(path))
      return rounds
    }))
  }
  await clients.stop()
  await weir.stop()
  return runs
}

interface Round {
  readonly ms: number
  readonly bytes: number
  readonly failed: number
}

interface SimultaneousClients {
  ask (path: string): Promise<Round>
  stop (): Promise<void>
}

function startClients (session: Session, weir: RunningWeir, count: number): SimultaneousClients {
  const child = session.children.start({ command: process.execPath, args: [PROGRAM, String(weir.adminPort), String(count)] })
  if (child.stdout === null || child.stdin === null) throw new Error('the program has no pipes')
  const { stdin } = child
  const lines = createInterface({ input: child.stdout })
  return {
    async ask (path) {
      const answered = once(lines, 'line')
      stdin.write(`${path}\n`)
      const [line]: unknown[] = await within(path, ANSWER_MS, answered)
      // The program of this repository wrote it.
      return JSON.parse(String(line)) as Round
    },
    async stop () { await session.children.stop(child) }
  }
}

/** Asks for readiness again and again, as a kubelet does, only more often. */
function startProbing (port: number): { finish (): Promise<AdminLoadRun['probes']> } {
  const agent = new Agent({ keepAlive: false })
  const took: number[] = []
  let failed = 0
  const over = new AbortController()
  const running = (async () => {
    while (!over.signal.aborted) {
      const startedMs = performance.now()
      const status = await exchange({ port, path: '/readyz', agent }).then(({ status }) => status, () => 0)
      if (status === 200) took.push(performance.now() - startedMs)
      else failed++
      await pause(PROBE_GAP_MS)
    }
  })()
  return {
    async finish () {
      over.abort()
      await running
      return { count: took.length, p99Ms: quantile(took, 0.99), longestMs: Math.max(...took), failed }
    }
  }
}
