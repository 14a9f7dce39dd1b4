/**
 * The replicas of this Weir, for people; and what this one tells the others.
 */
import type { FastifyInstance } from 'fastify'
import { DURATION_PATTERN } from '../../core/duration.ts'
import { Type, type Static } from '../../core/json-schema.ts'
import { printableJson } from '../../core/logger.ts'
import type { KnownReplica } from '../../replicas/replica-book.ts'
import { writeReplicaAnswer } from '../../replicas/replica-facts.ts'
import { ANSWER_PROOF_FIELD } from '../../replicas/replica-proof.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, MAX_CHANGE_WAIT_S, readWaitTimeout } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { UnknownSchema } from '../replica-schemas.ts'

export function replicaResources (app: FastifyInstance, deps: AdminDeps): void {
  replicaListResource(app, deps)
  ownReplicaResource(app, deps)
}

const ReplicaSchema = Type.object({
  name: Type.optional(Type.string({ description: '`replicas.name`. Absent for one that has never answered.' })),
  id: Type.optional(Type.string({ description: 'Different for each process.' })),
  address: Type.optional(Type.string({ description: 'Of its admin API, as the EndpointSlice has it. Absent for this replica while no slice names it.' })),
  self: Type.boolean({ description: 'The one that answers.' }),
  version: Type.optional(Type.string({ description: 'Of Weir.' })),
  startedAt: Type.optional(Type.string({ format: 'date-time', description: 'By its own clock.' })),
  workers: Type.optional(Type.integer()),
  ready: Type.boolean({ description: 'As the EndpointSlice says.' }),
  answering: Type.boolean({ description: 'Its latest answer could be believed.' }),
  reason: Type.optional(Type.string({ description: 'Why not.' })),
  silentSince: Type.optional(Type.string({ format: 'date-time' })),
  answerAgeSeconds: Type.optional(Type.number({ description: 'The age of its latest answer.' })),
  epochLag: Type.object({
    max: Type.integer({ description: 'Changes that not all of its workers apply, of the route in which it is farthest behind.' }),
    routes: Type.mapOf(Type.integer(), { description: 'The routes in which it is behind, at most 20.' })
  }, { description: 'How far it is behind the newest weights of any replica. Of one that does not answer: as far as is known.' }),
  laggingSince: Type.optional(Type.string({ format: 'date-time' })),
  knownSince: Type.string({ format: 'date-time', description: 'When this replica first saw it.' })
})

const AnswerSchema = Type.object({
  replicas: Type.list(ReplicaSchema, { description: 'The one that answers first, the others by address.' }),
  unknown: UnknownSchema
})

const EXAMPLE: Static<typeof AnswerSchema> = {
  replicas: [
    {
      name: 'weir-7d4b9-abcde',
      id: '1kq3v9x0za',
      address: '10.0.0.1:9901',
      self: true,
      version: '0.1.0',
      startedAt: '2026-01-01T00:00:00.000Z',
      workers: 2,
      ready: true,
      answering: true,
      answerAgeSeconds: 0,
      epochLag: { max: 0, routes: {} },
      knownSince: '2026-01-01T00:00:00.000Z'
    },
    {
      name: 'weir-7d4b9-fghij',
      id: '2mw8c5b7yd',
      address: '10.0.0.2:9901',
      self: false,
      version: '0.1.0',
      startedAt: '2026-01-01T00:00:00.000Z',
      workers: 2,
      ready: true,
      answering: false,
      reason: 'it gave no answer within 2000 ms',
      silentSince: '2026-01-01T00:10:00.000Z',
      answerAgeSeconds: 31.5,
      epochLag: { max: 2, routes: { hello: 2 } },
      laggingSince: '2026-01-01T00:10:05.000Z',
      knownSince: '2026-01-01T00:00:01.000Z'
    }
  ]
}

/** GET /v1/replicas */
function replicaListResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/v1/replicas', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'listReplicas',
      tag: 'Operations',
      summary: 'The replicas of this Weir',
      description: 'Who they are, which of them answer, and how far each is behind. They are looked at every five seconds. Without `replicas.service` there is this one.',
      answers: { 200: { description: 'The replicas.', schema: AnswerSchema, example: EXAMPLE } },
      problems: []
    })
  }, async (): Promise<Static<typeof AnswerSchema>> => {
    const { replicas, unknown } = deps.replicas.list()
    return { replicas: replicas.map(describe), ...(unknown === undefined ? {} : { unknown }) }
  })
}

