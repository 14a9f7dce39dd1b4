import type { Server } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { connectionOf } from './pace-connections.ts'
import { ProblemError } from './problem.ts'
import { endWithProblem } from './send-problem.ts'

/** Fields that mean one thing, where Node takes the first of several or joins them. */
const SINGLE: ReadonlySet<string> = new Set(['host', 'authorization', 'content-type', 'content-length', 'origin', 'sec-fetch-site'])
/** RFC 9112 section 3.2: a host and a port, and nothing that could be another part of a URI. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]*)?$/
/** Methods whose bodies fastify does not read. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'TRACE'])

/**
 * Refuses requests that two readers could understand differently, has bodies read only of requests that may have one, and
 * closes the connection behind a body that was not read.
 */
export function guardFraming (app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const fault = faultOf(request)
    if (fault === undefined) return
    void reply.header('connection', 'close')
    throw new ProblemError('bad_request', { detail: fault })
  })
  app.addHook('preParsing', async (request, reply, payload) => {
    if (BODILESS.has(request.method)) return payload
    // Nobody who is refused is asked to go on.
    if (/100-continue/i.test(request.headers.expect ?? '')) reply.raw.writeContinue()
    connectionOf(request)?.allowBody()
    return payload
  })
  app.addHook('onSend', async (request, reply) => {
    if (announcesBody(request) && !request.raw.complete) void reply.header('connection', 'close')
  })
}

function faultOf ({ raw, headers }: FastifyRequest): string | undefined {
  const seen = new Set<string>()
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index]?.toLowerCase() ?? ''
    if (!SINGLE.has(name)) continue
    if (seen.has(name)) return `the field ${name} is there twice; send it once`
    seen.add(name)
  }
  const { host } = headers
  if (host === undefined) return raw.httpVersion === '1.0' ? undefined : 'the field Host is missing; send it once'
  return HOST.test(host) ? undefined : 'the field Host is no host with or without a port'
}

function announcesBody ({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** The methods that some resource of the API has. */
const ALLOW = 'GET, HEAD, PUT, POST, DELETE, OPTIONS'

/** Answers CONNECT, which Node's server hands over as a bare connection and would close without a word. */
export function refuseConnect (server: Server): void {
  server.on('connect', request => {
    const connection = connectionOf(request)
    if (connection === undefined) return
    endWithProblem(connection, 'method_not_allowed', { fields: `Allow: ${ALLOW}\r\n`, detail: 'this is no proxy; GET / lists what there is' })
  })
}
