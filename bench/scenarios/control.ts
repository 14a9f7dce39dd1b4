/**
 * `npm run bench:control`: how fast a weight change reaches every worker under load, what many routes cost a request, what updates of many
 * endpoints cost everybody, and what many do who ask the admin API at the same time.
 */
import { measureAdminLoad, type AdminLoadPlan } from '../harness/admin-load.ts'
import { adminLoadChecks, adminLoadFigures, adminLoadTable } from '../harness/admin-load-table.ts'
import { pause } from '../harness/deadline.ts'
import { measureEndpointUpdates, type EndpointUpdatesPlan, type EndpointUpdatesRun } from '../harness/endpoint-updates.ts'
import { freePort } from '../harness/free-port.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import type { LoadReport } from '../harness/load.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin, type Origin } from '../harness/origin.ts'
import type { PeerStart } from '../harness/peer.ts'
import { measure, proxyCase, runSpread, type NamedPeer, type ProxyRun } from '../harness/proxy-run.ts'
import { publish } from '../harness/publish.ts'
import { atLeast, atMost, beginResults, type Check, type Figure } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { quantile } from '../harness/statistics.ts'
import { benchRoute, idleRoutes } from '../harness/weir-config.ts'
import { prepareWeir, startWeir, weirPeer, type WeirVariant } from '../harness/weir-peer.ts'
import { changeWeights, type WeightChange } from '../harness/weight-changes.ts'

const WORKERS = 2
const RAMP_MS = 1_500
const BODY_BYTES = 64
const IDLE_ROUTES = 1_000
const APPLIED_LIMIT_MS = 10
const COST_LIMIT = 1.05
const UPDATES: EndpointUpdatesPlan = {
  slices: 50,
  perSlice: 100,
  updatesPerSecond: integerSetting('BENCH_UPDATES', 50),
  seconds: integerSetting('BENCH_UPDATE_SECONDS', 20),
  rate: 2_000,
  connections: 16
}
const ADMIN: AdminLoadPlan = {
  routes: integerSetting('BENCH_ADMIN_ROUTES', 5_000),
  clients: 10,
  rounds: integerSetting('BENCH_ADMIN_ROUNDS', 5),
  rate: 1_000,
  connections: 16
}
const UPDATE_P99_LIMIT = 1.5
const UPDATE_WORKER_LIMIT_MS = 1
const UPDATE_MEMORY_LIMIT_MIB = 250

const changes = integerSetting('BENCH_CHANGES', 600)
const gapMs = integerSetting('BENCH_GAP_MS', 20)
const rate = integerSetting('BENCH_RATE', 20_000)
const rounds = integerSetting('BENCH_RUNS', 5)
const seconds = integerSetting('BENCH_SECONDS', 4)
const connections = integerSetting('BENCH_CONNECTIONS', 64)

const [load] = loadGenerators()
/** The host of every request is the address, so the route is found through the table of hosts in both variants. */
const FEW: WeirVariant = { name: '1 route', workers: 1, routes: ports => [benchRoute(ports, ['127.0.0.1'])] }
const MANY: WeirVariant = {
  name: `${(IDLE_ROUTES + 1).toLocaleString('en-GB')} routes`,
  workers: 1,
  routes: ports => [...idleRoutes(IDLE_ROUTES), benchRoute(ports, ['127.0.0.1'])]
}

interface ChangesRun {
  readonly kind: 'changes'
  readonly load: LoadReport
  readonly changes: readonly WeightChange[]
}

