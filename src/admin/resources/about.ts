/**
 * What Weir says of itself: what the API has, whether it is alive and ready, its metrics.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import { withoutPaths } from '../../core/without-paths.ts'
import { describeOperation } from '../operation.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { mayRead } from '../guard-access.ts'
import { readinessForAll, readinessWithNames } from '../probe-server.ts'

/** What an operator, a probe or a scrape asks of Weir as a whole. */
export function aboutResources (app: FastifyInstance, deps: AdminDeps): void {
  indexResource(app)
  healthResource(app)
  readinessResource(app, deps)
  stateResource(app, deps)
  metricsResource(app, deps)
  openapiResource(app)
}

/** What the API has, for somebody who found only its address. */
const ABOUT = {
  name: 'weir',
  resources: {
    routes: '/v1/routes',
    state: '/v1/state',
    events: '/v1/events',
    replicas: '/v1/replicas',
    webhooks: '/v1/webhooks',
    health: '/healthz',
    readiness: '/readyz',
    metrics: '/metrics',
    openapi: '/openapi.json'
  }
} as const

/** GET / */
function indexResource (app: FastifyInstance): void {
  app.get('/', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getAbout',
      tag: 'About',
      summary: 'What there is',
      description: 'The addresses of the main resources.',
      answers: {
        200: {
          description: 'The main resources.',
          schema: Type.object({ name: Type.string(), resources: Type.mapOf(Type.string()) }),
          example: ABOUT
        }
      },
      problems: []
    })
  }, async () => ABOUT)
}

/** GET /healthz */
function healthResource (app: FastifyInstance): void {
  app.get('/healthz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getHealth',
      tag: 'Operations',
      summary: 'Is the control plane alive?',
      description: 'For a liveness probe. Needs no token.',
      public: true,
      answers: { 200: { description: 'It is.', schema: Type.object({ status: Type.oneOf(['ok']) }), example: { status: 'ok' } } },
      problems: []
    })
  }, async () => ({ status: 'ok' }))
}

const LeaseSchema = Type.object({
  name: Type.string({ description: 'The Lease, in `kubernetes.namespace`.' }),
  holder: Type.textOrNull('The replica that holds it: its name and a part that no other process has. Null while nobody is known to.'),
  isHolder: Type.boolean({ description: 'It is this one.' }),
  since: Type.textOrNull('When it got it, by its own clock.'),
  transitions: Type.integer({ description: 'How often it has changed hands.' }),
  detail: Type.string({ description: 'Why it can\'t be read or written; empty when all is well.' })
}, { description: 'With `state.store: kubernetes`: which replica does what is done once for all of them.' })

const STORE_STATES = ['starting', 'synced', 'stale', 'refused', 'read-only'] as const

const ListStoreSchema = Type.object({
  state: Type.oneOf(STORE_STATES, { description: 'As that of the weights.' }),
  detail: Type.string({ description: 'What is wrong; empty when all is well.' })
}, { description: 'With `state.store: kubernetes` and a list: how the ConfigMap with the members of the lists is doing.' })

/** GET /v1/state */
function stateResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/v1/state', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getState',
      tag: 'Operations',
      summary: 'How is the store of the weights doing?',
      description: 'Where weights that are set at run time live (`state.store`), and whether they can be read and changed there.',
      answers: {
        200: {
          description: 'The state of the store.',
          schema: Type.object({
            store: Type.oneOf(['memory', 'file', 'kubernetes']),
            state: Type.oneOf(STORE_STATES, { description: '`starting`: not read yet; `stale`: it can\'t be reached, or the last write has failed and no later one went through; the last known weights are used; `refused`: it holds something that can\'t be used, the last good weights are, and the next change writes over it; `read-only`: it belongs to a newer Weir or to another one.' }),
            detail: Type.string({ description: 'What is wrong; empty when all is well.' }),
            lists: Type.optional(ListStoreSchema),
            lease: Type.optional(LeaseSchema)
          }),
          example: {
            store: 'kubernetes',
            state: 'stale',
            detail: 'connect ECONNREFUSED 10.96.0.1:443',
            lists: { state: 'synced', detail: '' },
            lease: {
              name: 'weir-state', holder: 'weir-6d5f_1k2x9', isHolder: false, since: '2026-11-29T14:12:09.301Z', transitions: 4, detail: ''
            }
          }
        }
      },
      problems: []
    })
  }, async () => {
    const { lists, lease, ...state } = deps.state()
    return {
      ...state,
      detail: withoutPaths(state.detail),
      ...(lists === undefined ? {} : { lists: { ...lists, detail: withoutPaths(lists.detail) } }),
      ...(lease === undefined ? {} : { lease: { ...lease, detail: withoutPaths(lease.detail) } })
    }
  })
}

