/**
 * `npm run bench:slow`: what clients that send a request's head byte by byte cost, in memory and in the latency of others.
 */
import { pause } from '../harness/deadline.ts'
import { freePort } from '../harness/free-port.ts'
import { startSlowClients } from '../harness/keep-alive-clients.ts'
import type { LoadReport } from '../harness/load.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin } from '../harness/origin.ts'
import { READY_PATH } from '../harness/peer.ts'
import { memoryOf } from '../harness/process-figures.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults, type Check } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { quantile, spreadOf, type Spread } from '../harness/statistics.ts'
import { openFilesLimit } from '../../src/net/open-files.ts'
import { prepareWeir, startWeir, weirPeer, type RunningWeir } from '../harness/weir-peer.ts'

const CONNECTION_LIMIT_KIB = 10
const LATENCY_LIMIT = 1.1
const SETTLE_MS = 3_000
const RAMP_MS = 500
const WARMUP = { path: READY_PATH, connections: 64, seconds: 3 }
/** By default Weir ends such clients after 10 s. They are let go on here, or there would be nothing to measure. */
const TIMEOUTS = { requestHead: '600s' }

/** Weir takes half as many clients as it may open files, so that each can have a connection to an endpoint; the others need places too. */
const slowConnections = integerSetting('BENCH_SLOW_CLIENTS', Math.min(10_000, Math.floor((openFilesLimit() - 256) / 2) - 600))
const intervalSeconds = integerSetting('BENCH_SLOW_INTERVAL', 5)
const rounds = integerSetting('BENCH_RUNS', 5)
const seconds = integerSetting('BENCH_SECONDS', 4)
const rate = integerSetting('BENCH_SLOW_RATE', 2_000)
const CLIENTS = slowConnections.toLocaleString('en-GB')

interface SlowRun {
  readonly round: number
  /** The latency of the others while the slow clients are there. */
  readonly withSlow: boolean
  readonly load: LoadReport
  readonly rssMib: number
  /** Slow clients that were closed or answered. */
  readonly lost: number
}

const [load] = loadGenerators()
prepareWeir()

await withSession(async session => {
  const head = beginResults('slow')
  const origin = await startOrigin(session, [])
  const weir = await startWeir(
    { session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: slowConnections, dir: newDirectory(session) },
    { name: 'weir', workers: 1, timeouts: TIMEOUTS }
  )
  await load.run(session, { port: weir.port, ...WARMUP })
  await pause(SETTLE_MS)
  const beforeMib = rssMib(weir)
  const runs: SlowRun[] = []
  for (let round = 0; round < rounds; round++) {
    // They take turns to be first, so that neither always has the older process.
    for (const withSlow of round % 2 === 0 ? [true, false] : [false, true]) runs.push(await phase(session, weir, { round, withSlow }))
  }
  await weir.stop()
  const kib = ((runs.find(run => run.withSlow)?.rssMib ?? NaN) - beforeMib) * 1_024 / slowConnections
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `One worker. ${loadNote([load])} Origin: ${origin.kind}. ${rounds} rounds in which the phases with and without slow clients take turns, ${seconds} s each.`,
      `${CLIENTS} slow clients: each sends three lines of a head at once and then one byte every ${intervalSeconds} s. \`timeouts.requestHead\` is`,
      `${TIMEOUTS.requestHead}, so that they stay. The others: about ${rate.toLocaleString('en-GB')} requests/s on kept-alive connections.`,
      `Memory: (resident memory at the end of the first phase with them − that after a warm-up of ${WARMUP.seconds} s) / clients.`
    ],
    runs,
    figures: [
      { name: 'slow connection', unit: 'KiB', value: kib, better: 'lower' },
      ...(['p50Ms', 'p99Ms'] as const).map(name => ({
        name: `latency of others, ${name.slice(0, 3)}, with / without`,
        unit: '×',
        value: ratio(runs, name),
        better: 'lower' as const
      }))
    ],
    checks: checks(runs, kib)
  }, table(runs, kib))
})

async function phase (session: Session, weir: RunningWeir, { round, withSlow }: Pick<SlowRun, 'round' | 'withSlow'>): Promise<SlowRun> {
  const request = { port: weir.port, path: READY_PATH, connections: slowConnections, intervalSeconds }
  const slow = withSlow ? await startSlowClients(session, request) : undefined
  await pause(SETTLE_MS)
  const running = load.startPaced(session, { port: weir.port, path: READY_PATH, connections: 64, seconds: seconds + 30 }, rate)
  await pause(RAMP_MS + seconds * 1_000)
  const report = await running.finish()
  const mib = rssMib(weir)
  const lost = await slow?.finish()
  process.stderr.write(`round ${round}, ${withSlow ? 'with' : 'without'}: p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms, ${mib.toFixed(1)} MiB\n`)
  return { round, withSlow, load: report, rssMib: mib, lost: lost === undefined ? 0 : lost.failed + lost.answers }
}

function rssMib (weir: RunningWeir): number {
  return memoryOf(weir.pids()).rssKib / 1_024
}

type Latency = 'p50Ms' | 'p99Ms'

function latencies (runs: readonly SlowRun[], withSlow: boolean, name: Latency): Spread {
  return spreadOf(runs.filter(run => run.withSlow === withSlow).map(run => run.load[name]))
}

/** Of the lowest phases: whatever else the machine does can only add to a latency. */
function ratio (runs: readonly SlowRun[], name: Latency): number {
  return latencies(runs, true, name).min / latencies(runs, false, name).min
}

function checks (runs: readonly SlowRun[], kib: number): readonly Check[] {
  return [
    atMost('a slow connection', kib, CONNECTION_LIMIT_KIB, 'KiB'),
    atMost('p50 of others, with / without', ratio(runs, 'p50Ms'), LATENCY_LIMIT, '×'),
    atMost('p99 of others, with / without', ratio(runs, 'p99Ms'), LATENCY_LIMIT, '×'),
    atMost('requests of others that failed', runs.reduce((sum, run) => sum + run.load.errors, 0), 0, ''),
    atMost('slow clients that were not kept', runs.reduce((sum, run) => sum + run.lost, 0), 0, '')
  ]
}

function table (runs: readonly SlowRun[], kib: number): string {
  const row = (withSlow: boolean): readonly string[] => [
    withSlow ? `with ${CLIENTS} slow clients` : 'without',
    ...(['p50Ms', 'p99Ms'] as const).map(name => latencyCell(latencies(runs, withSlow, name))),
    shortNumber(quantile(runs.filter(run => run.withSlow === withSlow).map(run => run.load.requestsPerSecond), 0.5)),
    shortNumber(quantile(runs.filter(run => run.withSlow === withSlow).map(run => run.rssMib), 0.5))
  ]
  const title = `**Latency of the other clients, ms**: lowest of ${rounds} phases (median). A slow connection costs ${shortNumber(kib)} KiB.`
  return `${title}\n\n${markdownTable(['', 'p50', 'p99', 'requests/s', 'MiB resident'], [row(false), row(true)])}`
}

function latencyCell ({ min, median }: Spread): string {
  return `${shortNumber(min)} (${shortNumber(median)})`
}
