import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { weightOf } from '../../contract/weights.ts'
import { matchText } from '../../plans/write-match.ts'
import { splitOf } from '../../rollout/beside-weights.ts'
import type { RouteTraffic } from '../../rollout/traffic-state.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, epochTag, RouteParamsSchema, unknownRoute, WeightsSchema, type RouteParams } from '../operation.ts'
import type { EndpointHealthSummary } from '../../control/health-book.ts'
import { observedClients, type ObservedClients } from '../../control/observed-clients.ts'
import type { RouteDetails, VersionDetails } from '../../control/route-describer.ts'
import { ClusterSchema, describeCluster } from '../replica-schemas.ts'
import { describeInShort, ShortRolloutSchema } from '../rollout-schemas.ts'

const EndpointSchema = Type.object({
  address: Type.string(),
  port: Type.integer(),
  ready: Type.boolean({ description: 'May get new requests.' }),
  serving: Type.boolean({ description: 'Passes its readiness probe, terminating or not.' }),
  terminating: Type.boolean({ description: 'Has been told to stop.' }),
  health: Type.object({
    available: Type.oneOf(['all', 'some', 'none'], { description: 'The workers in which it is neither ejected nor failing its active check.' }),
    reasons: Type.list(Type.object({
      kind: Type.oneOf(['ejected', 'check-failed', 'trial', 'slow-start']),
      workers: Type.integer({ description: 'The number of workers that see it so.' }),
      since: Type.string({ format: 'date-time', description: 'When it began in the first of them.' }),
      until: Type.optional(Type.string({ format: 'date-time', description: 'When it ends in the last of them; absent when it waits for an event.' })),
      detail: Type.string()
    }), { description: 'What keeps requests from it, one entry for each kind.' })
  }, { description: 'What Weir has found out by itself, beyond what the source says.' }),
  zone: Type.optional(Type.string({ description: 'The zone that the endpoint is in; with `kubernetes.zone` or `kubernetes.node`, where the slice tells it.' })),
  placement: Type.optional(Type.object({
    near: Type.boolean({ description: 'It is meant for the place where Weir runs, and preferred.' }),
    usedBy: Type.oneOf(['all', 'some', 'none'], { description: 'The workers that send requests to it.' }),
    detail: Type.string({ description: 'Why.' })
  }, { description: 'With `kubernetes.zone` or `kubernetes.node`.' }))
})

