/**
 * `npm run bench:tls`: Weir, nginx and HAProxy as ends of TLS: requests on kept-alive connections, and handshakes.
 */
import { createCertificate, type Certificate } from '../harness/certificate.ts'
import { haproxyPeer } from '../harness/haproxy-peer.ts'
import { loadGenerators, loadNote } from '../harness/load-generators.ts'
import { byteSize } from '../harness/markdown.ts'
import { newConnections, type HandshakeKind } from '../harness/new-connections.ts'
import { nginxPeer } from '../harness/nginx-peer.ts'
import { startOrigin } from '../harness/origin.ts'
import { measureInTurns, pinningNote, type RoundsOptions } from '../harness/proxy-rounds.ts'
import { proxyCase, type NamedPeer, type ProxyCase, type ProxyRun } from '../harness/proxy-run.ts'
import { proxyFigures, proxyTables } from '../harness/proxy-table.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults } from '../harness/results-file.ts'
import { newDirectory, withSession } from '../harness/session.ts'
import { integerSetting, integersSetting } from '../harness/settings.ts'
import { chosenPeers, startPeers } from '../harness/start-peers.ts'
import { tlsFacts } from '../harness/tls-facts.ts'
import { prepareWeir, weirPeer } from '../harness/weir-peer.ts'

const rounds = integerSetting('BENCH_RUNS', 5)
const seconds = integerSetting('BENCH_SECONDS', 4)
const warmupSeconds = integerSetting('BENCH_WARMUP', 2)
const connections = integerSetting('BENCH_CONNECTIONS', 64)
const handshakesAtOnce = integerSetting('BENCH_HANDSHAKES_AT_ONCE', 8)
const sizes = integersSetting('BENCH_SIZES', [64, 4_096, 102_400])

const HANDSHAKES: readonly HandshakeKind[] = ['full', 'resumed']
const HANDSHAKE_BYTES = 64

const [load] = loadGenerators()
const peers = chosenPeers([weirPeer.name, nginxPeer.name, haproxyPeer.name])
if (peers.includes(weirPeer)) prepareWeir()

await withSession(async session => {
  const head = beginResults('tls')
  const certificate = createCertificate(newDirectory(session))
  const origin = await startOrigin(session, sizes)
  const { running, records } = await startPeers(session, peers, { originPorts: origin.ports, clientConnections: connections, certificate })
  const facts = await factsOf(running, certificate)
  const runs: ProxyRun[] = []
  for (const kase of cases()) {
    const atOnce = isHandshake(kase) ? handshakesAtOnce : connections
    const options: RoundsOptions = { rounds, warmupSeconds, seconds, connections: atOnce, secure: true }
    runs.push(...await measureInTurns(session, running, kase, options))
  }
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: records,
    notes: [
      `${loadNote([load, newConnections('full')])} Origin: ${origin.kind}, without TLS. ECDSA P-256 certificate, session tickets.`,
      ...facts,
      `${connections} connections that are kept, or ${handshakesAtOnce} clients that open one for each request; ${seconds} s a run,`,
      `${rounds} rounds in which the proxies take turns, after a warm-up of ${warmupSeconds} s each.`,
      pinningNote(session),
      `Handshakes: a request of ${byteSize(HANDSHAKE_BYTES)} on a connection of its own, so that one is a TCP connection, a handshake, a request and a close.`,
      'The clients\' core is full before the proxy\'s: requests per second are those of the clients, CPU is the proxy\'s.'
    ],
    runs,
    figures: proxyFigures(runs),
    checks: [atMost('runs with errors', runs.filter(run => !run.valid).length, 0, '')]
  }, proxyTables({ runs, peers: records }))
})

function cases (): readonly ProxyCase[] {
  return [
    ...sizes.map(size => proxyCase(size, 0, load)),
    ...HANDSHAKES.map(kind => ({ name: `${kind} handshake`, bodyBytes: HANDSHAKE_BYTES, idleConnections: 0, load: newConnections(kind) }))
  ]
}

function isHandshake (kase: ProxyCase): boolean {
  return kase.load !== load
}

/** What each proxy agrees on, one line for those that agree. */
async function factsOf (running: readonly NamedPeer[], certificate: Certificate): Promise<readonly string[]> {
  const names = new Map<string, string[]>()
  for (const peer of running) {
    const facts = await tlsFacts(peer.running.port, certificate)
    names.set(facts, [...names.get(facts) ?? [], peer.name])
  }
  return [...names].map(([facts, agreed]) => `${agreed.join(', ')}: ${facts}.`)
}