prepareWeir()
await withSession(async session => {
  const head = beginResults('control')
  const origin = await startOrigin(session, [BODY_BYTES])
  const changed = await changesUnderLoad(session, origin)
  const costs = await costOfRoutes(session, origin)
  const free: Session = { ...session, cpus: { proxy: undefined, load: undefined } }
  const updated = await measureEndpointUpdates(free, origin, load, UPDATES)
  const admin = await measureAdminLoad(free, origin, load, ADMIN)
  const applied = changed.changes.map(change => change.appliedMs)
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `${loadNote([load])} Origin: ${origin.kind}. ${BODY_BYTES} B bodies.`,
      `Weight changes: ${WORKERS} workers, nothing pinned but the origin, ${changes} changes with ${gapMs} ms between them.`,
      `Cost of routes: one worker on a core of its own, ${rounds} rounds in which the two take turns, ${seconds} s a run, ${connections} connections.`,
      `Updates of endpoints: 2 workers, nothing pinned but the origin, a Service of ${updated.endpoints.toLocaleString('en-GB')} endpoints in ${UPDATES.slices} slices, ${UPDATES.updatesPerSecond} updates a second for ${UPDATES.seconds} s.`,
      `The admin API: one worker, nothing pinned but the origin, ${ADMIN.rounds} rounds of each, ${ADMIN.rate.toLocaleString('en-GB')} requests/s through Weir meanwhile, and a probe every 10 ms on \`admin.probes\`.`
    ],
    runs: [changed, ...costs, updated, ...admin],
    figures: [...figures(changed, costs), ...updateFigures(updated), ...adminLoadFigures(admin)],
    checks: [
      atMost(`weight change applied by ${WORKERS} workers, p99`, quantile(applied, 0.99), APPLIED_LIMIT_MS, 'ms'),
      atLeast('requests per second meanwhile', changed.load.requestsPerSecond, rate, '/s'),
      atMost('requests that failed meanwhile', changed.load.errors, 0, ''),
      ...costChecks(costs),
      ...updateChecks(updated),
      ...adminLoadChecks(admin, ADMIN)
    ]
  }, `${changesTable(changed)}\n\n${costTable(costs)}\n\n${updatesTable(updated)}\n\n${adminLoadTable(admin, ADMIN)}`)
})

async function changesUnderLoad (session: Session, origin: Origin): Promise<ChangesRun> {
  const free: Session = { ...session, cpus: { proxy: undefined, load: undefined } }
  const weir = await startWeir(await startOptions(free, origin), { name: 'changes', workers: WORKERS })
  const longest = Math.ceil((RAMP_MS + changes * (gapMs + 200)) / 1_000)
  const running = load.startPaced(free, { port: weir.port, path: `/${BODY_BYTES}`, connections, seconds: longest }, rate)
  await pause(RAMP_MS)
  const done = await changeWeights({ adminPort: weir.adminPort, route: 'bench', changes, gapMs })
  if (running.ended()) throw new Error('the load ended before the last weight change')
  const report = await running.finish()
  await weir.stop()
  return { kind: 'changes', load: report, changes: done }
}

async function costOfRoutes (session: Session, origin: Origin): Promise<readonly ProxyRun[]> {
  const peers: NamedPeer[] = []
  for (const variant of [FEW, MANY]) {
    peers.push({ name: variant.name, running: await startWeir(await startOptions(session, origin), variant) })
  }
  const kase = proxyCase(BODY_BYTES, 0, load)
  const runs: ProxyRun[] = []
  for (let round = 0; round <= rounds; round++) {
    for (const peer of peers) {
      const run = await measure(session, peer, kase, { round, connections, seconds })
      // Round 0 is the warm-up.
      if (round > 0) runs.push(run)
    }
  }
  for (const peer of peers) await peer.running.stop()
  return runs
}

async function startOptions (session: Session, origin: Origin): Promise<PeerStart> {
  return { session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: connections, dir: newDirectory(session) }
}

function cost (runs: readonly ProxyRun[], variant: WeirVariant): number {
  return runSpread(runs, runs[0]?.case ?? '', variant.name, 'cpuMicrosPerRequest')?.median ?? NaN
}

function costChecks (runs: readonly ProxyRun[]): readonly Check[] {
  return [
    atMost(`CPU per request, ${MANY.name} / ${FEW.name}`, cost(runs, MANY) / cost(runs, FEW), COST_LIMIT, '×'),
    atMost('runs with errors', runs.filter(run => !run.valid).length, 0, '')
  ]
}