const VersionSchema = Type.object({
  name: Type.string(),
  weight: Type.number(),
  targetShare: Type.number({ description: 'The weight as a share of all weights, from 0 to 1.' }),
  observed: Type.optional(Type.object({
    requests: Type.integer({ description: 'Requests that the version has served since the workers started.' }),
    share: Type.number({ description: 'The version\'s share of the requests of the route in the last 30 seconds, from 0 to 1.' })
  })),
  clientShare: Type.optional(Type.number({ description: 'Its share of the clients of the last minutes whose version their keys choose, on this replica.' })),
  source: Type.object({
    kind: Type.oneOf(['static', 'dns', 'kubernetes'], { description: '`dns`: all or some endpoints are named, and looked up again and again.' }),
    state: Type.oneOf(['starting', 'synced', 'stale'], { description: '`starting`: nothing was heard yet; `stale`: the source can\'t be reached and the last known endpoints are used.' }),
    name: Type.optional(Type.string({ description: '`namespace/service:port` of a Service, `name:port` with `dns`.' })),
    problem: Type.optional(Type.oneOf(['unsynced', 'no-slices', 'no-port', 'no-endpoints', 'pods-of-two'], { description: 'What keeps the version from having endpoints to use: they were not read yet; no EndpointSlice names the Service; its slices do not name the port; none that could be used was ever there; or a version that comes first selects some of its pods as well, and has them.' })),
    detail: Type.optional(Type.string({ description: 'What is wrong.' })),
    pods: Type.optional(Type.object({
      selector: Type.optional(Type.string({ description: 'The labels of its pods; absent for the version that has what no other one selects.' })),
      withoutPod: Type.integer({ description: 'Endpoints of the Service that name no pod, so no labels have them.' }),
      other: Type.integer({ description: 'Endpoints whose pods have other labels, or are not known (yet).' }),
      lost: Type.integer({ description: 'Endpoints that a version which comes first selects as well, and has.' })
    }, { description: 'With `podLabels`, and for a version of the same Service beside one that has them: what became of the endpoints that are not its own.' })),
    near: Type.optional(Type.object({
      by: Type.oneOf(['node', 'zone', 'none'], { description: 'What is preferred; `none`: all endpoints are equal.' }),
      detail: Type.string({ description: 'Why.' })
    }, { description: 'With `kubernetes.zone` or `kubernetes.node`: what the hints of the EndpointSlices come to.' }))
  }),
  availableEndpoints: Type.integer({ description: 'Endpoints that may get requests and are available, in the worker that finds the fewest.' }),
  panic: Type.oneOf(['all', 'some', 'none'], { description: 'The workers that use all endpoints, because too few are available.' }),
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
  policies: Type.object({}, { additionalProperties: true, description: 'How requests and endpoints of the route are treated, as configured, defaults included: timeouts and maxBodyBytes of its own, retries, failover, hold, health, slowStart, circuitBreaker, upgrades.' }),
  match: Type.object({}, { additionalProperties: true, description: 'Which requests the route takes, as configured.' }),
  rollout: Type.optional(ShortRolloutSchema),
  rolloutMatch: Type.optional(Type.object({
    version: Type.string(),
    match: Type.string({ description: 'In a few words: `header x-beta=1`.' })
  }, { description: 'Requests that get a version because a rollout says so: one that runs, or an `a-b` that is over and has left its match.' })),
  clients: Type.optional(Type.object({
    seen: Type.integer({ description: 'How many; where there are more than a thousand, an estimate.' }),
    seconds: Type.number({ description: 'The time that was looked back.' }),
    note: Type.optional(Type.string({ description: 'A few heavy clients bend the shares of the requests.' }))
  }, { description: 'The clients of the last two to five minutes on this replica.' })),
  versions: Type.list(VersionSchema),
  cluster: Type.optional(ClusterSchema)
})

type RouteAnswer = Static<typeof AnswerSchema>

const HEALTHY: Static<typeof EndpointSchema>['health'] = { available: 'all', reasons: [] }
const EJECTED: Static<typeof EndpointSchema>['health'] = {
  available: 'some',
  reasons: [{ kind: 'ejected', workers: 1, since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T00:00:10.000Z', detail: '5 failures in a row, the last one upstream_reset' }]
}

const EXAMPLE: RouteAnswer = {
  name: 'hello',
  epoch: 3,
  revision: 3,
  weights: { stable: 75, canary: 25 },
  fileWeights: { stable: 90, canary: 10 },
  affinity: { by: 'client-ip', level: 'version' },
  balancing: 'least-request',
  whenEmpty: 'fallback',
  policies: { failover: { to: 'stable', on: ['connect', 'reset', 502, 503, 504] }, upgrades: ['websocket'] },
  match: { path: '/' },
  clients: { seen: 812, seconds: 281.4 },
  versions: [
    {
      name: 'stable',
      weight: 75,
      targetShare: 0.75,
      observed: { requests: 7510, share: 0.751 },
      clientShare: 0.749,
      source: { kind: 'kubernetes', state: 'synced', name: 'shop/hello-stable:http' },
      availableEndpoints: 1,
      panic: 'none',
      endpoints: [
        { address: '10.0.0.1', port: 8080, ready: true, serving: true, terminating: false, health: HEALTHY },
        { address: '10.0.0.2', port: 8080, ready: true, serving: true, terminating: false, health: EJECTED }
      ]
    },
    {
      name: 'canary',
      weight: 25,
      targetShare: 0.25,
      observed: { requests: 2490, share: 0.249 },
      clientShare: 0.251,
      source: { kind: 'static', state: 'synced' },
      availableEndpoints: 1,
      panic: 'none',
      endpoints: [{ address: '10.0.0.9', port: 8080, ready: true, serving: true, terminating: false, health: HEALTHY }]
    }
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
    if (traffic === undefined || details === undefined) throw unknownRoute()
    void reply.header('etag', epochTag(traffic.epoch))
    const cluster = await deps.replicas.others?.route(route)
    const rollout = describeInShort(traffic.rollout)
    const { match } = splitOf(route, traffic)
    const { census } = await deps.clients(route)
    return {
      ...describeRoute(route, traffic, details, observedClients(census)),
      ...(rollout === undefined ? {} : { rollout }),
      ...(match === undefined ? {} : { rolloutMatch: { version: match.version, match: matchText(match) } }),
      ...(cluster === undefined ? {} : { cluster: describeCluster(cluster) })
    }
  })
}

function describeRoute (
  name: string, traffic: RouteTraffic, { config, versions }: RouteDetails, clients: ObservedClients | null
): RouteAnswer {
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
    policies: policiesOf(config),
    match: config.match ?? {},
    ...(clients === null ? {} : { clients: describeClients(clients) }),
    versions: versions.map(version => {
      return describeVersion(version, { weight: weightOf(traffic.weights, version.name) ?? 0, total }, clients)
    })
  }
}

