/**
 * What all changes of weights have in common: If-Match, waiting for the workers, and the answer.
 */
import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { type Static, Type } from '../core/json-schema.ts'
import { DURATION_PATTERN } from '../core/duration.ts'
import type { ChangeOptions } from '../rollout/traffic-control.ts'
import type { TrafficCommand } from '../rollout/traffic-state.ts'
import type { AdminDeps } from './admin-deps.ts'
import { epochTag, parseIfMatch } from './if-match.ts'
import { describeOperation, type Answer, type Operation } from './operation.ts'
import type { ProblemCode } from './problem.ts'
import { ProblemError } from './problem-error.ts'
import { RouteParamsSchema } from './route-params.ts'
import { readWaitTimeout } from './wait-timeout.ts'
import { WeightsSchema } from './weights-schema.ts'

/** The longest that a client may wait for the workers, in seconds. */
const MAX_WAIT_S = 30

const ChangeQuerySchema = Type.object({
  wait: Type.optional(Type.oneOf(['all', 'none'], { default: 'none', description: '`all`: answer when every worker applies the weights, or `timeout` is over; the answer says how far it came.' })),
  timeout: Type.optional(Type.string({ pattern: DURATION_PATTERN, default: '5s', description: 'How long `wait=all` waits; at most 30s.' }))
}, { additionalProperties: false })

const ChangeHeadersSchema = Type.object({
  'if-match': Type.optional(Type.string({ description: 'The ETag of the route as it was read. The change is made only if the route is still at that epoch.' }))
})

/** No control characters, C1 among them, no line separators, and of the invisible marks only those that join letters. */
const REASON_PATTERN = '^(?:[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]|[\\u200c\\u200d])*$'

/** The reason of a change: one line for the history. */
export const ReasonSchema = Type.optional(Type.string({
  maxLength: 500, pattern: REASON_PATTERN, default: '', description: 'Why, in one line, for the history.'
}))

const ChangeAnswerSchema = Type.object({
  route: Type.string(),
  epoch: Type.integer({ description: 'The epoch of the route now.' }),
  revision: Type.integer({ description: 'The latest revision of the route.' }),
  changed: Type.boolean({ description: 'False when the route already had these weights; then there is no new epoch and no entry in the history.' }),
  weights: WeightsSchema,
  applied: Type.optional(Type.object({
    workers: Type.integer({ description: 'The workers of the data plane.' }),
    applied: Type.integer({ description: 'Those that apply the weights.' }),
    complete: Type.boolean({ description: 'All of them do. False means that the time was over: the change is stored and the rest will follow.' }),
    tookMs: Type.number({ description: 'Milliseconds until the last of them.' })
  }, { description: 'With `wait=all`.' }))
}, { description: 'The route after the change.' })

type ChangeAnswer = Static<typeof ChangeAnswerSchema>

export type ChangeQuery = Static<typeof ChangeQuerySchema>

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
export function describeChange (
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
export async function answerChange (
  deps: AdminDeps, request: FastifyRequest<{ Params: { route: string }, Querystring: ChangeQuery }>, reply: FastifyReply,
  change: { readonly command: TrafficCommand, readonly reason: string | undefined }
): Promise<ChangeAnswer> {
  const { route } = request.params
  const meta = { actor: request.actor, reason: change.reason ?? '', source: 'api' } as const
  const result = await deps.traffic.change(route, change.command, meta, changeOptions(request))
  if (!result.ok) {
    const { code, message, epoch } = result.error
    if (epoch !== undefined) void reply.header('etag', epochTag(epoch))
    throw new ProblemError(code, epoch === undefined ? { detail: message } : { detail: message, epoch })
  }
  const { epoch, revision, weights } = result.traffic
  void reply.header('etag', epochTag(epoch))
  const answer = { route, epoch, revision, changed: result.changed, weights }
  if (request.query.wait !== 'all') return answer
  const { workers, applied, tookMs } = await result.published
  return { ...answer, applied: { workers, applied, complete: applied === workers, tookMs } }
}

function changeOptions (request: FastifyRequest<{ Querystring: ChangeQuery }>): ChangeOptions {
  const condition = parseIfMatch(request.headers['if-match'])
  if (condition.kind === 'malformed') {
    throw new ProblemError('malformed_if_match', { detail: 'send the ETag of the route as it came, in its quotes, such as If-Match: "3"' })
  }
  const publishTimeoutMs = readWaitTimeout(request.query.timeout ?? '5s', MAX_WAIT_S)
  return condition.kind === 'epochs' ? { ifEpoch: condition.epochs, publishTimeoutMs } : { publishTimeoutMs }
}
