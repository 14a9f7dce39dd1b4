/**
 * `npm run bench:shadow`: what a mirror that copies every request does to the latency of the real ones, when the shadow answers, is dead,
 * is slow or never answers.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pause } from '../harness/deadline.ts'
import { freePort } from '../harness/free-port.ts'
import { exchange } from '../harness/http-exchange.ts'
import type { LoadReport } from '../harness/load.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { startOrigin } from '../harness/origin.ts'
import { READY_PATH } from '../harness/peer.ts'
import { publish } from '../harness/publish.ts'
import { atLeast, atMost, beginResults, type Check } from '../harness/results-file.ts'
import { newDirectory, withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { quantile } from '../harness/statistics.ts'
import type { WrittenRoute } from '../harness/weir-config.ts'
import { prepareWeir, startWeir, weirPeer, type RunningWeir } from '../harness/weir-peer.ts'

const SLOW_MS = 500
/** Beside the same load without a mirror. */
const P99_LIMIT_MS = 10
/** Of the requests, as far as the shadow keeps up: without copies nothing would have been measured. */
const LEAST_COPIED = 0.9

const seconds = integerSetting('BENCH_SECONDS', 4)
const rounds = integerSetting('BENCH_ROUNDS', 3)
const rate = integerSetting('BENCH_SHADOW_RATE', 500)

const KINDS = ['none', 'answers', 'dead', 'slow', 'hangs'] as const
type Kind = typeof KINDS[number]

const TITLES: Readonly<Record<Kind, string>> = {
  none: 'no mirror',
  answers: 'shadow answers',
  dead: 'shadow dead',
  slow: `shadow answers after ${SLOW_MS} ms`,
  hangs: 'shadow never answers'
}

interface ShadowRun {
  readonly kind: Kind
  readonly round: number
  readonly load: LoadReport
}

/** What the version of a mirror has got. */
interface Copies {
  readonly drawn: number
  readonly sent: number
}

const [load] = loadGenerators()
prepareWeir()

await withSession(async session => {
  const head = beginResults('shadow')
  const origin = await startOrigin(session, [])
  const [good, slow, hanging] = [await shadowServer(0), await shadowServer(SLOW_MS), await shadowServer(undefined)]
  const shadows: Readonly<Record<Exclude<Kind, 'none'>, number>> = {
    answers: portOf(good), dead: await freePort(), slow: portOf(slow), hangs: portOf(hanging)
  }
  const weir = await startWeir(
    { session, originPorts: origin.ports, listenPort: await freePort(), clientConnections: 8, dir: newDirectory(session) },
    { name: 'weir', workers: 1, routes: ports => KINDS.map(kind => routeOf(kind, ports, kind === 'none' ? undefined : shadows[kind])) }
  )
  const runs: ShadowRun[] = []
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) runs.push(await phase(session, weir, kind, round))
  }
  const copies = new Map<Kind, Copies>()
  for (const kind of KINDS) if (kind !== 'none') copies.set(kind, await copiesOf(weir, kind))
  await weir.stop()
  for (const server of [good, slow, hanging]) {
    server.closeAllConnections()
    server.close()
  }
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: [{ name: weirPeer.name, version: weirPeer.version() }],
    notes: [
      `One worker; every request is drawn for a copy, but for the first line, and copied as far as shadow.maxRequests (64 at a time) lets it. ${loadNote([load])} Origin: ${origin.kind}. About ${rate.toLocaleString('en-GB')} requests/s on 8 kept-alive connections, ${seconds} s each, medians of ${rounds} rounds.`
    ],
    runs,
    figures: KINDS.map(kind => ({ name: `p99, ${TITLES[kind]}`, unit: 'ms', value: p99Of(runs, kind), better: 'lower' as const })),
    checks: checks(runs, copies)
  }, table(runs, copies))
})

/** @param delayMs 0: it answers at once; undefined: never */
async function shadowServer (delayMs: number | undefined): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume()
    if (delayMs === 0) response.end('ok')
    else if (delayMs !== undefined) setTimeout(() => { response.end('ok') }, delayMs)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return server
}

function portOf (server: Server): number {
  return (server.address() as AddressInfo).port // it listens on TCP
}

function routeOf (kind: Kind, ports: readonly number[], shadow: number | undefined): WrittenRoute {
  const versions = [{ name: 'stable', weight: 1, endpoints: { static: ports.map(port => `127.0.0.1:${port}`) } }]
  if (shadow === undefined) return { name: kind, versions }
  const route = { name: kind, match: { hosts: [`${kind}.test`] }, versions }
  // What is left out gets its default. Copies that are never answered are given up before the next ones are made: all share a room.
  const mirror = { to: 'canary', timeout: '2s' } as NonNullable<WrittenRoute['mirror']>
  return { ...route, mirror, versions: [...versions, { name: 'canary', weight: 0, endpoints: { static: [`127.0.0.1:${shadow}`] } }] }
}

async function phase (session: Session, weir: RunningWeir, kind: Kind, round: number): Promise<ShadowRun> {
  const request = { port: weir.port, path: READY_PATH, host: `${kind}.test`, connections: 8, seconds: seconds + 30 }
  const running = load.startPaced(session, request, rate)
  await pause(seconds * 1_000)
  const result = await running.finish()
  process.stderr.write(`${TITLES[kind]}: p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, ${Math.round(result.requestsPerSecond)} requests/s, ${result.errors} errors\n`)
  return { kind, round, load: result }
}

async function copiesOf ({ adminPort }: RunningWeir, kind: Kind): Promise<Copies> {
  const { body } = await exchange({ port: adminPort, path: `/v1/routes/${kind}/shadow` })
  const status = JSON.parse(body.toString()) as { readonly versions: readonly Copies[] } // as documented
  return status.versions[0] ?? { drawn: 0, sent: 0 }
}

function of (runs: readonly ShadowRun[], kind: Kind): readonly LoadReport[] {
  return runs.filter(run => run.kind === kind).map(run => run.load)
}

function p99Of (runs: readonly ShadowRun[], kind: Kind): number {
  return quantile(of(runs, kind).map(({ p99Ms }) => p99Ms), 0.5)
}

function checks (runs: readonly ShadowRun[], copies: ReadonlyMap<Kind, Copies>): readonly Check[] {
  const { drawn, sent } = copies.get('answers') ?? { drawn: 0, sent: 0 }
  return [
    atLeast(`requests that were copied, of all, ${TITLES.answers}`, drawn === 0 ? 0 : sent / drawn, LEAST_COPIED, ''),
    ...KINDS.filter(kind => kind !== 'none').map(kind =>
      atMost(`p99 with a mirror more than without, ${TITLES[kind]}`, p99Of(runs, kind) - p99Of(runs, 'none'), P99_LIMIT_MS, 'ms')),
    atMost('requests that failed', runs.reduce((sum, run) => sum + run.load.errors, 0), 0, '')
  ]
}

function table (runs: readonly ShadowRun[], copies: ReadonlyMap<Kind, Copies>): string {
  const rows = KINDS.map(kind => [
    TITLES[kind],
    shortNumber(quantile(of(runs, kind).map(({ p50Ms }) => p50Ms), 0.5)),
    shortNumber(p99Of(runs, kind)),
    shortNumber(quantile(of(runs, kind).map(({ requestsPerSecond }) => requestsPerSecond), 0.5)),
    shortNumber(copies.get(kind)?.sent ?? 0)
  ])
  return `**Latency of real requests beside their copies**\n\n${markdownTable(['mirror', 'p50 ms', 'p99 ms', 'requests/s', 'copies sent'], rows)}`
}
