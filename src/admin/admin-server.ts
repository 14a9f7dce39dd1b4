import { fastify, type FastifyInstance } from 'fastify'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import { guardFraming } from './guard-framing.ts'
import { paceConnections, READ_AHEAD_BYTES, type PaceLimits } from './pace-connections.ts'
import { printableJson } from './printable-json.ts'
import { refuseConnect } from './refuse-connect.ts'
import { answerClientError, answerErrors, answerFrameworkError, sendProblem } from './send-problem.ts'
import { createValidatorCompiler } from './validator-compiler.ts'

/** What clients of the admin API may take. */
export interface AdminLimits extends PaceLimits {
  readonly bodyBytes: number
  readonly headerBytes: number
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number
  /** The longest silence on a connection; longer than the longest `?wait=all`. */
  readonly silenceMs: number
  /** How often the timeouts are looked at. */
  readonly checkIntervalMs: number
}

export const ADMIN_LIMITS: AdminLimits = {
  bodyBytes: 65_536,
  headerBytes: 16_384,
  requestTimeoutMs: 10_000,
  keepAliveMs: 60_000,
  silenceMs: 60_000,
  maxConnections: 256,
  maxConnectionsPerPeer: 64,
  unprovenPerWindow: 10,
  checkIntervalMs: 1_000
}

const unused = (): never => { throw new Error('the compilers of this server are set once, when it is made') }

/** A fastify instance with Weir's limits, errors and checks, and no resources yet. */
export function createAdminServer (
  { log, clock }: { readonly log: EventLog, readonly clock: Clock }, limits: AdminLimits = ADMIN_LIMITS
): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionTimeout: limits.silenceMs,
    forceCloseConnections: 'idle',
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      highWaterMark: READ_AHEAD_BYTES,
      // guardFraming looks for it, and answers with a problem.
      requireHostHeader: false
    },
    // Ours are set below. Without these fastify would load its own first, which take memory for nothing.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    frameworkErrors: (error, _request, reply) => { answerFrameworkError(error, reply) },
    clientErrorHandler: answerClientError
  })
  paceConnections(app.server, limits, clock)
  refuseConnect(app.server)
  app.setValidatorCompiler(createValidatorCompiler())
  app.setSerializerCompiler(() => printableJson)
  app.removeContentTypeParser('text/plain')
  answerErrors(app, log)
  guardFraming(app)
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found', { detail: 'GET / lists what there is' }))
  app.addHook('onSend', async (_request, reply) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  return app
}
