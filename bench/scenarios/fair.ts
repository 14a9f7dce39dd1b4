/**
 * `npm run bench:fair`: what clients and origins that send a lot of little things do to the latency of others: pipelined requests that Weir
 * answers by itself, and bodies in chunks of one byte.
 */
import { pause } from '../harness/deadline.ts'
import { startFlood, type FloodKind } from '../harness/flood.ts'
import { freePort } from '../harness/free-port.ts'
import type { LoadReport } from '../harness/load.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin } from '../harness/origin.ts'
import { READY_PATH } from '../harness/peer.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults, type Check } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { withStalls } from '../harness/stalls.ts'
import { benchRoute } from '../harness/weir-config.ts'
import { prepareWeir, startWeir, weirPeer, type RunningWeir } from '../harness/weir-peer.ts'

const RAMP_MS = 1_000
const STALL_LIMIT_MS = 50
const P99_LIMIT_MS = 50

const seconds = integerSetting('BENCH_SECONDS', 4)
const connections = integerSetting('BENCH_CONNECTIONS', 64)
const rate = integerSetting('BENCH_FAIR_RATE', 500)

/** What floods, over how many connections. */
const FLOODS: ReadonlyArray<{ readonly kind: FloodKind, readonly name: string, readonly connections: number }> = [
  { kind: 'options', name: '`OPTIONS *`, pipelined', connections },
  { kind: 'missing', name: '404s, pipelined', connections },
  { kind: 'redirect', name: '308s, pipelined', connections },
  { kind: 'chunks-up', name: 'a request body in chunks of 1 byte', connections: 1 },
  { kind: 'chunks-up', name: 'request bodies in chunks of 1 byte', connections },
  { kind: 'chunks-down', name: 'an answer in chunks of 1 byte', connections: 1 },
  { kind: 'chunks-down', name: 'answers in chunks of 1 byte', connections }
]

interface FairRun {
  /** What flooded; empty without. */
  readonly flood: string
  readonly connections: number
  readonly load: LoadReport
  /** The longest that the worker's event loop was held up, in ms. */
  readonly stallMs: number
  /** Bytes a second that Weir took from the flood's connections, or gave them. */
  readonly floodBytesPerSecond: number
}

const [load] = loadGenerators()
prepareWeir()

await withSession(async session => {
  const head = beginResults('fair')
  const origin = await startOrigin(session, [])
  const stallsDirectory = newDirectory(session)
  const chunkPort = await freePort()
  const redirectPort = await freePort([chunkPort])
  const weir = await startWeir(
    {
      session,
      originPorts: origin.ports,
      listenPort: await freePort([chunkPort, redirectPort]),
      clientConnections: connections,
      dir: newDirectory(session)
    },
    {
      name: 'weir',
      workers: 1,
      stallsDirectory,
      redirectPort,
      routes: ports => [
        benchRoute(ports, ['127.0.0.1']),
        {
          name: 'chunks',
          match: { hosts: ['chunks.test'] },
          maxBodyBytes: 0,
          versions: [{ name: 'v', weight: 1, endpoints: { static: [`127.0.0.1:${chunkPort}`] } }]
        }
      ]
    }
  )
  const runs = [await phase(session, weir, stallsDirectory)]
  for (const flood of FLOODS) {
    runs.push(await phase(session, weir, stallsDirectory, {
      ...flood, chunkPort, port: flood.kind === 'redirect' ? redirectPort : weir.port
    }))
  }
  await weir.stop()
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `One worker. ${loadNote([load])} Origin: ${origin.kind}. The others: about ${rate.toLocaleString('en-GB')} requests/s on kept-alive connections, ${seconds} s each.`,
      'The flood is a program at the lowest priority on the core of the load. Stall: the longest that the worker\'s event loop was held up.'
    ],
    runs,
    figures: runs.map(run => ({ name: `p99 of others, ${nameOf(run)}`, unit: 'ms', value: run.load.p99Ms, better: 'lower' as const })),
    checks: checks(runs)
  }, table(runs))
})

async function phase (
  session: Session, weir: RunningWeir, stallsDirectory: string,
  flood?: {
    readonly kind: FloodKind
    readonly name: string
    readonly connections: number
    readonly chunkPort: number
    readonly port: number
  }
): Promise<FairRun> {
  const flooding = flood === undefined ? undefined : await startFlood(session, flood)
  await pause(RAMP_MS)
  const { result, stalls } = await withStalls(stallsDirectory, async () => {
    const running = load.startPaced(session, { port: weir.port, path: READY_PATH, connections: 8, seconds: seconds + 30 }, rate)
    await pause(seconds * 1_000)
    return await running.finish()
  })
  const floodBytesPerSecond = await flooding?.finish() ?? 0
  process.stderr.write(`${flood?.name ?? 'nothing'} × ${flood?.connections ?? 0}: p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, stall ${stalls.worker.toFixed(1)} ms\n`)
  return { flood: flood?.name ?? '', connections: flood?.connections ?? 0, load: result, stallMs: stalls.worker, floodBytesPerSecond }
}

function nameOf ({ flood, connections: count }: FairRun): string {
  return flood === '' ? 'without a flood' : `${flood} (${count})`
}

function checks (runs: readonly FairRun[]): readonly Check[] {
  const floods = runs.filter(({ flood }) => flood !== '')
  return [
    atMost('p99 of others beside any of these', Math.max(...floods.map(run => run.load.p99Ms)), P99_LIMIT_MS, 'ms'),
    atMost('longest stall of the worker', Math.max(...floods.map(({ stallMs }) => stallMs)), STALL_LIMIT_MS, 'ms'),
    atMost('requests of others that failed', runs.reduce((sum, run) => sum + run.load.errors, 0), 0, '')
  ]
}

function table (runs: readonly FairRun[]): string {
  const rows = runs.map(run => [
    nameOf(run), shortNumber(run.load.p50Ms), shortNumber(run.load.p99Ms), shortNumber(run.load.requestsPerSecond),
    shortNumber(run.stallMs), shortNumber(run.floodBytesPerSecond / 2 ** 20)
  ])
  return `**Latency of other clients beside a flood** (connections)\n\n${markdownTable(['beside', 'p50 ms', 'p99 ms', 'requests/s', 'longest stall ms', 'flood MiB/s'], rows)}`
}