function figures (changed: ChangesRun, costs: readonly ProxyRun[]): readonly Figure[] {
  const applied = changed.changes.map(change => change.appliedMs)
  const perRequest = [FEW, MANY].map((variant): Figure => {
    return { name: `CPU per request, ${variant.name}`, unit: 'µs', value: cost(costs, variant), better: 'lower' }
  })
  return [{ name: 'weight change applied, p99', unit: 'ms', value: quantile(applied, 0.99), better: 'lower' }, ...perRequest]
}

function updateFigures ({ workerMs, mainMs, peakMib }: EndpointUpdatesRun): readonly Figure[] {
  return [
    { name: 'CPU of a worker per update of endpoints', unit: 'ms', value: workerMs, better: 'lower' },
    { name: 'CPU of the main thread per update of endpoints', unit: 'ms', value: mainMs, better: 'lower' },
    { name: 'peak memory meanwhile', unit: 'MiB', value: peakMib, better: 'lower' }
  ]
}

function updateChecks ({ atRest, meanwhile, workerMs, peakMib }: EndpointUpdatesRun): readonly Check[] {
  return [
    atMost('p99 of another route while endpoints are updated / at rest', meanwhile.p99Ms / atRest.p99Ms, UPDATE_P99_LIMIT, '×'),
    atMost('CPU of a worker per update of endpoints', workerMs, UPDATE_WORKER_LIMIT_MS, 'ms'),
    atMost('peak memory meanwhile', peakMib, UPDATE_MEMORY_LIMIT_MIB, 'MiB'),
    atMost('requests of the other route that failed', atRest.errors + meanwhile.errors, 0, '')
  ]
}

function updatesTable ({ endpoints, updates, atRest, meanwhile, workerMs, mainMs, peakMib }: EndpointUpdatesRun): string {
  const row = (name: string, { requestsPerSecond, p50Ms, p99Ms }: LoadReport): readonly string[] =>
    [name, shortNumber(requestsPerSecond), shortNumber(p50Ms), shortNumber(p99Ms)]
  const title = `**${updates.toLocaleString('en-GB')} updates of a Service with ${endpoints.toLocaleString('en-GB')} endpoints**: each takes ${shortNumber(workerMs)} ms of a worker and ${shortNumber(mainMs)} ms of the main thread; peak ${shortNumber(peakMib)} MiB. The requests of another route:`
  return `${title}\n\n${markdownTable(['', 'requests/s', 'p50 ms', 'p99 ms'], [row('at rest', atRest), row('during the updates', meanwhile)])}`
}

function changesTable ({ load: report, changes: done }: ChangesRun): string {
  const row = (name: string, values: readonly number[]): readonly string[] =>
    [name, ...[0.5, 0.99, 1].map(q => shortNumber(quantile(values, q)))]
  const rows = [
    row('applied by all workers', done.map(change => change.appliedMs)),
    row('PUT until its answer', done.map(change => change.httpMs))
  ]
  const title = `**A weight change under ${shortNumber(report.requestsPerSecond)} requests/s** (p99 of those requests: ${shortNumber(report.p99Ms)} ms)`
  return `${title}\n\n${markdownTable(['ms', 'p50', 'p99', 'longest'], rows)}`
}

function costTable (runs: readonly ProxyRun[]): string {
  return `**CPU µs per request by size of the configuration**: median (lowest to highest)\n\n${markdownTable(
    ['configuration', 'CPU µs', 'requests/s', 'peak MiB'],
    [FEW, MANY].map(variant => [
      variant === FEW ? `${FEW.name}, 2 endpoints` : `${MANY.name}, ${(IDLE_ROUTES * 10 + 2).toLocaleString('en-GB')} endpoints`,
      ...(['cpuMicrosPerRequest', 'requestsPerSecond', 'peakMib'] as const).map(figure => {
        const spread = runSpread(runs, runs[0]?.case ?? '', variant.name, figure)
        return spread === undefined ? '–' : `${shortNumber(spread.median)} (${shortNumber(spread.min)} to ${shortNumber(spread.max)})`
      })
    ])
  )}`
}