function policiesOf (config: RouteDetails['config']): object {
  const { timeouts, maxBodyBytes, retries, failover, hold, health, slowStart, circuitBreaker, upgrades } = config
  const own = { ...(timeouts === undefined ? {} : { timeouts }), ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }) }
  return { ...own, retries, ...(failover === undefined ? {} : { failover }), hold, health, slowStart, circuitBreaker, upgrades }
}

function describeClients ({ seen, coversMs, note }: ObservedClients): NonNullable<RouteAnswer['clients']> {
  return { seen, seconds: Math.round(coversMs / 100) / 10, ...(note === null ? {} : { note }) }
}

function describeVersion (
  version: VersionDetails, { weight, total }: { readonly weight: number, readonly total: number }, clients: ObservedClients | null
): RouteAnswer['versions'][number] {
  const { name, observed, source, endpoints, availableEndpoints, panic } = version
  return {
    name,
    weight,
    targetShare: total === 0 ? 0 : weight / total,
    ...(observed === undefined ? {} : { observed: { requests: observed.requests, share: observed.share } }),
    ...(clients === null ? {} : { clientShare: clients.shares.get(name) ?? 0 }),
    source: {
      kind: source.kind,
      state: source.state,
      ...(source.name === undefined ? {} : { name: source.name }),
      ...(source.problem === undefined ? {} : { problem: source.problem }),
      ...(source.detail === undefined ? {} : { detail: source.detail }),
      ...(source.pods === undefined ? {} : { pods: describePods(source.pods) }),
      ...(source.near === undefined ? {} : { near: source.near })
    },
    availableEndpoints,
    panic,
    endpoints: endpoints.map(({ address, port, ready, serving, terminating, health, zone, near = false, placement }) => ({
      address,
      port,
      ready,
      serving,
      terminating,
      health: describeHealth(health),
      ...(zone === undefined ? {} : { zone }),
      ...(placement === undefined ? {} : { placement: { near, ...placement } })
    }))
  }
}

type PodsAnswer = RouteAnswer['versions'][number]['source']['pods']

function describePods ({ selector, ...counts }: NonNullable<VersionDetails['source']['pods']>): NonNullable<PodsAnswer> {
  return selector === undefined ? counts : { selector, ...counts }
}

function describeHealth ({ available, reasons }: EndpointHealthSummary): Static<typeof EndpointSchema>['health'] {
  return {
    available,
    reasons: reasons.map(({ kind, workers, sinceMs, untilMs, detail }) => ({
      kind, workers, since: new Date(sinceMs).toISOString(), ...(untilMs === null ? {} : { until: new Date(untilMs).toISOString() }), detail
    }))
  }
}
