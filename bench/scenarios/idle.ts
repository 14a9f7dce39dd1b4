/**
 * `npm run bench:idle`: how fast Weir is ready, what it holds when idle, and what an idle connection costs.
 */
import { join } from 'node:path'
import { pause, until } from '../harness/deadline.ts'
import { freePort } from '../harness/free-port.ts'
import { statusOf } from '../harness/http-exchange.ts'
import { openFilesLimit } from '../../src/net/open-files.ts'
import { startClients } from '../harness/keep-alive-clients.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { nginxPeer } from '../harness/nginx-peer.ts'
import { startOrigin, type Origin } from '../harness/origin.ts'
import { READY_PATH, type Peer, type PeerStart } from '../harness/peer.ts'
import { memoryOf } from '../harness/process-figures.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults, type Check } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting, type CpuPlan } from '../harness/settings.ts'
import { chosenPeers } from '../harness/start-peers.ts'
import { quantile, spreadOf } from '../harness/statistics.ts'
import { entryBefore, prepareWeir, weirBefore, weirCommand, weirPeer } from '../harness/weir-peer.ts'

const READY_LIMIT_MS = 500
const IDLE_LIMIT_MIB = 88
const CONNECTION_LIMIT_KIB = 10
/** Of the build that BENCH_WEIR_BEFORE names, in starts that take turns. */
const START_RATIO_LIMIT = 1.02
const WARMUP = { path: READY_PATH, connections: 64, seconds: 2 }

const starts = integerSetting('BENCH_STARTS', 10)
const settleSeconds = integerSetting('BENCH_SETTLE', 5)
/**
 * Weir keeps a descriptor to an endpoint free for each client, so it takes no more than half of what the system allows, less its reserve.
 */
const clientConnections = integerSetting('BENCH_IDLE_CLIENTS', Math.min(10_000, Math.floor((openFilesLimit() - 256) / 2) - 8))
const CLIENTS = clientConnections.toLocaleString('en-GB')

interface StartRun {
  readonly kind: 'start'
  readonly peer: string
  readonly pinned: boolean
  readonly readyMs: number
}

interface MemoryRun {
  readonly kind: 'memory'
  readonly peer: string
  readonly idleMib: number
  readonly idlePssMib: number
  /** After the warm-up, before the connections. */
  readonly beforeMib: number
  readonly withConnectionsMib: number
  readonly kibPerConnection: number
  readonly failedConnections: number
}

const [load] = loadGenerators()
const asked = chosenPeers([weirPeer.name, nginxPeer.name])
if (asked.includes(weirPeer)) prepareWeir()
const peers = asked.filter(peer => peer.version() !== undefined)

await withSession(async session => {
  const head = beginResults('idle')
  const origin = await startOrigin(session, [])
  const startRuns: StartRun[] = []
  if (peers.includes(weirPeer)) {
    for (let index = 0; index < starts; index++) {
      for (const pinned of [false, true]) {
        for (const peer of [weirPeer, weirBefore]) {
          if (peers.includes(peer)) startRuns.push(await timedStart(session, origin, { peer, pinned }))
        }
      }
    }
  }
  const memoryRuns: MemoryRun[] = []
  for (const peer of peers) memoryRuns.push(await memoryOfPeer(session, origin, peer))
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: asked.map(peer => ({
      name: peer.name, version: peer.version(), ...peers.includes(peer) ? {} : { skipped: `not found: ${peer.remedy}` }
    })),
    notes: [
      `One worker, one route with two static endpoints. ${loadNote([load])} Origin: ${origin.kind}.`,
      'Ready: from the start of the process to the first 200 of /readyz, asked every 2 ms.',
      `Idle: resident memory ${settleSeconds} s after the start and one request.`,
      `Connections: ${CLIENTS} clients that made one request each and stay; (resident memory ${settleSeconds} s later − that before) / clients,`,
      `after a warm-up of ${WARMUP.seconds} s. Memory of the kernel is not in it.`
    ],
    runs: [...startRuns, ...memoryRuns],
    figures: [
      ...startRuns.length === 0 ? [] : [{ name: 'ready', unit: 'ms', value: readyMedian(startRuns), better: 'lower' as const }],
      ...memoryRuns.flatMap(run => [
        { name: `${run.peer}, idle`, unit: 'MiB', value: run.idleMib, better: 'lower' as const },
        { name: `${run.peer}, idle connection`, unit: 'KiB', value: run.kibPerConnection, better: 'lower' as const }
      ])
    ],
    checks: checks(startRuns, memoryRuns)
  }, [startTable(startRuns), memoryTable(memoryRuns)].filter(part => part !== '').join('\n\n'))
})

