/** The rollout of a route: how it stands, its start, and what a person may do with it. */
import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import type { RolloutAction, RolloutMeta, RolloutResult, RolloutStatus } from '../../rollout/rollout-control.ts'
import type { AdminDeps } from '../admin-deps.ts'
import {
  AppliedSchema, ChangeHeadersSchema, changeOptions, ChangeQuerySchema, describeApplied, ReasonSchema, refusedChangeProblem,
  type ChangeQuery, type ChangeRequest, type WaitingChangeOptions
} from '../change-request.ts'
import {
  describeOperation, emptyBody, epochTag, RouteParamsSchema, unknownRoute, WeightsSchema, type Operation, type RouteParams
} from '../operation.ts'
import { ProblemError, type ProblemCode, type ProblemDetails } from '../problem.ts'
import { describeRolloutStatus, PLAN_FIELDS, RolloutSchema } from '../rollout-schemas.ts'

/** Of the faults of a plan, so many are listed; how many more there are is said. */
const MAX_PLAN_FAULTS = 20
/** What is wrong may be the name of a field, as long as somebody likes. */
const MAX_PLACE_LENGTH = 120
const MAX_MESSAGE_LENGTH = 300

const EXAMPLE: RolloutStatus = {
  id: '3f1c9a',
  route: 'hello',
  phase: 'Progressing',
  from: 'stable',
  to: 'canary',
  step: 1,
  steps: [
    { kind: 'set-weight', text: 'weight 5 %', weight: 5, state: 'done' },
    { kind: 'analyse', text: 'analyse 2m', weight: null, state: 'now' },
    { kind: 'set-weight', text: 'weight 50 %', weight: 50, state: 'ahead' }
  ],
  waitsFor: 'a pass',
  since: '2026-05-04T08:15:30.123Z',
  startedAt: '2026-05-04T08:15:30.001Z',
  sentence: 'canary has 5 % and is compared with stable: 1,240 more requests, about 2 minutes, until a pass',
  shareTo: 5,
  weights: { stable: 95, canary: 5 },
  epoch: 4,
  actor: 'ops',
  reason: 'release 2.0.0',
  plan: {
    to: 'canary',
    from: 'stable',
    preset: 'canary',
    steps: [{ setWeight: 5 }, { analyse: { for: '2m' } }, { setWeight: 50 }],
    onSuccess: 'promote',
    watch: '10m'
  },
  defaultDiffers: false,
  possible: ['pause', 'promote', 'abort'],
  pending: null,
  verdict: {
    verdict: 'undecided',
    code: 'more_needed',
    reason: 'canary: 1 of 410 requests failed, stable: 9 of 7,790; a pass needs 1,240 more requests',
    from: { requests: 7_790, failures: 9, failureShare: 0.00116, interval: [0.0004, 0.0031], slow: 71, slowShare: 0.0091 },
    to: { requests: 410, failures: 1, failureShare: 0.00244, interval: [0, 0.021], slow: 4, slowShare: 0.0098 },
    needs: { requests: 1_240, minutes: 2 }
  },
  evidence: { leads: true, replicas: 3, of: 3, missing: [] }
}

const ChangedSchema = Type.object({
  route: Type.string(),
  epoch: Type.integer({ description: 'The epoch of the route now.' }),
  changed: Type.boolean({ description: 'False when it was so already.' }),
  weights: WeightsSchema,
  rollout: RolloutSchema,
  applied: Type.optional(AppliedSchema)
}, { description: 'The rollout after the change.' })

/** What any change of a rollout may answer instead. */
const CHANGE_PROBLEMS: readonly ProblemCode[] = [
  'invalid_request', 'malformed_if_match', 'unknown_route', 'store_conflict', 'epoch_mismatch', 'store_failed'
]

interface ChangeParts {
  Params: RouteParams
  Querystring: ChangeQuery
}

/** What is asked of a rollout, with what all changes have. */
type AskRollout = (deps: AdminDeps, route: string, meta: RolloutMeta, options: WaitingChangeOptions) => Promise<RolloutResult>

