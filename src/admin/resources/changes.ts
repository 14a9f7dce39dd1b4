/**
 * The changes of a route's weights.
 */
import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import type { TrafficCommand } from '../../rollout/traffic-state.ts'
import type { AdminDeps } from '../admin-deps.ts'
import {
  AppliedSchema, ChangeHeadersSchema, changeOptions, ChangeQuerySchema, describeApplied, ReasonSchema, refusedChangeProblem,
  type ChangeQuery, type ChangeRequest
} from '../change-request.ts'
import {
  describeOperation, emptyBody, epochTag, RouteParamsSchema, WeightsSchema, type Answer, type Operation, type RouteParams
} from '../operation.ts'
import type { ProblemCode } from '../problem.ts'
import { NAME_PATTERN } from '../../config/patterns.ts'

const ChangeAnswerSchema = Type.object({
  route: Type.string(),
  epoch: Type.integer({ description: 'The epoch of the route now.' }),
  revision: Type.integer({ description: 'The latest revision of the route.' }),
  changed: Type.boolean({ description: 'False when the route already had these weights; then there is no new epoch and no entry in the history.' }),
  weights: WeightsSchema,
  applied: Type.optional(AppliedSchema)
}, { description: 'The route after the change.' })

type ChangeAnswer = Static<typeof ChangeAnswerSchema>

const CHANGE_ANSWER: Answer = {
  description: 'The change is stored, and survives a crash of Weir.',
  schema: ChangeAnswerSchema,
  tagged: true,
  example: {
    route: 'hello',
    epoch: 4,
    revision: 4,
    changed: true,
    weights: { stable: 75, canary: 25 },
    applied: { workers: 2, applied: 2, complete: true, tookMs: 1.4 }
  }
}

/** What any change may answer instead. */
const CHANGE_PROBLEMS: readonly ProblemCode[] = [
  'invalid_request', 'malformed_if_match', 'unknown_route', 'all_weights_zero', 'store_conflict', 'epoch_mismatch', 'store_failed'
]

/**
 * The fastify schema of a change: what is its own, and what all have in common.
 * @param change its `problems` are those that only this change has
 */
function describeChange (
  { problems, ...change }: Pick<Operation, 'operationId' | 'summary' | 'description' | 'problems'> & Required<Pick<Operation, 'body'>>
): FastifySchema {
  return describeOperation({
    ...change,
    tag: 'Changes',
    params: RouteParamsSchema,
    querystring: ChangeQuerySchema,
    headers: ChangeHeadersSchema,
    answers: { 200: CHANGE_ANSWER },
    problems: [...CHANGE_PROBLEMS, ...problems]
  })
}

/** Makes a change as the request's headers, query and reason ask for it, and answers. */
async function answerChange (
  deps: AdminDeps, request: ChangeRequest, reply: FastifyReply,
  change: { readonly command: TrafficCommand, readonly reason: string | undefined }
): Promise<ChangeAnswer> {
  const { route } = request.params
  const meta = { actor: request.actor, reason: change.reason ?? '', source: 'api' } as const
  const options = changeOptions(request)
  const result = await deps.traffic.change(route, change.command, meta, options)
  if (!result.ok) throw refusedChangeProblem(reply, result.error)
  const { changed, published, traffic: { epoch, revision, weights } } = result
  void reply.header('etag', epochTag(epoch))
  return { route, epoch, revision, changed, weights, ...await describeApplied(deps, request, { epoch, published }, options) }
}

/** What changes a route. */
export function changeResources (app: FastifyInstance, deps: AdminDeps): void {
  setWeights(app, deps)
  switchVersion(app, deps)
  undoChange(app, deps)
}

const WeightsBody = Type.object({ weights: WeightsSchema, reason: ReasonSchema }, {
  additionalProperties: false, examples: [{ weights: { stable: 75, canary: 25 }, reason: 'canary looks good' }]
})

/** PUT /v1/routes/{route}/weights */
function setWeights (app: FastifyInstance, deps: AdminDeps): void {
  app.put<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof WeightsBody> }>('/v1/routes/:route/weights', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'setWeights',
      summary: 'Set the weights of a route',
      description: 'Every version of the route has to be named; 0 takes a version out. At least one weight has to be above 0. ' +
        'The weights win over those of the configuration until the configuration\'s own weights for the route change.',
      body: WeightsBody,
      problems: ['unknown_version', 'missing_version', 'invalid_weight']
    })
  }, (request, reply) => answerChange(deps, request, reply, {
    command: { type: 'weights', weights: request.body.weights }, reason: request.body.reason
  }))
}

const SwitchBody = Type.object({
  to: Type.string({ pattern: NAME_PATTERN, description: 'The version that gets all traffic.' }),
  reason: ReasonSchema
}, { additionalProperties: false, examples: [{ to: 'green', reason: 'release 2.0.0' }] })

/** POST /v1/routes/{route}/switch */
function switchVersion (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof SwitchBody> }>('/v1/routes/:route/switch', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'switchVersion',
      summary: 'Send all traffic of a route to one version',
      description: 'Blue/green: the version gets weight 100 and every other one 0. Requests in flight are finished where they are.',
      body: SwitchBody,
      problems: ['unknown_version']
    })
  }, (request, reply) => answerChange(deps, request, reply, {
    command: { type: 'switch', to: request.body.to }, reason: request.body.reason
  }))
}

const UndoBody = Type.object({
  revision: Type.optional(Type.integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'The revision whose weights to return to. Without it, the weights before the latest change.' })),
  reason: ReasonSchema
}, { additionalProperties: false, examples: [{ reason: 'errors on canary' }, { revision: 3 }] })

/** POST /v1/routes/{route}/undo */
function undoChange (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof UndoBody> | undefined }>('/v1/routes/:route/undo', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'undoChange',
      summary: 'Return to earlier weights',
      description: 'Without a revision: the weights before the latest change, whatever made it; a second undo undoes the first. ' +
        'With a revision: the weights that it brought. An undo is a change itself and gets a revision of its own. The body may be left out.',
      body: UndoBody,
      problems: ['unknown_revision', 'nothing_to_undo', 'versions_changed']
    }),
    preValidation: emptyBody
  }, (request, reply) => {
    const revision = request.body?.revision
    return answerChange(deps, request, reply, {
      command: revision === undefined ? { type: 'undo' } : { type: 'undo', revision }, reason: request.body?.reason
    })
  })
}
