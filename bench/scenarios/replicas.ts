/**
 * `npm run bench:replicas`: how long `?wait=all` takes until all workers of three replicas apply a change of weights, at rest and under
 * load.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pause, until, within } from '../harness/deadline.ts'
import { freePort } from '../harness/free-port.ts'
import { exchange } from '../harness/http-exchange.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import type { LoadReport } from '../harness/load.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin, type Origin } from '../harness/origin.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults, type Figure } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { quantile } from '../harness/statistics.ts'
import { prepareWeir, startWeir, weirPeer, type RunningWeir } from '../harness/weir-peer.ts'
import { changeWeights, type WeightChange } from '../harness/weight-changes.ts'

const PROGRAM = fileURLToPath(new URL('../programs/replicas-api.ts', import.meta.url))
const REPLICAS = 3
const WORKERS = 2
const BODY_BYTES = 64
const LIMIT_MS = 150
const RAMP_MS = 1_500
const CONNECTIONS = 16
const SECRET = 'the-secret-of-the-replicas-of-the-bench'

const changes = integerSetting('BENCH_CHANGES', 600)
const gapMs = integerSetting('BENCH_GAP_MS', 20)
/** Requests per second through one of the replicas. */
const rate = integerSetting('BENCH_REPLICAS_RATE', 1_000)

const [load] = loadGenerators()

interface ReplicasRun {
  readonly kind: 'at rest' | 'under load'
  readonly changes: readonly WeightChange[]
  readonly load?: LoadReport
}

prepareWeir()
await withSession(async session => {
  const head = beginResults('replicas')
  const free: Session = { ...session, cpus: { proxy: undefined, load: undefined } }
  const origin = await startOrigin(free, [BODY_BYTES])
  const [first, ...others] = await startReplicas(free, origin)
  if (first === undefined) throw new Error('there is no replica')
  await until('the replicas know of each other', { timeoutMs: 30_000, everyMs: 100 }, async () => {
    return await knownReplicas(first) === REPLICAS ? true : undefined
  })
  // The code of both paths is compiled before anything is measured.
  await changeWeights({ adminPort: first.adminPort, route: 'bench', changes: 100, gapMs })
  const done = await changeWeights({ adminPort: first.adminPort, route: 'bench', changes, gapMs })
  const atRest: ReplicasRun = { kind: 'at rest', changes: done }
  const underLoad = await changesUnderLoad(free, first)
  for (const weir of [first, ...others]) await weir.stop()
  const runs = [atRest, underLoad]
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `${loadNote([load])} Origin: ${origin.kind}. ${BODY_BYTES} B bodies.`,
      `${REPLICAS} replicas of ${WORKERS} workers, nothing pinned but the origin, on the double of an API server in a process of its own: it stores in memory, so a real one adds the time that etcd takes for one write. ${changes} changes of each kind, one after the other, with ${gapMs} ms between them.`
    ],
    runs,
    figures: runs.map(({ kind, changes }): Figure => ({ name: `change applied by all replicas ${kind}, p99`, unit: 'ms', value: p99(changes), better: 'lower' })),
    checks: [
      ...runs.map(({ kind, changes }) => atMost(`\`wait=all\` over ${REPLICAS} replicas ${kind}, p99`, p99(changes), LIMIT_MS, 'ms')),
      atMost('requests that failed meanwhile', underLoad.load?.errors ?? 0, 0, '')
    ]
  }, tableOf(runs))
})

async function startReplicas (session: Session, origin: Origin): Promise<readonly RunningWeir[]> {
  const kubeconfig = join(newDirectory(session), 'kubeconfig')
  const api = await startApi(session, kubeconfig)
  const secretFile = join(newDirectory(session), 'secret')
  writeFileSync(secretFile, SECRET)
  const replicas: RunningWeir[] = []
  for (let index = 0; index < REPLICAS; index++) {
    const name = `weir-${index}`
    const weir = await startWeir({
      session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: CONNECTIONS, dir: newDirectory(session)
    }, {
      name,
      workers: WORKERS,
      sections: {
        state: { store: 'kubernetes' },
        kubernetes: { kubeconfig, allowAddresses: ['127.0.0.1'] },
        replicas: { service: 'weir-replicas', secretFile, name }
      }
    })
    await api.name(name, weir.adminPort)
    replicas.push(weir)
  }
  return replicas
}

interface RunningApi {
  name (replica: string, port: number): Promise<void>
}

async function startApi (session: Session, kubeconfig: string): Promise<RunningApi> {
  const child = session.children.start({ command: process.execPath, args: [PROGRAM, kubeconfig] })
  if (child.stdout === null || child.stdin === null) throw new Error('the program has no pipes')
  const { stdin } = child
  const lines = createInterface({ input: child.stdout })
  await within('the Kubernetes API of the bench', 30_000, once(lines, 'line'))
  return {
    name: async (replica, port) => {
      const named = once(lines, 'line')
      stdin.write(`${replica} ${port}\n`)
      await within('the slice of a replica', 10_000, named)
    }
  }
}

/** How many replicas answer, as this one knows. */
async function knownReplicas ({ adminPort }: RunningWeir): Promise<number> {
  const { body } = await exchange({ port: adminPort, path: '/v1/replicas' })
  return body.toString().split('"answering":true').length - 1
}

async function changesUnderLoad (session: Session, weir: RunningWeir): Promise<ReplicasRun> {
  const longest = Math.ceil((RAMP_MS + changes * (gapMs + 200)) / 1_000)
  const running = load.startPaced(session, { port: weir.port, path: `/${BODY_BYTES}`, connections: CONNECTIONS, seconds: longest }, rate)
  await pause(RAMP_MS)
  const done = await changeWeights({ adminPort: weir.adminPort, route: 'bench', changes, gapMs })
  if (running.ended()) throw new Error('the load ended before the last weight change')
  return { kind: 'under load', changes: done, load: await running.finish() }
}

function p99 (done: readonly WeightChange[]): number {
  return quantile(done.map(({ appliedMs }) => appliedMs), 0.99)
}

function tableOf (runs: readonly ReplicasRun[]): string {
  const rows = runs.map(({ kind, changes: done, load: report }) => [
    report === undefined ? kind : `${kind}, ${shortNumber(report.requestsPerSecond)} requests/s`,
    ...[0.5, 0.99, 1].map(q => shortNumber(quantile(done.map(({ appliedMs }) => appliedMs), q))),
    shortNumber(quantile(done.map(({ httpMs }) => httpMs), 0.99))
  ])
  return markdownTable(['ms', 'p50', 'p99', 'longest', 'p99 of the PUT with its write'], rows)
}
