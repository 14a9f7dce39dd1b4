/**
 * `npm run bench:memory`: what the worst connections cost in memory, and whether a worker stays within its budget under them while
 * other clients are answered.
 */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { pause, until } from '../harness/deadline.ts'
import { freePort, freePorts } from '../harness/free-port.ts'
import { exchange, statusOf } from '../harness/http-exchange.ts'
import { startStuckClients } from '../harness/keep-alive-clients.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { READY_PATH } from '../harness/peer.ts'
import { memoryOf } from '../harness/process-figures.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults, type Check } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { prepareWeir, startWeir, weirPeer, type RunningWeir } from '../harness/weir-peer.ts'

const SETTLE_MS = 6_000
const SERVED_AGAIN_MS = 30_000
const ASKED = 50
const KIB = 1_024
const MIB = 1_048_576
/** Those that stay are let stay, or there would be nothing to measure. */
const TIMEOUTS = { requestHead: '600s', requestBody: '600s', upstreamResponse: '600s', streamIdle: '600s' }

const many = integerSetting('BENCH_MEMORY_CLIENTS', 2_000)
/** The kernel keeps megabytes for each of these before a proxy has to. */
const few = Math.ceil(many / 16)
const smallBudget = integerSetting('BENCH_MEMORY_BUDGET', 16 * MIB)

/** A way to be stuck, and what one such connection may cost. */
interface State {
  readonly path: string
  readonly what: string
  readonly clients: number
  readonly limitKib: number
}

const STATES: readonly State[] = [
  { path: '/slow', what: 'slow request, 128 KiB sent behind it', clients: many, limitKib: 64 },
  { path: '/head', what: 'head of 30 KB that does not end', clients: many, limitKib: 96 },
  { path: '/upload', what: 'body that the endpoint does not read', clients: few, limitKib: 80 },
  { path: '/big', what: 'answer that is not read', clients: few, limitKib: 192 },
  { path: '/hints', what: 'interim responses that are not read', clients: few, limitKib: 256 }
]

interface MemoryRun {
  readonly path: string
  readonly clients: number
  readonly limitBytes: number
  readonly bufferedBytes: number
  readonly rssMib: number
  /** Clients that were answered or closed. */
  readonly ended: number
  /** Of other clients, asked one after the other meanwhile. */
  readonly served: number
  readonly refused: number
  readonly slowestMs: number
}

prepareWeir()

await withSession(async session => {
  const head = beginResults('memory')
  const originPorts = await startStuckOrigin(session)
  const runs: MemoryRun[] = []
  for (const state of STATES) {
    for (const clients of [state.clients, state.clients * 2]) runs.push(await run(session, originPorts, { ...state, clients }, {}))
    runs.push(await run(session, originPorts, { ...state, clients: state.clients * 2 }, { maxBufferedBytes: smallBudget }))
  }
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `One worker. The clients connect, do their worst and wait; the timeouts that would end them are ${TIMEOUTS.streamIdle}. Half of them, all of them, and`,
      `all of them with \`limits.maxBufferedBytes: ${smallBudget}\`. A promise of KiB is what each of the second half has added to resident memory.`,
      `Others: ${ASKED} requests on new connections, one after the other, from when one was served again, which is ${SERVED_AGAIN_MS / 1_000} s after at the latest.`
    ],
    runs,
    figures: STATES.map(state => ({
      name: `${state.path}, added for each`, unit: 'KiB', value: addedKibEach(runs, state), better: 'lower' as const
    })),
    checks: checks(runs)
  }, table(runs))
})

async function startStuckOrigin (session: Session): Promise<readonly [number, number]> {
  const [first, second] = await freePorts(2)
  if (first === undefined || second === undefined) throw new TypeError('freePorts(2) gives two ports')
  const program = fileURLToPath(new URL('../programs/stuck-origin.ts', import.meta.url))
  session.children.start({
    command: process.execPath,
    args: [program, String(first), String(second)],
    cpu: session.cpus.load,
    logFile: join(session.dir, 'origin.log')
  })
  await until('the origin', { timeoutMs: 10_000, everyMs: 50 }, async () => {
    const statuses = [await statusOf(first, READY_PATH), await statusOf(second, READY_PATH)]
    return statuses.every(status => status === 200) ? true : undefined
  })
  return [first, second]
}

