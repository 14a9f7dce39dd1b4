/**
 * Load that opens a new TLS connection for every request: several processes of `openssl s_time`, which has two kinds of
 * handshake. wrk would not do: with `Connection: close` it resumes its sessions, and can't be kept from it.
 */
import type { FullLoad, LoadReport, LoadRequest } from './load.ts'
import { LOAD_MARGIN_MS } from './load.ts'
import { firstLine } from './machine.ts'
import type { Session } from './session.ts'

/** `full`: no session is offered. `resumed`: each connection uses a ticket of the one before. */
export type HandshakeKind = 'full' | 'resumed'

/** One of s_time's marks is a connection: `*` with a full handshake, `r` resumed. */
const MARKS = { full: '*', resumed: 'r' } as const
const FLAGS = { full: '-new', resumed: '-reuse' } as const

/** Every connection of the request is a process of its own, since s_time has one at a time. */
export function newConnections (kind: HandshakeKind): FullLoad {
  return {
    name: `openssl s_time ${FLAGS[kind]}`,
    version: () => firstLine('openssl', ['version'])?.split(' ')[1],
    async run (session, request) {
      const reports = await Promise.all(Array.from({ length: request.connections }, async () => await runOne(session, request, kind)))
      return total(reports)
    }
  }
}

async function runOne (session: Session, request: LoadRequest, kind: HandshakeKind): Promise<LoadReport> {
  const args = [
    's_time', '-connect', `127.0.0.1:${request.port}`, FLAGS[kind], '-tls1_3', '-time', String(request.seconds), '-www', request.path
  ]
  const begin = performance.now()
  const text = await session.children.run({ command: 'openssl', args, cpu: session.cpus.load }, request.seconds * 1_000 + LOAD_MARGIN_MS)
  return readReport(text, kind, (performance.now() - begin) / 1_000)
}

/** s_time says nothing of latencies, and counts in whole seconds. */
function readReport (text: string, kind: HandshakeKind, seconds: number): LoadReport {
  const requests = Number(/^([0-9]+) connections in [0-9]+ real seconds/m.exec(text)?.[1])
  const marks = text.split('\n').find(line => /^[*r]+$/.test(line)) ?? ''
  const wanted = marks.split(MARKS[kind]).length - 1
  return { requests, seconds, requestsPerSecond: requests / seconds, p50Ms: NaN, p99Ms: NaN, errors: requests - wanted }
}

function total (reports: readonly LoadReport[]): LoadReport {
  const sum = (figure: (report: LoadReport) => number): number => reports.reduce((before, report) => before + figure(report), 0)
  const requests = sum(report => report.requests)
  const seconds = Math.max(...reports.map(report => report.seconds))
  return { requests, seconds, requestsPerSecond: requests / seconds, p50Ms: NaN, p99Ms: NaN, errors: sum(report => report.errors) }
}
