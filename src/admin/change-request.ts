/**
 * What requests that change a route have in common: If-Match, the reason, waiting for the workers, and how an answer says how far it came.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from '../core/json-schema.ts'
import { unlessAborted } from '../core/abortable.ts'
import { DURATION_PATTERN } from '../core/duration.ts'
import type { ChangeOptions } from '../rollout/change-result.ts'
import type { SplitReceipt } from '../rollout/traffic-state.ts'
import type { AdminDeps } from './admin-deps.ts'
import { epochTag, MAX_CHANGE_WAIT_S, parseIfMatch, readWaitTimeout } from './operation.ts'
import { ProblemError, type ProblemCode, type ProblemDetails } from './problem.ts'
import { withoutPaths } from '../core/without-paths.ts'
import { ConvergenceFields, describeConvergence, STOPPING_NOTE } from './replica-schemas.ts'

export const ChangeQuerySchema = Type.object({
  wait: Type.optional(Type.oneOf(['all', 'none'], { default: 'none', description: '`all`: answer when every worker applies the weights, those of all ready replicas among them, or `timeout` is over; the answer says how far it came.' })),
  timeout: Type.optional(Type.string({ pattern: DURATION_PATTERN, default: '5s', description: 'How long `wait=all` waits; at most 30s.' }))
}, { additionalProperties: false })

export const ChangeHeadersSchema = Type.object({
  'if-match': Type.optional(Type.string({ description: 'The ETag of the route as it was read. The change is made only if the route is still at that epoch.' }))
})

/** No control characters, C1 among them, no line separators, and of the invisible marks only those that join letters. */
export const REASON_PATTERN = '^(?:[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]|[\\u200c\\u200d])*$'

/** The reason of a change: one line for the history. */
export const ReasonSchema = Type.optional(Type.string({
  maxLength: 500, pattern: REASON_PATTERN, default: '', description: 'Why, in one line, for the history.'
}))

/** How far a change has come. */
export const AppliedSchema = Type.object({
  workers: Type.integer({ description: 'The workers of the data plane.' }),
  applied: Type.integer({ description: 'Those that apply the weights.' }),
  complete: Type.boolean({ description: 'All of them do. False means that the time was over, or that this replica stops: the change is stored and the rest will follow.' }),
  tookMs: Type.number({ description: 'Milliseconds until the last of them.' }),
  ...ConvergenceFields
}, { description: 'With `wait=all`. With several replicas the numbers are those of all that are ready.' })

export type ChangeQuery = Static<typeof ChangeQuerySchema>

/** A request that changes the route of its path. */
export type ChangeRequest = FastifyRequest<{ Params: { route: string }, Querystring: ChangeQuery }>

export type WaitingChangeOptions = ChangeOptions & { readonly publishTimeoutMs: number }

/**
 * What the header and the query of a change ask for.
 * @throws ProblemError
 */
export function changeOptions (request: ChangeRequest): WaitingChangeOptions {
  const condition = parseIfMatch(request.headers['if-match'])
  if (condition.kind === 'malformed') {
    throw new ProblemError('malformed_if_match', { detail: 'send the ETag of the route as it came, in its quotes, such as If-Match: "3"' })
  }
  const publishTimeoutMs = readWaitTimeout(request.query.timeout ?? '5s', MAX_CHANGE_WAIT_S)
  return condition.kind === 'epochs' ? { ifEpoch: condition.epochs, publishTimeoutMs } : { publishTimeoutMs }
}

/**
 * What is thrown when a change was refused; the epoch of now goes into ETag.
 * @param details what is known of it besides
 */
export function refusedChangeProblem (
  reply: FastifyReply, { code, message, epoch }: { readonly code: ProblemCode, readonly message: string, readonly epoch?: number },
  details: ProblemDetails = {}
): ProblemError {
  const detail = code === 'store_failed' ? withoutPaths(message) : message
  if (epoch !== undefined) void reply.header('etag', epochTag(epoch))
  return new ProblemError(code, { detail, ...(epoch === undefined ? {} : { epoch }), ...details })
}

/** A change that was made, and where it is to be applied. */
interface PublishedChange {
  readonly epoch: number
  readonly published: Promise<SplitReceipt>
}

/** With `wait=all`: waits, and says how far the change has come. */
export async function describeApplied (
  deps: AdminDeps, request: ChangeRequest, { epoch, published }: PublishedChange, options: WaitingChangeOptions
): Promise<{ readonly applied?: Static<typeof AppliedSchema> }> {
  if (request.query.wait !== 'all') return {}
  const { route } = request.params
  const { others } = deps.replicas
  const receipt = publishedUnlessStopping(deps, route, published)
  if (others === undefined) {
    const { workers, applied, tookMs, stopping } = await receipt
    const complete = applied === workers && !stopping
    return { applied: { workers, applied, complete, tookMs, ...(stopping ? { notes: [STOPPING_NOTE] } : {}) } }
  }
  const converged = await others.converge({
    route,
    versions: Object.entries(deps.traffic.route(route)?.weights ?? {}).flatMap(([name, weight]) => weight > 0 ? [name] : []),
    epoch,
    timeoutMs: options.publishTimeoutMs,
    published: receipt,
    stopping: deps.stopping
  })
  return { applied: describeConvergence(converged) }
}

/** How far the change has come in the workers; when this replica stops, what is known then. */
async function publishedUnlessStopping (
  deps: AdminDeps, route: string, published: Promise<SplitReceipt>
): Promise<SplitReceipt & { readonly stopping: boolean }> {
  const { clock, stopping } = deps
  const startedMs = clock.nowMs()
  const receipt = await unlessAborted(published, stopping)
  if (receipt !== undefined) return { ...receipt, stopping: false }
  // Every version of a route knows which workers apply its weights.
  const [version = ''] = Object.keys(deps.traffic.route(route)?.weights ?? {})
  const { running, applied } = deps.drain(route, version)?.workers ?? { running: 0, applied: 0 }
  return { workers: running, applied, tookMs: Math.round((clock.nowMs() - startedMs) * 1_000) / 1_000, stopping: true }
}
