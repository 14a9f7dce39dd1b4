import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { MAX_HISTORY } from '../../rollout/traffic-state.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, RouteParamsSchema, unknownRoute, WeightsSchema, type RouteParams } from '../operation.ts'

const DEFAULT_LIMIT = 20

const WeightsThen = Type.mapOf(Type.number())

/** One entry of a route's history. */
const RevisionSchema = Type.object({
  revision: Type.integer({ description: 'Counts the changes of the route from 1.' }),
  epoch: Type.integer({ description: 'The epoch that the change brought.' }),
  actor: Type.string({ description: 'The name of the token; `local` when the API is open; `config` for the configuration.' }),
  reason: Type.string({ description: 'As given with the change; may be empty.' }),
  source: Type.oneOf(['api', 'config', 'kubernetes', 'step', 'verdict'], { description: '`step` and `verdict` are those of a rollout: it went on by itself, or the new version failed.' }),
  action: Type.oneOf(['weights', 'switch', 'undo', 'config', 'rollout']),
  before: { ...WeightsThen, description: 'Empty in the revision that first saw the route.' },
  after: WeightsSchema,
  at: Type.string({ description: 'ISO 8601, UTC.' })
}, { description: 'One entry of the history.' })

const QuerySchema = Type.object({
  limit: Type.optional(Type.integer({
    minimum: 1, maximum: MAX_HISTORY, default: DEFAULT_LIMIT, description: 'How many revisions to return.'
  }))
}, { additionalProperties: false })

const AnswerSchema = Type.object({
  route: Type.string(),
  revisions: Type.list(RevisionSchema, { description: 'The newest first.' })
})

const EXAMPLE: Static<typeof AnswerSchema> = {
  route: 'hello',
  revisions: [
    {
      revision: 2,
      epoch: 2,
      actor: 'ops',
      reason: 'canary looks good',
      source: 'api',
      action: 'weights',
      before: { stable: 90, canary: 10 },
      after: { stable: 75, canary: 25 },
      at: '2026-05-04T08:15:30.123Z'
    },
    {
      revision: 1,
      epoch: 1,
      actor: 'config',
      reason: 'the route is new in the configuration',
      source: 'config',
      action: 'config',
      before: {},
      after: { stable: 90, canary: 10 },
      at: '2026-05-04T08:00:00.000Z'
    }
  ]
}

/** GET /v1/routes/{route}/history */
export function historyResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams, Querystring: Static<typeof QuerySchema> }>('/v1/routes/:route/history', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getHistory',
      tag: 'Changes',
      summary: 'The changes of a route',
      description: `Who changed what, when and why, the newest first. A route keeps its latest ${MAX_HISTORY} revisions, fewer when there are many routes.`,
      params: RouteParamsSchema,
      querystring: QuerySchema,
      answers: { 200: { description: 'The latest revisions.', schema: AnswerSchema, example: EXAMPLE } },
      problems: ['invalid_request', 'unknown_route']
    })
  }, async request => {
    const { route } = request.params
    const traffic = deps.traffic.route(route)
    if (traffic === undefined) throw unknownRoute()
    return { route, revisions: traffic.history.slice(-(request.query.limit ?? DEFAULT_LIMIT)).reverse() }
  })
}