async function run (
  session: Session, originPorts: readonly [number, number], { path, clients, what }: State, limits: Readonly<Record<string, number>>
): Promise<MemoryRun> {
  const weir = await startWeir(
    { session, originPorts, listenPort: await freePort(), clientConnections: clients, dir: newDirectory(session) },
    { name: 'weir', workers: 1, timeouts: TIMEOUTS, limits }
  )
  await askOthers(weir)
  const stuck = await startStuckClients(session, { port: weir.port, path, connections: clients, intervalSeconds: 0 })
  await pause(SETTLE_MS)
  const isServed = async (): Promise<true | undefined> => await statusOf(weir.port, READY_PATH) === 200 ? true : undefined
  await until('the others to be served', { timeoutMs: SERVED_AGAIN_MS, everyMs: 100 }, isServed)
  const others = await askOthers(weir)
  const { rssKib } = memoryOf(weir.pids())
  const scrape = (await exchange({ port: weir.adminPort, path: '/metrics' })).body.toString()
  const ended = (await stuck.finish()).failed
  await weir.stop()
  process.stderr.write(`${clients} × ${what}: ${(rssKib / KIB).toFixed(0)} MiB\n`)
  const [bufferedBytes, limitBytes] = [gauge(scrape, 'weir_buffered_bytes'), gauge(scrape, 'weir_buffered_bytes_limit')]
  return { path, clients, limitBytes, bufferedBytes, rssMib: rssKib / KIB, ended, ...others }
}

async function askOthers (weir: RunningWeir): Promise<Pick<MemoryRun, 'served' | 'refused' | 'slowestMs'>> {
  const outcome = { served: 0, refused: 0, slowestMs: 0 }
  for (let asked = 0; asked < ASKED; asked++) {
    const begin = performance.now()
    const status = await statusOf(weir.port, READY_PATH)
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - begin)
    if (status === 200) outcome.served++
    else if (status === 503) outcome.refused++
  }
  return outcome
}

/** Of the second half of the clients: what the process needs once for all of them is not theirs. */
function addedKibEach (runs: readonly MemoryRun[], { path, clients }: State): number {
  const [half, all] = runs.filter(each => each.path === path && each.limitBytes !== smallBudget)
  return half === undefined || all === undefined ? NaN : (all.rssMib - half.rssMib) * KIB / clients
}

function gauge (scrape: string, name: string): number {
  return Number(new RegExp(`^${name}\\{worker="0"\\} (\\S+)$`, 'm').exec(scrape)?.[1] ?? NaN)
}

function checks (runs: readonly MemoryRun[]): readonly Check[] {
  const limited = runs.filter(({ limitBytes }) => limitBytes === smallBudget)
  const unanswered = runs.reduce((sum, { served, refused }) => sum + ASKED - served - refused, 0)
  return [
    ...STATES.map(state => atMost(state.what, addedKibEach(runs, state), state.limitKib, 'KiB')),
    atMost('bytes kept beyond the budget', Math.max(0, ...runs.map(({ bufferedBytes, limitBytes }) => bufferedBytes - limitBytes)), 0, ''),
    atMost('others that were neither served nor refused', unanswered, 0, ''),
    atMost('resident memory with a small budget', Math.max(...limited.map(({ rssMib }) => rssMib)), 256, 'MiB')
  ]
}

function table (runs: readonly MemoryRun[]): string {
  const head = ['state', 'clients', 'MiB kept', 'of', 'MiB resident', 'ended', 'others served', 'refused', 'slowest, ms']
  return markdownTable(head, runs.map(each => [
    STATES.find(({ path }) => path === each.path)?.what ?? each.path,
    each.clients.toLocaleString('en-GB'), shortNumber(each.bufferedBytes / MIB), shortNumber(each.limitBytes / MIB),
    shortNumber(each.rssMib), String(each.ended), `${each.served} of ${ASKED}`, String(each.refused), shortNumber(each.slowestMs)
  ]))
}
