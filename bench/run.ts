/**
 * `npm run bench`: Weir and every other proxy that is there, each pinned to one core, under the same loads in turn.
 */
import { loadGenerators, loadNote } from './harness/load-generators.ts'
import { startOrigin } from './harness/origin.ts'
import { measureInTurns, pinningNote } from './harness/proxy-rounds.ts'
import { proxyCase, type ProxyCase, type ProxyRun } from './harness/proxy-run.ts'
import { proxyChecks, proxyFigures, proxyTables } from './harness/proxy-table.ts'
import { publish } from './harness/publish.ts'
import { beginResults } from './harness/results-file.ts'
import { withSession } from './harness/session.ts'
import { integerSetting, integersSetting } from './harness/settings.ts'
import { chosenPeers, startPeers } from './harness/start-peers.ts'
import { prepareWeir } from './harness/weir-peer.ts'

const rounds = integerSetting('BENCH_RUNS', 5)
const seconds = integerSetting('BENCH_SECONDS', 4)
const warmupSeconds = integerSetting('BENCH_WARMUP', 2)
const connections = integerSetting('BENCH_CONNECTIONS', 64)
const idleConnections = integerSetting('BENCH_IDLE_CONNECTIONS', 1_000, 0)
const sizes = integersSetting('BENCH_SIZES', [64, 4_096, 102_400])

const peers = chosenPeers()
if (peers.some(peer => peer.name.startsWith('weir'))) prepareWeir()

await withSession(async session => {
  const head = beginResults('proxy')
  const generators = loadGenerators()
  const origin = await startOrigin(session, sizes)
  const { running, records } = await startPeers(session, peers, {
    originPorts: origin.ports, clientConnections: connections + idleConnections
  })
  const runs: ProxyRun[] = []
  for (const kase of casesOf(generators)) {
    runs.push(...await measureInTurns(session, running, kase, { rounds, warmupSeconds, connections, seconds }))
  }
  const results = {
    ...head,
    finishedAt: new Date().toISOString(),
    peers: records,
    origin: origin.kind,
    notes: [
      `${loadNote(generators)} Origin: ${origin.kind}.`,
      `${connections} connections, ${seconds} s a run, ${rounds} rounds in which the proxies take turns, after a warm-up of ${warmupSeconds} s each.`,
      pinningNote(session)
    ],
    runs,
    figures: proxyFigures(runs),
    checks: proxyChecks(runs)
  }
  publish(results, proxyTables(results))
})

/** Each size; the first size again with idle-ish connections, and under each further load generator. */
function casesOf ([first, ...others]: ReturnType<typeof loadGenerators>): readonly ProxyCase[] {
  const smallest = sizes[0] ?? 64
  return [
    ...sizes.map(size => proxyCase(size, 0, first)),
    ...idleConnections === 0 ? [] : [proxyCase(smallest, idleConnections, first)],
    ...others.map(generator => proxyCase(smallest, 0, generator))
  ]
}
