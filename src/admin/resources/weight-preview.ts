import type { FastifyInstance } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import { NAME_PATTERN } from '../../config/patterns.ts'
import type { PlannedWeights } from '../../control/change-planner.ts'
import type { VersionPreview } from '../../control/change-preview.ts'
import type { TrafficCommand } from '../../rollout/traffic-state.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, epochTag, RouteParamsSchema, unknownRoute, WeightsSchema, type RouteParams } from '../operation.ts'
import { faultDetails, ProblemError } from '../problem.ts'

const BeforeAfter = Type.object({ now: Type.number(), after: Type.number() })

const AnswerSchema = Type.object({
  route: Type.string(),
  epoch: Type.integer({ description: 'The epoch of the route as it is: what If-Match takes, so that the change is made of what this speaks of, or not at all.' }),
  changed: Type.boolean({ description: 'False when the route has these weights already.' }),
  weights: Type.object({ now: WeightsSchema, after: WeightsSchema }),
  clients: Type.object({
    seen: Type.integer({ description: 'Clients of the last two to five minutes on this replica; where there are more than a thousand, an estimate.' }),
    sampled: Type.integer({ description: 'Those of them that this was computed from.' }),
    seconds: Type.number({ description: 'The time that was looked back.' }),
    moved: Type.numberOrNull('The share of the clients that would change their version, from 0 to 1; null when none was seen.'),
    margin: Type.number({ description: '`moved` is right to so much in 95 of 100 cases; 0 when all clients were looked at.' }),
    moves: Type.list(Type.object({
      from: Type.string(), to: Type.string(), share: Type.number({ description: 'Of all clients.' })
    }), { description: 'Which clients would go where, the most first.' })
  }),
  versions: Type.list(Type.object({
    name: Type.string(),
    weight: BeforeAfter,
    requestsPerSecond: BeforeAfter,
    endpoints: Type.integer({ description: 'Endpoints that requests go to.' }),
    perEndpoint: Type.optional(Type.object({ now: Type.number(), after: Type.number() }, { description: 'Requests per second of each endpoint; absent without endpoints.' }))
  })),
  warnings: Type.list(Type.object({
    code: Type.oneOf([
      'no_requests', 'short_look', 'no_endpoints', 'heavier_endpoints', 'heavy_client', 'not_sticky', 'pauses_rollout', 'ends_match',
      'workers_silent', 'one_replica'
    ]),
    detail: Type.string()
  }), { description: 'What to think of before the change.' })
})

type PreviewAnswer = Static<typeof AnswerSchema>

const EXAMPLE: PreviewAnswer = {
  route: 'hello',
  epoch: 3,
  changed: true,
  weights: { now: { stable: 90, canary: 10 }, after: { stable: 50, canary: 50 } },
  clients: { seen: 812, sampled: 812, seconds: 281.4, moved: 0.404, margin: 0, moves: [{ from: 'stable', to: 'canary', share: 0.404 }] },
  versions: [
    {
      name: 'stable',
      weight: { now: 90, after: 50 },
      requestsPerSecond: { now: 181.2, after: 98.7 },
      endpoints: 4,
      perEndpoint: { now: 45.3, after: 24.7 }
    },
    {
      name: 'canary',
      weight: { now: 10, after: 50 },
      requestsPerSecond: { now: 19.8, after: 102.3 },
      endpoints: 1,
      perEndpoint: { now: 19.8, after: 102.3 }
    }
  ],
  warnings: [{ code: 'heavier_endpoints', detail: 'each endpoint of "canary" would get 517 % of what it has now: 102 requests/s instead of 20 requests/s' }]
}

const PreviewBody = Type.object({
  weights: Type.optional(WeightsSchema),
  to: Type.optional(Type.string({ pattern: NAME_PATTERN, description: 'The version that would get all traffic, instead of weights.' }))
}, { additionalProperties: false, examples: [{ weights: { stable: 50, canary: 50 } }] })

/** POST /v1/routes/{route}/plan */
export function weightPreviewResource (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: RouteParams, Body: Static<typeof PreviewBody> }>('/v1/routes/:route/plan', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'planChange',
      tag: 'Changes',
      summary: 'What a change of weights would move',
      description: 'Nothing is changed. Each worker keeps the keys of the clients of the last minutes, a sample of them where there are many; they are drawn by the weights of now and by the new ones. ' +
        'Requests placed by an override, a list or a match stay where they are. With several replicas this one speaks of its own clients.',
      params: RouteParamsSchema,
      body: PreviewBody,
      answers: { 200: { description: 'What would move.', schema: AnswerSchema, example: EXAMPLE, tagged: true } },
      problems: ['invalid_request', 'unknown_route', 'unknown_version', 'missing_version', 'invalid_weight', 'all_weights_zero']
    })
  }, async (request, reply) => {
    const { route } = request.params
    const planned = await deps.plan(route, commandOf(request.body))
    if (planned === undefined) throw unknownRoute()
    if (!planned.ok) throw new ProblemError(planned.error.code, { detail: planned.error.message })
    void reply.header('etag', epochTag(planned.epoch))
    return describePlanned(route, planned, deps.replicas.list().replicas.length)
  })
}

function commandOf ({ weights, to }: Static<typeof PreviewBody>): TrafficCommand {
  if (weights !== undefined && to === undefined) return { type: 'weights', weights }
  if (to !== undefined && weights === undefined) return { type: 'switch', to }
  throw new ProblemError('invalid_request', faultDetails([{ path: 'body', message: 'has to have either weights or to' }]))
}

function describePlanned (route: string, { epoch, changed, before, after, preview }: PlannedWeights, replicas: number): PreviewAnswer {
  const { clients, versions, warnings } = preview
  const { coversMs, moved, margin, moves, ...counts } = clients
  return {
    route,
    epoch,
    changed,
    weights: { now: before, after },
    clients: {
      ...counts,
      seconds: rounded(coversMs / 1_000),
      moved: moved === null ? null : rounded(moved),
      margin: rounded(margin),
      moves: moves.map(({ from, to, share }) => ({ from, to, share: rounded(share) }))
    },
    versions: versions.map(describeVersion),
    warnings: [...warnings, ...replicaWarning(replicas)]
  }
}

/** Each replica knows whom it has served itself. */
function replicaWarning (replicas: number): PreviewAnswer['warnings'] {
  if (replicas < 2) return []
  return [{ code: 'one_replica', detail: `this speaks of the clients and requests of the replica that answers, one of ${replicas}` }]
}

type DescribedVersion = PreviewAnswer['versions'][number]

function describeVersion (preview: VersionPreview): DescribedVersion {
  const { version, weight, requestsPerSecond, endpoints, perEndpoint } = preview
  const both = ({ now, after }: VersionPreview['weight']): Static<typeof BeforeAfter> => ({ now: rounded(now), after: rounded(after) })
  return {
    name: version,
    weight,
    requestsPerSecond: both(requestsPerSecond),
    endpoints,
    ...(perEndpoint === null ? {} : { perEndpoint: both(perEndpoint) })
  }
}

/** To a thousandth. */
function rounded (value: number): number {
  return Math.round(value * 1_000) / 1_000
}
