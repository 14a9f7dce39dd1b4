import type { FastifyInstance } from 'fastify'
import { DURATION_PATTERN } from '../../core/duration.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { DrainWaiters, leavingClient } from '../drain-waiters.ts'
import { type Static, Type } from '../../core/json-schema.ts'
import { describeOperation } from '../operation.ts'
import { ProblemError } from '../problem-error.ts'
import { unknownRoute, type VersionParams, VersionParamsSchema } from '../route-params.ts'
import { readWaitTimeout } from '../wait-timeout.ts'
import type { VersionDrainStatus } from '../../control/version-drain.ts'

/** The longest that a client may wait, in seconds; below the longest silence on a connection of the API. */
const MAX_WAIT_S = 50

const QuerySchema = Type.object({
  wait: Type.optional(Type.oneOf(['true', 'false'], { default: 'false', description: '`true`: answer when it is safe, or `timeout` is over.' })),
  timeout: Type.optional(Type.string({ pattern: DURATION_PATTERN, default: '30s', description: 'How long `wait=true` waits; at most 50s.' }))
}, { additionalProperties: false })

const AnswerSchema = Type.object({
  route: Type.string(),
  version: Type.string(),
  weight: Type.number({ description: 'The weight of the version, as stored.' }),
  workers: Type.object({
    running: Type.integer({ description: 'The workers of the data plane.' }),
    applied: Type.integer({ description: 'Those that apply the weights of now.' })
  }),
  inFlight: Type.integer({ description: 'Requests that its endpoints have not answered to the end.' }),
  tunnels: Type.integer({ description: 'Upgraded connections to its endpoints.' }),
  held: Type.integer({ description: 'Requests that wait for an endpoint of it. Without a weight it does not get them.' }),
  endpoints: Type.list(Type.object({
    address: Type.string(),
    port: Type.integer(),
    ready: Type.boolean(),
    serving: Type.boolean(),
    terminating: Type.boolean()
  }), { description: 'As its source says.' }),
  safe: Type.boolean({ description: 'No request is lost when its endpoints are taken away now.' }),
  why: Type.list(Type.string(), { description: 'What speaks against it; empty when it is safe.' })
})

const EXAMPLE: Static<typeof AnswerSchema> = {
  route: 'hello',
  version: 'canary',
  weight: 0,
  workers: { running: 2, applied: 2 },
  inFlight: 3,
  tunnels: 1,
  held: 0,
  endpoints: [{ address: '10.0.0.9', port: 8080, ready: true, serving: true, terminating: false }],
  safe: false,
  why: ['3 requests are in flight', '1 tunnel is open']
}

/** GET /v1/routes/{route}/versions/{version}/drain */
export function drainResource (app: FastifyInstance, deps: AdminDeps): void {
  const waiters = new DrainWaiters(deps.clock)
  app.addHook('preClose', async () => { waiters.release() })
  app.get<{ Params: VersionParams, Querystring: Static<typeof QuerySchema> }>('/v1/routes/:route/versions/:version/drain', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getVersionDrain',
      tag: 'Operations',
      summary: 'Is it safe to scale a version down?',
      description: 'What a version still has, in all workers together. It is safe when the version has no weight, every worker knows that, and nothing is in flight to its endpoints.',
      params: VersionParamsSchema,
      querystring: QuerySchema,
      answers: { 200: { description: 'What is left; with `wait=true`, of the moment when it became safe or the time was over.', schema: AnswerSchema, example: EXAMPLE } },
      problems: ['invalid_request', 'unknown_route', 'not_found', 'too_many_waiting']
    })
  }, async (request, reply): Promise<Static<typeof AnswerSchema>> => {
    const { params: { route, version }, query: { wait = 'false', timeout = '30s' } } = request
    const timeoutMs = readWaitTimeout(timeout, MAX_WAIT_S)
    const status = statusOf(deps, route, version)
    if (wait === 'false' || status.safe) return describe(status)
    const client = `${request.actor} ${request.socket.remoteAddress ?? ''}`
    const refusal = waiters.refusal(client)
    if (refusal !== undefined) throw new ProblemError('too_many_waiting', { detail: `${refusal}: ask without wait=true, or later` })
    const gone = leavingClient({ response: reply.raw, socket: request.socket })
    await waiters.wait(client, () => deps.drain(route, version)?.safe !== false, { timeoutMs, gone })
    return describe(statusOf(deps, route, version))
  })
}

function statusOf (deps: AdminDeps, route: string, version: string): VersionDrainStatus {
  const status = deps.drain(route, version)
  if (status !== undefined) return status
  if (deps.details(route) === undefined) throw unknownRoute()
  throw new ProblemError('not_found', { detail: `the route has no such version; GET /v1/routes/${route} lists them` })
}

function describe (
  { route, version, weight, workers, inFlight, tunnels, held, endpoints, safe, why }: VersionDrainStatus
): Static<typeof AnswerSchema> {
  return {
    route,
    version,
    weight,
    workers: { running: workers.running, applied: workers.applied },
    inFlight,
    tunnels,
    held,
    endpoints: endpoints.map(({ address, port, ready, serving, terminating }) => ({ address, port, ready, serving, terminating })),
    safe,
    why: [...why]
  }
}