function describe (replica: KnownReplica): Static<typeof ReplicaSchema> {
  const { facts, address, self, ready, fault, faultSinceMs, lag, laggingSinceMs, knownSinceMs, answerAgeMs } = replica
  return {
    ...(facts === undefined ? {} : { name: facts.name, id: facts.id }),
    ...(address === undefined ? {} : { address }),
    self,
    ...(facts === undefined ? {} : { version: facts.version, startedAt: facts.startedAt, workers: facts.workers }),
    ready,
    answering: facts !== undefined && fault === undefined,
    ...(fault === undefined ? {} : { reason: fault.reason }),
    ...(faultSinceMs === undefined ? {} : { silentSince: new Date(faultSinceMs).toISOString() }),
    ...(answerAgeMs === undefined ? {} : { answerAgeSeconds: Math.round(answerAgeMs) / 1_000 }),
    epochLag: { max: lag.max, routes: Object.fromEntries(lag.routes) },
    ...(laggingSinceMs === undefined ? {} : { laggingSince: new Date(laggingSinceMs).toISOString() }),
    knownSince: new Date(knownSinceMs).toISOString()
  }
}

const QuerySchema = Type.object({
  route: Type.optional(Type.string({ description: 'Only this route, with its versions.' })),
  epoch: Type.optional(Type.integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Answer when all workers apply this epoch of the route or a later one, or `timeout` is over.' })),
  timeout: Type.optional(Type.string({ pattern: DURATION_PATTERN, default: '0s', description: 'At most 30s.' })),
  rollout: Type.optional(Type.string({ maxLength: 64, description: 'What this replica has seen of this rollout of the route, and nothing else.' })),
  source: Type.optional(Type.string({ maxLength: 64, description: 'With `rollout`: the book that the asking one knows. Without it, or with another one, only its name is told.' })),
  after: Type.optional(Type.integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'With `source`: the last page of it that is known.' })),
  blamed: Type.optional(Type.string({ maxLength: 64, description: 'With `rollout`: the endpoint of the new version to which the failures of all replicas belong. It is ejected here too.' }))
})

/** GET /v1/replica */
function ownReplicaResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Querystring: Static<typeof QuerySchema> }>('/v1/replica', {
    config: { access: 'replica' },
    schema: describeOperation({
      operationId: 'getOwnReplica',
      tag: 'Operations',
      summary: 'What this replica tells the others',
      description: 'For other replicas only, which prove in `Authorization` that they know the secret of `replicas.secretFile`; no token opens it. The answer has a proof of its own. What is in it may change with any version.',
      forReplicas: true,
      querystring: QuerySchema,
      answers: {
        200: {
          description: 'Who this replica is, and what it applies.',
          schema: Type.object({}, { additionalProperties: true }),
          example: {
            id: '1kq3v9x0za',
            name: 'weir-7d4b9-abcde',
            version: '0.1.0',
            startedAt: '2026-01-01T00:00:00.000Z',
            ready: true,
            workers: 2,
            routes: { hello: [4, 2, 4] },
            route: null
          }
        }
      },
      problems: ['invalid_request', 'unauthenticated', 'not_found']
    })
  }, async (request, reply) => {
    const { others } = deps.replicas
    if (others === undefined || request.signAnswer === null) {
      throw new ProblemError('not_found', { detail: 'this Weir knows of no other replicas: replicas.service is not configured' })
    }
    const { route, epoch, timeout = '0s', rollout, source, after, blamed } = request.query
    const timeoutMs = readWaitTimeout(timeout, MAX_CHANGE_WAIT_S)
    const answer = await others.answer({ route, epoch, rollout, source, after, blamed, timeoutMs })
    const body = printableJson(writeReplicaAnswer(answer))
    return reply.type('application/json; charset=utf-8').header(ANSWER_PROOF_FIELD, request.signAnswer(200, body)).send(body)
  })
}
