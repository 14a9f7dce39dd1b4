import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../json-schema.ts'
import type { RouteTraffic, Weights } from '../../rollout/traffic-state.ts'
import { weightOf } from '../../rollout/traffic-state.ts'
import type { AdminDeps, RouteDetails, VersionDetails } from '../admin-deps.ts'
import { epochTag } from '../if-match.ts'
import { describeOperation } from '../operation.ts'
import { ProblemError } from '../problem-error.ts'
import type { RouteParams } from '../route-params.ts'
import { RouteParamsSchema } from '../route-params.ts'
import { WeightsSchema } from '../weights-schema.ts'

const EndpointSchema = Type.object({
  address: Type.string(),
  port: Type.integer(),
  ready: Type.boolean({ description: 'May get new requests.' }),
  serving: Type.boolean({ description: 'Passes its readiness probe, terminating or not.' }),
  terminating: Type.boolean({ description: 'Has been told to stop.' })
})

const VersionSchema = Type.object({
  name: Type.string(),
  weight: Type.number(),
  targetShare: Type.number({ description: 'The weight as a share of all weights, from 0 to 1.' }),
  observed: Type.optional(Type.object({
    requests: Type.integer({ description: 'Requests that the version has served since the workers started.' }),
    share: Type.number({ description: 'Their share of the requests of the route, from 0 to 1.' })
  })),
  source: Type.object({
    kind: Type.oneOf(['static', 'kubernetes']),
    state: Type.oneOf(['starting', 'synced', 'stale'], { description: '`starting`: nothing was heard yet; `stale`: the source can\'t be reached and the last known endpoints are used.' }),
    name: Type.optional(Type.string({ description: '`namespace/service:port`' })),
    detail: Type.optional(Type.string({ description: 'What is wrong.' }))
  }),
  endpoints: Type.list(EndpointSchema)
})

const AnswerSchema = Type.object({
  name: Type.string(),
  epoch: Type.integer({ description: 'Raised by every change of the route; the value of ETag.' }),
  revision: Type.integer({ description: 'The latest revision of the history.' }),
  weights: WeightsSchema,
  fileWeights: Type.mapOf(Type.number(), { description: 'The weights of the configuration.' }),
  affinity: Type.object({
    by: Type.oneOf(['client-ip', 'header', 'cookie', 'none']),
    level: Type.oneOf(['version', 'endpoint']),
    header: Type.optional(Type.string()),
    cookie: Type.optional(Type.string())
  }),
  balancing: Type.string(),
  whenEmpty: Type.string(),
  match: Type.object({}, { additionalProperties: true, description: 'Which requests the route takes, as configured.' }),
  versions: Type.list(VersionSchema)
})

type RouteAnswer = Static<typeof AnswerSchema>

const EXAMPLE: RouteAnswer = {
  name: 'hello',
  epoch: 3,
  revision: 3,
  weights: { stable: 75, canary: 25 },
  fileWeights: { stable: 90, canary: 10 },
  affinity: { by: 'client-ip', level: 'version' },
  balancing: 'least-request',
  whenEmpty: 'fallback',
  match: { path: '/' },
  versions: [
    { name: 'stable', weight: 75, targetShare: 0.75, observed: { requests: 7510, share: 0.751 }, source: { kind: 'kubernetes', state: 'synced', name: 'shop/hello-stable:http' }, endpoints: [{ address: '10.0.0.1', port: 8080, ready: true, serving: true, terminating: false }] },
    { name: 'canary', weight: 25, targetShare: 0.25, observed: { requests: 2490, share: 0.249 }, source: { kind: 'static', state: 'synced' }, endpoints: [{ address: '10.0.0.9', port: 8080, ready: true, serving: true, terminating: false }] }
  ]
}

/** GET /v1/routes/{route} */
export function routeResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getRoute',
      tag: 'Routes',
      summary: 'A route with its versions and endpoints',
      description: 'The answer carries the epoch in ETag. Send it back in If-Match with a change, and the change is made only if nobody else was faster.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The route.', schema: AnswerSchema, example: EXAMPLE, tagged: true } },
      problems: ['unknown_route']
    })
  }, async (request, reply) => {
    const { route } = request.params
    const traffic = deps.traffic.route(route)
    const details = deps.details(route)
    if (traffic === undefined || details === undefined) throw new ProblemError('unknown_route', { detail: 'GET /v1/routes lists the routes' })
    void reply.header('etag', epochTag(traffic.epoch))
    return describeRoute(route, traffic, details)
  })
}

function describeRoute (name: string, traffic: RouteTraffic, { config, versions }: RouteDetails): RouteAnswer {
  const { by, level, header, cookie } = config.affinity
  const total = Object.values(traffic.weights).reduce((sum, weight) => sum + weight, 0)
  return {
    name,
    epoch: traffic.epoch,
    revision: traffic.revision,
    weights: traffic.weights,
    fileWeights: traffic.fileWeights,
    affinity: { by, level, ...(header === undefined ? {} : { header }), ...(cookie === undefined ? {} : { cookie }) },
    balancing: config.balancing,
    whenEmpty: config.whenEmpty,
    match: config.match ?? {},
    versions: versions.map((version) => describeVersion(version, traffic.weights, total))
  }
}

function describeVersion (version: VersionDetails, weights: Weights, total: number): RouteAnswer['versions'][number] {
  const { name, observed, source, endpoints } = version
  const weight = weightOf(weights, name) ?? 0
  return {
    name,
    weight,
    targetShare: total === 0 ? 0 : weight / total,
    ...(observed === undefined ? {} : { observed: { requests: observed.requests, share: observed.share } }),
    source: {
      kind: source.kind,
      state: source.state,
      ...(source.name === undefined ? {} : { name: source.name }),
      ...(source.detail === undefined ? {} : { detail: source.detail })
    },
    endpoints: endpoints.map(({ address, port, ready, serving, terminating }) => ({ address, port, ready, serving, terminating }))
  }
}
