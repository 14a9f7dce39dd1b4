/**
 * What has come of copies of a route's requests.
 */
import type { FastifyInstance } from 'fastify'
import { SHADOW_DIFFERENCES, SHADOW_DROPS, SHADOW_FAILURES, type ShadowLatency } from '../../contract/shadow-report.ts'
import { Type, type JsonSchema, type Static } from '../../core/json-schema.ts'
import { latencyQuantile } from '../../telemetry/latency-quantile.ts'
import type { ShadowStatus } from '../../control/shadow-describer.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, RouteParamsSchema, unknownRoute, type RouteParams } from '../operation.ts'

const counted = (names: readonly string[], description: string): JsonSchema<Record<string, number>> =>
  Type.mapOf(Type.integer(), { description: `${description}: ${names.map(name => `\`${name}\``).join(', ')}.` })

const orNull = <T>(schema: JsonSchema<T>): JsonSchema<T | null> => ({ ...schema, type: ['object', 'null'] })

const LatencySchema = Type.object({
  count: Type.integer(),
  meanSeconds: Type.number(),
  p50Seconds: Type.number(),
  p99Seconds: Type.number()
}, { description: 'To the first byte, without the time for opening a connection. Quantiles are interpolated within the buckets of the metrics.' })

const SumsSchema = Type.object({
  to: Type.string({ description: 'The version that has got the copies.' }),
  since: Type.string({ description: 'When the first was counted. ISO 8601, UTC.' }),
  drawn: Type.integer({ description: 'Requests of clients that were drawn, but for those that the version serves itself.' }),
  sent: Type.integer(),
  same: Type.integer(),
  different: counted(SHADOW_DIFFERENCES, 'By what differs first'),
  serverErrors: Type.integer({ description: 'Of those that differ: the copy has a 5xx, and the real answer none.' }),
  failed: counted(SHADOW_FAILURES, 'By what the copy failed of'),
  uncompared: Type.integer({ description: 'The real answer did not come to its end, or there was no room for what had to be compared.' }),
  cut: Type.integer({ description: 'Of those that were compared: compared up to `maxAnswerBytes`.' }),
  dropped: counted(SHADOW_DROPS, 'Not copied, by reason'),
  latency: Type.object({ real: LatencySchema, shadow: LatencySchema })
})

const StatusSchema = Type.object({
  route: Type.string(),
  scope: Type.oneOf(['replica'], { description: 'This replica has counted; others count their own.' }),
  mirror: orNull(Type.object({
    to: Type.string(),
    percent: Type.number(),
    methods: Type.oneOf(['safe', 'all']),
    source: Type.oneOf(['file', 'rollout'], { description: 'A rollout wins over the file while it runs.' })
  }, { description: 'Null when nothing is copied.' })),
  versions: Type.list(SumsSchema, { description: 'The version that gets copies now first, and those before it, since this replica began.' })
})

const AnswerOfOneSchema = Type.object({
  status: Type.integer(),
  firstByteMs: Type.number(),
  bytes: Type.integer({ description: 'Of the body, as far as it was compared.' }),
  digest: Type.string({ description: 'SHA-256 of these, the first 32 digits; empty when bodies are not compared.' }),
  body: Type.optional(Type.string({ description: 'Its beginning, with `compare.exampleBodyBytes`.' }))
})

const ExampleSchema = Type.object({
  at: Type.string({ description: 'ISO 8601, UTC.' }),
  kind: Type.string({ description: 'What differs first, or what the copy failed of.' }),
  requestId: Type.string(),
  method: Type.string(),
  path: Type.string({ description: 'Without the query.' }),
  endpoint: Type.string({ description: 'Where the copy went.' }),
  headers: Type.list(Type.string(), { description: 'The names of the fields that differ, in lower case.' }),
  real: AnswerOfOneSchema,
  shadow: orNull(AnswerOfOneSchema)
})

const ExamplesSchema = Type.object({
  route: Type.string(),
  scope: Type.oneOf(['replica']),
  examples: Type.list(ExampleSchema, { description: 'The newest first, at most 100.' })
})

const ForgottenSchema = Type.object({ route: Type.string(), forgotten: Type.integer({ description: 'How many there were.' }) })

const noCounts = (names: readonly string[]): Record<string, number> => Object.fromEntries(names.map(name => [name, 0]))

const EXAMPLE_STATUS: Static<typeof StatusSchema> = {
  route: 'hello',
  scope: 'replica',
  mirror: { to: 'canary', percent: 10, methods: 'safe', source: 'file' },
  versions: [{
    to: 'canary',
    since: '2026-05-04T08:15:30.123Z',
    drawn: 120,
    sent: 118,
    same: 115,
    different: { ...noCounts(SHADOW_DIFFERENCES), body: 2 },
    serverErrors: 0,
    failed: { ...noCounts(SHADOW_FAILURES), timeout: 1 },
    uncompared: 0,
    cut: 0,
    dropped: { ...noCounts(SHADOW_DROPS), method: 2 },
    latency: {
      real: { count: 117, meanSeconds: 0.004, p50Seconds: 0.003, p99Seconds: 0.012 },
      shadow: { count: 117, meanSeconds: 0.006, p50Seconds: 0.004, p99Seconds: 0.024 }
    }
  }]
}

const EXAMPLE_EXAMPLES: Static<typeof ExamplesSchema> = {
  route: 'hello',
  scope: 'replica',
  examples: [{
    at: '2026-05-04T08:15:30.123Z',
    kind: 'body',
    requestId: '4f1d2c9b00000007',
    method: 'GET',
    path: '/items',
    endpoint: '10.0.0.9:8080',
    headers: [],
    real: { status: 200, firstByteMs: 3, bytes: 512, digest: '0f343b0931126a20f133d67c2b018a3b' },
    shadow: { status: 200, firstByteMs: 5, bytes: 498, digest: 'b1946ac92492d2347c6235b4d2611184' }
  }]
}

/** /v1/routes/{route}/shadow */
export function shadowResources (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route/shadow', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getShadow',
      tag: 'Operations',
      summary: 'What has come of copies of requests',
      description: 'The mirror of a route and what its copies have come to beside the real answers, in this replica (docs/shadow.md).',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The mirror in force, and the sums.', schema: StatusSchema, example: EXAMPLE_STATUS } },
      problems: ['invalid_request', 'unknown_route']
    })
  }, async ({ params: { route } }): Promise<Static<typeof StatusSchema>> => describe(route, deps.shadow.status(route) ?? missing()))
  app.get<{ Params: RouteParams }>('/v1/routes/:route/shadow/examples', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getShadowExamples',
      tag: 'Operations',
      summary: 'Copies that came to something else',
      description: 'The latest requests whose copy was answered differently or failed. Bodies are shown when the configuration asks for them.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The newest first.', schema: ExamplesSchema, example: EXAMPLE_EXAMPLES } },
      problems: ['invalid_request', 'unknown_route']
    })
  }, async ({ params: { route } }): Promise<Static<typeof ExamplesSchema>> => ({
    route,
    scope: 'replica',
    examples: (deps.shadow.examples(route) ?? missing()).map(({ wallMs, headers, ...rest }) => ({
      at: new Date(wallMs).toISOString(), ...rest, headers: [...headers]
    }))
  }))
  app.delete<{ Params: RouteParams }>('/v1/routes/:route/shadow/examples', {
    config: { access: 'operator' },
    schema: describeOperation({
      operationId: 'deleteShadowExamples',
      tag: 'Operations',
      summary: 'Forget the examples',
      description: 'Forgets the examples of a route in this replica, such as after bodies were shown. Sums stay.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'How many were forgotten.', schema: ForgottenSchema, example: { route: 'hello', forgotten: 3 } } },
      problems: ['invalid_request', 'unknown_route', 'cross_site']
    })
  }, async ({ params: { route } }): Promise<Static<typeof ForgottenSchema>> => ({
    route, forgotten: deps.shadow.forgetExamples(route) ?? missing()
  }))
}

function missing (): never { throw unknownRoute() }

function describe (route: string, { mirror, source, sums }: ShadowStatus): Static<typeof StatusSchema> {
  return {
    route,
    scope: 'replica',
    mirror: mirror === null ? null : { to: mirror.to, percent: mirror.percent, methods: mirror.methods, source },
    versions: sums.map(({ to, sinceMs, counts: { latency, different, failed, dropped, ...counts } }) => ({
      to,
      since: new Date(sinceMs).toISOString(),
      ...counts,
      different: { ...different },
      failed: { ...failed },
      dropped: { ...dropped },
      latency: { real: describeLatency(latency.real), shadow: describeLatency(latency.shadow) }
    })).reverse()
  }
}

function describeLatency ({ sumS, buckets }: ShadowLatency): Static<typeof LatencySchema> {
  const count = buckets.reduce((sum, each) => sum + each, 0)
  return {
    count,
    meanSeconds: count === 0 ? 0 : rounded(sumS / count),
    p50Seconds: rounded(latencyQuantile(buckets, 0.5)),
    p99Seconds: rounded(latencyQuantile(buckets, 0.99))
  }
}

/** To microseconds. */
function rounded (seconds: number): number { return Math.round(seconds * 1e6) / 1e6 }