export function rolloutResources (app: FastifyInstance, deps: AdminDeps): void {
  getRollout(app, deps)
  startRollout(app, deps)
  actOnRollout(app, deps)
}

/** GET /v1/routes/{route}/rollout */
function getRollout (app: FastifyInstance, { rollouts, traffic }: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route/rollout', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getRollout',
      tag: 'Rollouts',
      summary: 'How the rollout of a route stands',
      description: 'The one that runs, else the latest: phase, step, what it waits for, the verdict in numbers, and one sentence for a person.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The rollout.', schema: RolloutSchema, example: EXAMPLE, tagged: true } },
      problems: ['unknown_route', 'no_rollout']
    })
  }, (request, reply) => {
    const { route } = request.params
    if (traffic.route(route) === undefined) throw unknownRoute()
    const status = rollouts.status(route)
    if (status === undefined) throw noRollout(route)
    void reply.header('etag', epochTag(status.epoch))
    return describeRolloutStatus(status)
  })
}

/** What is thrown where a route never had a rollout. */
export function noRollout (route: string): ProblemError {
  return new ProblemError('no_rollout', {
    detail: `start one with POST /v1/routes/${encodeURIComponent(route)}/rollout, or weir rollout start`, possible: ['start']
  })
}

const StartBody = Type.object({ ...PLAN_FIELDS, reason: ReasonSchema }, {
  description: 'A plan; without one, that of the configuration.',
  additionalProperties: true,
  examples: [
    { to: 'canary', steps: [{ setWeight: 5 }, { analyse: { for: '2m' } }, { setWeight: 50 }], reason: 'release 2.0.0' },
    { to: 'green', preset: 'blue-green' },
    { reason: 'the plan of the configuration' }
  ]
})

/** POST /v1/routes/{route}/rollout */
function startRollout (app: FastifyInstance, deps: AdminDeps): void {
  app.post<ChangeParts & { Body: Static<typeof StartBody> | undefined }>('/v1/routes/:route/rollout', {
    config: { access: 'operator' },
    schema: describeRolloutChange({
      operationId: 'startRollout',
      summary: 'Start a rollout',
      description: 'With the plan of the body; without one, with that of the configuration (`routes[].rollout`). One runs at a time on a route. The body may be left out.',
      body: StartBody,
      problems: ['rollout_running', 'invalid_plan', 'no_plan']
    }),
    preValidation: emptyBody
  }, (request, reply) => {
    const { reason, ...fields } = request.body ?? {}
    const plan = Object.keys(fields).length === 0 ? undefined : fields
    return answerRollout(deps, request, reply, {
      reason, ask: async ({ rollouts }, route, meta, options) => await rollouts.start(route, plan, meta, options)
    })
  })
}

const ActionBody = Type.object({ reason: ReasonSchema }, {
  additionalProperties: false, examples: [{ reason: 'a look at the logs first' }]
})

const PromoteBody = Type.object({
  full: Type.optional(Type.boolean({ default: false, description: 'All the way at once, whatever steps are left.' })),
  reason: ReasonSchema
}, { additionalProperties: false, examples: [{ reason: 'looks good' }, { full: true, reason: 'a fix that can\'t wait' }] })

type SimpleAction = Exclude<RolloutAction['type'], 'promote'>

const ACTIONS: Readonly<Record<SimpleAction, { readonly summary: string, readonly description: string }>> = {
  pause: { summary: 'Pause the rollout', description: 'It stays at its weights. The new version is still judged: a fail takes it out.' },
  resume: { summary: 'Go on with the rollout', description: 'From where it was paused, whoever paused it; a step that waits for somebody is over.' },
  abort: { summary: 'End the rollout and go back', description: 'The weights are again what they were before it, in one epoch. It takes effect in the workers also while the state can\'t be stored; `pending` of the rollout says so then.' },
  retry: { summary: 'Begin the rollout again', description: 'The same plan from its first step, after it failed or was aborted.' }
}