const ReadinessSchema = Type.object({
  ready: Type.boolean(),
  reasons: Type.list(Type.string(), { description: 'What is missing. Those who may read routes are told which versions have no endpoints, also when Weir is ready; everybody else how many have heard nothing of theirs.' })
})

/** GET /readyz */
function readinessResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/readyz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getReadiness',
      tag: 'Operations',
      summary: 'May clients be sent here?',
      description: 'For a readiness probe: ready when the listeners are open and every version has once heard of its endpoints, or the start has waited for that long enough (`kubernetes.startTimeout`). Once ready, it stays so whatever becomes of endpoints. Needs no token; with one, the reasons have names.',
      public: true,
      answers: {
        200: { description: 'Ready.', schema: ReadinessSchema, example: { ready: true, reasons: [] } },
        503: { description: 'Not ready.', schema: ReadinessSchema, example: { ready: false, reasons: ['version "canary" of route "hello": its endpoints could not be read yet'] } }
      },
      problems: []
    })
  }, async (request, reply) => {
    const readiness = deps.readiness()
    void reply.code(readiness.ready ? 200 : 503)
    return await mayRead(request, deps.tokens) ? readinessWithNames(readiness) : readinessForAll(readiness)
  })
}

/** GET /openapi.json */
function openapiResource (app: FastifyInstance): void {
  app.get('/openapi.json', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getOpenapi',
      tag: 'About',
      summary: 'This API as an OpenAPI 3.1 document',
      description: 'Generated from the code that answers.',
      answers: {
        200: {
          description: 'The document.', schema: Type.object({}, { additionalProperties: true }), example: { openapi: '3.1.0' }
        }
      },
      problems: []
    })
  }, async () => {
    // Loaded when somebody asks: few do, and a sidecar's memory is dear.
    const { default: document } = await import('../openapi.json', { with: { type: 'json' } })
    return document
  })
}

/** A stream of what is read: it has begun when this resolves, so that a fault at the beginning still gets its status. */
async function openStream (body: AsyncIterable<Buffer>): Promise<Readable> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  return Readable.from((async function * () {
    try {
      for (let piece = first; piece.done !== true; piece = await pieces.next()) yield piece.value
    } finally {
      await pieces.return?.()
    }
  })(), { objectMode: false })
}

/** GET /metrics */
function metricsResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/metrics', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getMetrics',
      tag: 'Operations',
      summary: 'Metrics for Prometheus',
      description: 'The catalogue is in docs/metrics.md. When tokens are configured, give Prometheus one with the role viewer (`authorization.credentials_file`).',
      answers: {
        200: {
          description: 'The text exposition format.',
          mediaType: 'text/plain',
          schema: Type.string(),
          example: '# TYPE weir_requests_total counter\nweir_requests_total{route="hello",version="stable",code_class="2xx"} 7510\n'
        }
      },
      problems: []
    })
  }, async (_request, reply) => {
    const { contentType, body } = await deps.metrics()
    return reply.type(contentType).send(typeof body === 'string' ? body : await openStream(body))
  })
}
