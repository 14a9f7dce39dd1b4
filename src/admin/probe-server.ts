/**
 * The port for probes: `/healthz` and `/readyz` as the admin API has them, and nothing else. It has places and turns of its own,
 * so nothing that clients of the admin API do is in the way of a probe. What /readyz says is the same on both ports.
 */
import type * as NodeHttp from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Readiness } from '../control/start-gate.ts'
import type { Clock } from '../core/clock.ts'
import { paceConnections, READ_AHEAD_BYTES } from './pace-connections.ts'
import { PROBLEM_TYPE, problemBody, type ProblemCode } from './problem.ts'
import { refuseConnect } from './guard-framing.ts'
import { answerClientError } from './send-problem.ts'

interface ReadinessAnswer {
  readonly ready: boolean
  readonly reasons: string[]
}

/** For everybody: without a name of the configuration. */
export function readinessForAll ({ ready, own, waiting }: Readiness): ReadinessAnswer {
  return { ready, reasons: waiting === 0 ? [...own] : [...own, howManyWait(waiting)] }
}

/** For those who may read routes. */
export function readinessWithNames ({ ready, own, ofVersions }: Readiness): ReadinessAnswer {
  return { ready, reasons: [...own, ...ofVersions()] }
}

function howManyWait (count: number): string {
  return count === 1 ? '1 version has not had its first list of endpoints' : `${count} versions have not had their first list of endpoints`
}

/** A probe comes on a connection of its own, asks at once and leaves. */
const LIMITS = { maxConnections: 64, maxConnectionsPerPeer: 16, unprovenPerWindow: 10 }
const HEADER_BYTES = 8_192
const TIMEOUT_MS = 5_000

interface ProbeDeps {
  readonly clock: Clock
  readonly readiness: () => Readiness
}

/** A server that does not listen yet. */
export function createProbeServer ({ clock, readiness }: ProbeDeps): Server {
  const server = nodeHttp().createServer({
    maxHeaderSize: HEADER_BYTES,
    requestTimeout: TIMEOUT_MS,
    headersTimeout: TIMEOUT_MS,
    keepAliveTimeout: TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    highWaterMark: READ_AHEAD_BYTES,
    requireHostHeader: false
  }, (request, response) => { answer(request, response, readiness) })
  server.setTimeout(TIMEOUT_MS)
  server.on('clientError', answerClientError)
  paceConnections(server, LIMITS, clock)
  refuseConnect(server)
  return server
}

function answer (request: IncomingMessage, response: ServerResponse, readiness: ProbeDeps['readiness']): void {
  const path = request.url?.replace(/\?.*$/, '')
  if (path !== '/healthz' && path !== '/readyz') {
    sendProblem(response, 'not_found', 'this port has /healthz and /readyz')
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    sendProblem(response, 'method_not_allowed', 'the resource has GET, HEAD')
  } else if (path === '/healthz') {
    send(response, 200, { status: 'ok' })
  } else {
    const found = readinessForAll(readiness())
    send(response, found.ready ? 200 : 503, found)
  }
}

function sendProblem (response: ServerResponse, code: ProblemCode, detail: string): void {
  const body = problemBody(code, { detail })
  send(response, body.status, body, PROBLEM_TYPE)
}

function send (response: ServerResponse, status: number, body: object, type = 'application/json; charset=utf-8'): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': type, 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff'
  })
  response.end(text)
}

/** An import of node:http reads every export, WebSocket among them, for which Node loads its own HTTP client: 3 MiB that nobody uses. */
function nodeHttp (): typeof NodeHttp { return process.getBuiltinModule('node:http') }