async function timedStart (
  session: Session, origin: Origin, { peer, pinned }: { readonly peer: Peer, readonly pinned: boolean }
): Promise<StartRun> {
  const cpus: CpuPlan = pinned ? session.cpus : { proxy: undefined, load: undefined }
  const options = await startOptions({ ...session, cpus }, origin)
  const { command: [program, ...args], adminPort } = await weirCommand(options, {
    name: peer.name, workers: 1, entry: peer === weirBefore ? entryBefore() : undefined
  })
  const begin = performance.now()
  const child = session.children.start({ command: program, args, cpu: cpus.proxy, logFile: join(options.dir, 'weir.log') })
  try {
    const isReady = async (): Promise<true | undefined> => await statusOf(adminPort, '/readyz') === 200 ? true : undefined
    await until('Weir /readyz', { timeoutMs: 10_000, everyMs: 2 }, isReady)
    return { kind: 'start', peer: peer.name, pinned, readyMs: performance.now() - begin }
  } finally {
    await session.children.stop(child)
  }
}

async function memoryOfPeer (session: Session, origin: Origin, peer: Peer): Promise<MemoryRun> {
  const running = await peer.start(await startOptions(session, origin))
  const settled = async () => {
    await pause(settleSeconds * 1_000)
    return memoryOf(running.pids())
  }
  const idle = await settled()
  await load.run(session, { port: running.port, ...WARMUP })
  const before = await settled()
  const clients = await startClients(session, { port: running.port, path: READY_PATH, connections: clientConnections, intervalSeconds: 0 })
  const after = await settled()
  const report = await clients.finish()
  await running.stop()
  return {
    kind: 'memory',
    peer: peer.name,
    idleMib: idle.rssKib / 1_024,
    idlePssMib: idle.pssKib / 1_024,
    beforeMib: before.rssKib / 1_024,
    withConnectionsMib: after.rssKib / 1_024,
    kibPerConnection: (after.rssKib - before.rssKib) / clientConnections,
    failedConnections: report.failed
  }
}

async function startOptions (session: Session, origin: Origin): Promise<PeerStart> {
  return { session, originPorts: origin.ports, listenPort: await freePort(), clientConnections, dir: newDirectory(session) }
}

/** In the order of the starts. */
function readyOf (runs: readonly StartRun[], peer: Peer, pinned: boolean): readonly number[] {
  return runs.filter(run => run.peer === peer.name && run.pinned === pinned).map(run => run.readyMs)
}

function readyMedian (runs: readonly StartRun[]): number {
  return quantile(readyOf(runs, weirPeer, false), 0.5)
}

/** The median of the ratios of starts that followed each other; undefined without a build before. */
function readyRatio (runs: readonly StartRun[]): number | undefined {
  const ratios = [false, true].flatMap(pinned => {
    const before = readyOf(runs, weirBefore, pinned)
    return readyOf(runs, weirPeer, pinned).flatMap((ms, index) => before[index] === undefined ? [] : [ms / before[index]])
  })
  return ratios.length === 0 ? undefined : quantile(ratios, 0.5)
}

function checks (startRuns: readonly StartRun[], memoryRuns: readonly MemoryRun[]): readonly Check[] {
  const weir = memoryRuns.find(run => run.peer === weirPeer.name)
  const ratio = readyRatio(startRuns)
  return [
    ...startRuns.length === 0 ? [] : [atMost('ready after its start, median', readyMedian(startRuns), READY_LIMIT_MS, 'ms')],
    ...ratio === undefined ? [] : [atMost('ready, Weir / the build before, median of the pairs', ratio, START_RATIO_LIMIT, '×')],
    ...weir === undefined
      ? []
      : [
          atMost('resident when idle', weir.idleMib, IDLE_LIMIT_MIB, 'MiB'),
          atMost('an idle connection (an aim)', weir.kibPerConnection, CONNECTION_LIMIT_KIB, 'KiB')
        ],
    atMost('connections that failed', memoryRuns.reduce((sum, run) => sum + run.failedConnections, 0), 0, '')
  ]
}

function startTable (runs: readonly StartRun[]): string {
  if (runs.length === 0) return ''
  const rows = [weirPeer, weirBefore].flatMap(peer => [false, true].flatMap(pinned => {
    const ready = readyOf(runs, peer, pinned)
    if (ready.length === 0) return []
    const spread = spreadOf(ready)
    const figures = [spread.median, spread.min, spread.max, spread.runs]
    return [[`${peer.name} ${pinned ? 'pinned to one core' : 'on all cores'}`, ...figures.map(value => value.toFixed(0))]]
  }))
  return `**Ready after its start, ms**\n\n${markdownTable(['', 'median', 'fastest', 'slowest', 'starts'], rows)}`
}

function memoryTable (runs: readonly MemoryRun[]): string {
  return `**Memory**\n\n${markdownTable(
    ['proxy', 'idle, MiB resident', 'idle, MiB proportional', 'after the warm-up, MiB', `with ${CLIENTS} connections, MiB`, 'KiB per connection'],
    runs.map(run => {
      const figures = [run.idleMib, run.idlePssMib, run.beforeMib, run.withConnectionsMib, run.kibPerConnection]
      return [run.peer, ...figures.map(shortNumber)]
    })
  )}`
}
