/**
 * One run of one proxy under one load, and what all runs of a kind come to.
 */
import { cpus } from 'node:os'
import { startClients } from './keep-alive-clients.ts'
import type { FullLoad } from './load.ts'
import { byteSize } from './markdown.ts'
import type { RunningPeer } from './peer.ts'
import { cpuMicroseconds, memoryOf, resetPeak, stolenMicroseconds } from './process-figures.ts'
import type { Session } from './session.ts'
import { spreadOf, type Spread } from './statistics.ts'

/** What is asked of every proxy in turn. */
export interface ProxyCase {
  /** Such as `64 B`. */
  readonly name: string
  readonly bodyBytes: number
  /** Connections that are kept and make one request in IDLE_INTERVAL_S, besides those of the load. */
  readonly idleConnections: number
  readonly load: FullLoad
}

export interface RunOptions {
  /** 1 for the first. */
  readonly round: number
  readonly connections: number
  readonly seconds: number
  /** Over TLS; false by default. */
  readonly secure?: boolean
}

export interface ProxyRun {
  readonly case: string
  readonly peer: string
  /** Round 1 of all peers comes before round 2 of any. */
  readonly round: number
  readonly load: string
  readonly requests: number
  readonly seconds: number
  readonly requestsPerSecond: number
  /** NaN when the load does not tell. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicrosPerRequest: number
  /** The proxy's CPU time as a share of one core: 0 to 1. */
  readonly cpuShare: number
  readonly peakMib: number
  /** Time that the hypervisor gave to others, in per cent of all cores' time. */
  readonly stolenPercent: number
  readonly errors: number
  /** Without errors; only valid runs count. */
  readonly valid: boolean
}

const CORES = cpus().length

/** Seconds between two requests of an idle-ish connection. */
const IDLE_INTERVAL_S = 10

/** The case of a body size, or of a body size with idle-ish connections, under a load generator. */
export function proxyCase (bodyBytes: number, idleConnections: number, load: FullLoad): ProxyCase {
  const idle = idleConnections > 0 ? ` + ${idleConnections.toLocaleString('en-GB')} idle` : ''
  const by = load.name === 'wrk' ? '' : ` (${load.name})`
  return { name: `${byteSize(bodyBytes)}${idle}${by}`, bodyBytes, idleConnections, load }
}

/** A proxy that runs, by name. */
export interface NamedPeer {
  readonly name: string
  readonly running: RunningPeer
}

/** Loads a proxy once and measures what it took. */
export async function measure (session: Session, peer: NamedPeer, kase: ProxyCase, options: RunOptions): Promise<ProxyRun> {
  const path = `/${kase.bodyBytes}`
  const port = peer.running.port
  const clients = kase.idleConnections === 0
    ? undefined
    : await startClients(session, { port, path, connections: kase.idleConnections, intervalSeconds: IDLE_INTERVAL_S })
  const pids = peer.running.pids()
  resetPeak(pids)
  const before = { cpu: cpuMicroseconds(pids), stolen: stolenMicroseconds(), time: performance.now() }
  const report = await kase.load.run(session, { port, path, ...options })
  const cpu = cpuMicroseconds(pids) - before.cpu
  const elapsed = (performance.now() - before.time) * 1_000
  const stolen = stolenMicroseconds() - before.stolen
  const { peakKib } = memoryOf(pids)
  const idle = await clients?.finish()
  const requests = report.requests + (idle?.answers ?? 0) - (clients?.atReady.answers ?? 0)
  const errors = report.errors + (idle?.failed ?? 0)
  return {
    case: kase.name,
    peer: peer.name,
    round: options.round,
    load: kase.load.name,
    requests,
    seconds: report.seconds,
    requestsPerSecond: report.requestsPerSecond,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    cpuMicrosPerRequest: cpu / requests,
    cpuShare: cpu / (report.seconds * 1e6),
    peakMib: peakKib / 1024,
    stolenPercent: stolen / elapsed * 100 / CORES,
    errors,
    valid: errors === 0 && requests > 0
  }
}

/** A figure of a run that is summed up over the rounds. */
export type RunFigure = 'requestsPerSecond' | 'p50Ms' | 'p99Ms' | 'cpuMicrosPerRequest' | 'peakMib'

/** The spread of a figure over the valid runs of a proxy in a case; undefined when there is none. */
export function runSpread (runs: readonly ProxyRun[], kase: string, peer: string, figure: RunFigure): Spread | undefined {
  const values = runs.filter(run => run.case === kase && run.peer === peer && run.valid).map(run => run[figure]).filter(Number.isFinite)
  return values.length === 0 ? undefined : spreadOf(values)
}
