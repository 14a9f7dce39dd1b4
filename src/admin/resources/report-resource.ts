/** The report of a rollout: both versions side by side, as numbers and as a page of text. */
import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import { prefersText } from '../../http/own-answer.ts'
import { ROLLOUT_PRESETS } from '../../plans/rollout-plan.ts'
import { reportPage } from '../../rollout/report-page.ts'
import type { RolloutReport } from '../../rollout/rollout-report.ts'
import { ROLLOUT_PHASES } from '../../rollout/rollout-state.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, RouteParamsSchema, unknownRoute, type RouteParams } from '../operation.ts'
import { noRollout } from './rollouts.ts'

const NULLABLE = { type: ['object', 'null'] }
const IntervalSchema = Type.list(Type.number(), { description: 'Of 95 %: from, to.' })

const QuantileSchema = Type.object({
  value: Type.numberOrNull('Interpolated within its bucket. Null: past the last bound, 30 s.'),
  interval: Type.list({ type: ['number', 'null'] }, { description: 'The edges of the buckets in which both ends of the 95 % interval lie. Null: no upper end is known.' })
})

const VersionSchema = Type.object({
  version: Type.string(),
  requests: Type.integer({ description: 'All that it has served since the rollout began, those included that a match, a list or an override brought.' }),
  clients: { ...Type.object({ estimate: Type.integer(), interval: IntervalSchema }), ...NULLABLE, description: 'Different clients, estimated in bounded memory. Null: none yet, or the route does not tell them from one another.' },
  errors: Type.object({
    count: Type.integer({ description: 'Answered with a status of 500 and more, but for what Weir itself refused.' }),
    share: Type.number({ description: 'From 0 to 1.' }),
    interval: IntervalSchema
  }),
  latencyMs: {
    ...Type.object({ p50: QuantileSchema, p90: QuantileSchema, p99: QuantileSchema }), ...NULLABLE, description: 'In milliseconds, of whole requests. Null: there were none.'
  }
})

const ReportSchema = Type.object({
  route: Type.string(),
  rollout: Type.string({ description: 'The id of the rollout.' }),
  phase: Type.oneOf(ROLLOUT_PHASES),
  preset: Type.oneOf(ROLLOUT_PRESETS),
  startedAt: Type.string({ format: 'date-time' }),
  since: Type.string({ format: 'date-time', description: 'Since when it is in its phase and step: the end of one that is over.' }),
  match: Type.textOrNull('What of the rollout has brought requests to the new version beside its share. Null: nothing.'),
  shareTo: Type.number({ description: 'The share of `to` by weight, 0 to 100.' }),
  from: VersionSchema,
  to: VersionSchema,
  errorDifference: {
    ...Type.object({ estimate: Type.number(), interval: IntervalSchema }),
    ...NULLABLE,
    description: 'The share of errors of `to` less that of `from`. Null: one of them had no requests.'
  },
  verdict: {
    ...Type.object({ verdict: Type.string(), code: Type.string(), reason: Type.string() }), ...NULLABLE, description: 'What the judge says; in an `a-b` it ends nothing but by a guard.'
  },
  replicas: Type.optional(Type.integer({ description: 'How many there are, one of which has counted this. Absent: it is the only one.' })),
  isStored: Type.boolean({ description: 'Another replica leads the rollout: the numbers are those that it has stored last, up to 10 s ago.' }),
  text: Type.string({ description: 'The same as a page of text.' })
})

const quantile = (value: number, low: number, high: number) => ({ value, interval: [low, high] as const })

const EXAMPLE: RolloutReport = {
  route: 'hello',
  rollout: '3f1c9a',
  phase: 'Healthy',
  preset: 'a-b',
  startedAt: '2026-05-04T08:15:30.001Z',
  since: '2026-05-04T09:15:30.101Z',
  match: 'header x-beta=1',
  shareTo: 0,
  from: {
    version: 'stable',
    requests: 7_790,
    clients: { estimate: 412, interval: [378, 446] },
    errors: { count: 9, share: 0.00116, interval: [0.0003, 0.0033] },
    latencyMs: { p50: quantile(3.1, 2.5, 5), p90: quantile(8.4, 5, 10), p99: quantile(31, 25, 50) }
  },
  to: {
    version: 'canary',
    requests: 410,
    clients: { estimate: 22, interval: [21, 23] },
    errors: { count: 1, share: 0.00244, interval: [0, 0.023] },
    latencyMs: { p50: quantile(3, 2.5, 5), p90: quantile(8.1, 5, 10), p99: quantile(29, 10, 50) }
  },
  errorDifference: { estimate: 0.00128, interval: [-0.0033, 0.0227] },
  verdict: { verdict: 'undecided', code: 'more_needed', reason: 'Nothing speaks against the new version; a pass needs about 1240 more requests of it.' },
  isStored: false
}

/** GET /v1/routes/{route}/rollout/report */
export function rolloutReportResource (app: FastifyInstance, { rollouts, traffic, replicas }: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route/rollout/report', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getRolloutReport',
      tag: 'Rollouts',
      summary: 'Both versions of a rollout side by side',
      description: 'Of the rollout that runs, else of the latest one: requests, clients, errors and times of both versions, with intervals. It is what the replica has seen that leads the rollout. `Accept: text/plain` gives the page of text alone.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The report.', schema: ReportSchema, example: { ...EXAMPLE, text: reportPage(EXAMPLE) } } },
      problems: ['unknown_route', 'no_rollout']
    })
  }, (request, reply) => {
    const { route } = request.params
    if (traffic.route(route) === undefined) throw unknownRoute()
    const report = rollouts.report(route)
    if (report === undefined) throw noRollout(route)
    const { length } = replicas.list().replicas
    const text = reportPage(report, length)
    void reply.header('vary', 'accept')
    if (!prefersText(request.headers.accept)) return { ...report, ...(length > 1 ? { replicas: length } : {}), text }
    void reply.type('text/plain; charset=utf-8')
    return text
  })
}
