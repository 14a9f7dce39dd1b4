import { fastify, type FastifyInstance, type RouteOptions } from 'fastify'
import type { Clock } from '../core/clock.ts'
import { type EventLog, printableJson } from '../core/logger.ts'
import { guardFraming, refuseConnect } from './guard-framing.ts'
import { paceConnections, READ_AHEAD_BYTES, type PaceLimits } from './pace-connections.ts'
import { answerClientError, answerErrors, answerFrameworkError, sendProblem } from './send-problem.ts'
import { createValidatorCompiler } from './validator-compiler.ts'
import type { AdminDeps } from './admin-deps.ts'
import { guardAccess } from './guard-access.ts'
import { ProblemSchema } from './problem.ts'
import { refuseOtherMethods, ResourceMethods } from './resource-methods.ts'
import { aboutResources } from './resources/about.ts'
import { explainResource } from './resources/explain.ts'
import { listResources } from './resources/lists.ts'
import { historyResource } from './resources/history.ts'
import { routeResource } from './resources/route.ts'
import { routeListResource } from './resources/route-list.ts'
import { changeResources } from './resources/changes.ts'
import { drainResource } from './resources/drain.ts'
import { eventResource } from './resources/events.ts'
import { replicaResources } from './resources/replicas.ts'
import { rolloutReportResource } from './resources/report-resource.ts'
import { rolloutResources } from './resources/rollouts.ts'
import { shadowResources } from './resources/shadow.ts'
import { verdictResources } from './resources/verdict-gates.ts'
import { webhookListResource } from './resources/webhook-list.ts'
import { weightPreviewResource } from './resources/weight-preview.ts'

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
    // A member of a list, which may have 256 bytes, each written as %20.
    routerOptions: { maxParamLength: 768 },
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
  // The first where answers are described, as for the document; the second where they are not.
  app.setSerializerCompiler(() => printableJson)
  app.setReplySerializer(printableJson)
  app.removeContentTypeParser('text/plain')
  answerErrors(app, log)
  guardFraming(app)
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found', { detail: 'GET / lists what there is' }))
  app.addHook('onSend', async (_request, reply) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  return app
}

/** Puts every resource of the API on a server, behind the checks of who may use it. */
export function registerResources (app: FastifyInstance, deps: AdminDeps): void {
  app.addSchema(ProblemSchema)
  const methods = new ResourceMethods(app)
  guardAccess(app, deps.tokens, { methods, gate: deps.replicas.others?.gate })
  refuseOtherMethods(app, methods)
  aboutResources(app, deps)
  routeListResource(app, deps)
  routeResource(app, deps)
  changeResources(app, deps)
  rolloutResources(app, deps)
  rolloutReportResource(app, deps)
  verdictResources(app, deps)
  listResources(app, deps)
  historyResource(app, deps)
  explainResource(app, deps)
  weightPreviewResource(app, deps)
  drainResource(app, deps)
  shadowResources(app, deps)
  eventResource(app, deps)
  replicaResources(app, deps)
  webhookListResource(app, deps)
}

/**
 * The admin API, ready to listen. The caller listens on the configured address and closes it.
 * It does not read the token files: the reload of the start does, so that faults are logged before the first request.
 */
export function createAdminApp (deps: AdminDeps, limits: AdminLimits = ADMIN_LIMITS): FastifyInstance {
  const app = createAdminServer(deps, limits)
  app.addHook('onRoute', forgetDocumentation)
  registerResources(app, deps)
  return app
}

/** Keeps of an operation's description what requests are checked by: the OpenAPI document is generated, and served as it is. */
function forgetDocumentation (route: RouteOptions): void {
  if (route.schema === undefined) return
  const { params, querystring, headers, body } = route.schema
  const checked = { params, querystring, headers, body }
  route.schema = Object.fromEntries(Object.entries(checked).filter(([, schema]) => schema !== undefined))
}