/** POST /v1/routes/{route}/rollout/{action} */
function actOnRollout (app: FastifyInstance, deps: AdminDeps): void {
  for (const [type, { summary, description }] of Object.entries(ACTIONS) as Array<[SimpleAction, typeof ACTIONS[SimpleAction]]>) {
    app.post<ChangeParts & { Body: Static<typeof ActionBody> | undefined }>(`/v1/routes/:route/rollout/${type}`, {
      config: { access: 'operator' },
      schema: describeRolloutChange({
        operationId: `${type}Rollout`,
        summary,
        description: `${description} The body may be left out.`,
        body: ActionBody,
        problems: ['no_rollout', 'rollout_not_running', ...(type === 'retry' ? ['rollout_running' as const] : [])]
      }),
      preValidation: emptyBody
    }, (request, reply) => answerRollout(deps, request, reply, {
      reason: request.body?.reason, ask: async ({ rollouts }, route, meta, options) => await rollouts.act(route, { type }, meta, options)
    }))
  }
  app.post<ChangeParts & { Body: Static<typeof PromoteBody> | undefined }>('/v1/routes/:route/rollout/promote', {
    config: { access: 'operator' },
    schema: describeRolloutChange({
      operationId: 'promoteRollout',
      summary: 'Go to the next step, or all the way',
      description: 'The present step is over, whatever it waits for. With `full`, so are all others: the new version gets all traffic, and is watched. The body may be left out.',
      body: PromoteBody,
      problems: ['no_rollout', 'rollout_not_running']
    }),
    preValidation: emptyBody
  }, (request, reply) => {
    const full = request.body?.full === true
    return answerRollout(deps, request, reply, {
      reason: request.body?.reason,
      ask: async ({ rollouts }, route, meta, options) => await rollouts.act(route, { type: 'promote', full }, meta, options)
    })
  })
}

function describeRolloutChange (
  { problems, ...change }: Pick<Operation, 'operationId' | 'summary' | 'description' | 'problems' | 'body'>
): FastifySchema {
  return describeOperation({
    ...change,
    tag: 'Rollouts',
    params: RouteParamsSchema,
    querystring: ChangeQuerySchema,
    headers: ChangeHeadersSchema,
    answers: {
      200: {
        description: 'The change is made. It is stored and survives a crash of Weir, unless `pending` of the rollout says otherwise.',
        schema: ChangedSchema,
        tagged: true,
        example: { route: 'hello', epoch: 4, changed: true, weights: { stable: 95, canary: 5 }, rollout: EXAMPLE }
      }
    },
    problems: [...CHANGE_PROBLEMS, ...problems]
  })
}

async function answerRollout (
  deps: AdminDeps, request: ChangeRequest, reply: FastifyReply,
  { ask, reason = '' }: { readonly ask: AskRollout, readonly reason: string | undefined }
): Promise<object> {
  const { route } = request.params
  const options = changeOptions(request)
  const result = await ask(deps, route, { actor: request.actor, reason }, options)
  if (!result.ok) throw refusedChangeProblem(reply, result.error, detailsOf(result.error))
  const { changed, epoch, published, status } = result
  void reply.header('etag', epochTag(epoch))
  const applied = await describeApplied(deps, request, { epoch, published }, options)
  return { route, epoch, changed, weights: status.weights, rollout: describeRolloutStatus(status), ...applied }
}

function detailsOf ({ possible, faults = [] }: Extract<RolloutResult, { ok: false }>['error']): ProblemDetails {
  const listed = faults.slice(0, MAX_PLAN_FAULTS).map(({ place, message }) => ({
    place: place.slice(0, MAX_PLACE_LENGTH), message: message.slice(0, MAX_MESSAGE_LENGTH)
  }))
  const texts = listed.map(({ place, message }) => `${place}: ${message}`)
  if (faults.length > listed.length) texts.push(`and ${faults.length - listed.length} more`)
  return {
    ...(possible === undefined ? {} : { possible }), ...(listed.length === 0 ? {} : { detail: texts.join('; '), faults: listed })
  }
}
