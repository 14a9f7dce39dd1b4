/**
 * The verdict on the new version for others: Argo Rollouts reads it as a metric of its web provider, Flagger asks three gates by its
 * webhooks (https://docs.flagger.app/usage/webhooks).
 */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import type { StatedVerdict } from '../../rollout/rollout-control.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, emptyBody, RouteParamsSchema, unknownRoute, type RouteParams } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { VerdictAnswerSchema } from '../rollout-schemas.ts'
import { noRollout } from './rollouts.ts'

type VerdictAnswer = StatedVerdict & { readonly route: string, readonly rollout: string, readonly phase: string }

const EXAMPLE: VerdictAnswer = {
  route: 'hello',
  rollout: '3f1c9a',
  phase: 'Progressing',
  verdict: 'undecided',
  code: 'more_needed',
  reason: 'canary: 1 of 410 requests failed, stable: 9 of 7,790; a pass needs 1,240 more requests',
  pause: false,
  ejectEndpoint: null,
  from: { requests: 7_790, failures: 9, failureShare: 0.00116, interval: [0.0004, 0.0031], slow: 71, slowShare: 0.0091 },
  to: { requests: 410, failures: 1, failureShare: 0.00244, interval: [0, 0.021], slow: 4, slowShare: 0.0098 },
  errors: {
    evidence: 1.4, threshold: 1_000, clients: 6, clientsOnNew: 1, difference: 0.0013, allowed: 0.005, passEvidence: 3.1, passThreshold: 20
  },
  slow: {
    evidence: 0.9, threshold: 1_000, clients: 40, clientsOnNew: 3, difference: 0.0007, allowed: 0.02, passEvidence: 9.7, passThreshold: 20
  },
  pairs: { evidence: 0.8 },
  copies: null,
  sentinel: { evidence: 1.1, silent: true },
  clients: null,
  heaviest: { key: '10.0.0.7', share: 1 },
  needs: { requests: 1_240, minutes: 2 }
}

export function verdictResources (app: FastifyInstance, deps: AdminDeps): void {
  getVerdict(app, deps)
  askGate(app, deps)
}

/**
 * What is known of the rollout that runs, or of the latest one.
 * @throws ProblemError when there is none
 */
function verdictOf ({ rollouts, traffic }: AdminDeps, route: string): VerdictAnswer {
  if (traffic.route(route) === undefined) throw unknownRoute()
  const status = rollouts.status(route)
  if (status === undefined) throw noRollout(route)
  const { id, phase } = status
  const verdict = rollouts.verdict(route) ?? { verdict: 'undecided', code: 'more_needed', reason: `nothing was judged yet; the rollout is ${phase}` }
  return { route, rollout: id, phase, ...verdict }
}

/** GET /v1/routes/{route}/verdict */
function getVerdict (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route/verdict', {
    config: { access: 'viewer', takesPassword: true },
    schema: describeOperation({
      operationId: 'getVerdict',
      tag: 'Rollouts',
      summary: 'Is the new version good?',
      description: 'In numbers, of the rollout that runs, else of the latest one as it was recorded. 200 whatever it is: look at `verdict`. For the web provider of Argo Rollouts: jsonPath `{$.verdict}`, and the conditions `result == "pass"` and `result == "fail"`.',
      params: RouteParamsSchema,
      answers: { 200: { description: 'The verdict.', schema: VerdictAnswerSchema, example: EXAMPLE } },
      problems: ['unknown_route', 'no_rollout']
    })
  }, request => verdictOf(deps, request.params.route))
}

const GATES = ['rollout', 'confirm-traffic-increase', 'rollback'] as const
type Gate = typeof GATES[number]

const GateParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] }),
  gate: Type.oneOf(GATES, { description: 'The type of the webhook.' })
})

const GateBody = Type.object({}, {
  additionalProperties: true,
  description: 'What Flagger sends; it does not matter here.',
  examples: [{ name: 'hello', namespace: 'shop', phase: 'Progressing', checksum: '5f8b6c9d7', metadata: {} }]
})

/** POST /v1/routes/{route}/verdict/{gate} */
function askGate (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: Static<typeof GateParamsSchema> }>('/v1/routes/:route/verdict/:gate', {
    config: { access: 'viewer', takesPassword: true },
    schema: describeOperation({
      operationId: 'askGate',
      tag: 'Rollouts',
      summary: 'The verdict for a webhook of Flagger',
      description: '200 means yes, everything else no. `rollout`: yes unless the new version has failed. `confirm-traffic-increase`: yes when it has passed. `rollback`: yes, roll back, when it has failed. ' +
        'It changes nothing, so a viewer may ask. Flagger can send no header of your choice: put the token into the URL as a password, `http://weir:TOKEN@…`.',
      params: GateParamsSchema,
      body: GateBody,
      answers: {
        200: { description: 'Yes, and why.', schema: VerdictAnswerSchema, example: { ...EXAMPLE, verdict: 'pass', code: 'passed' } }
      },
      problems: ['invalid_request', 'unknown_route', 'no_rollout', 'gate_closed']
    }),
    preValidation: emptyBody
  }, request => {
    const { route, gate } = request.params
    const verdict = verdictOf(deps, route)
    if (isOpen(gate, verdict)) return verdict
    throw new ProblemError('gate_closed', { detail: `${gate}: the verdict is ${verdict.verdict}: ${verdict.reason}` })
  })
}

/** While both versions fail alike nothing goes on, and nothing goes back: it is not the new version's fault. */
function isOpen (gate: Gate, { verdict, pause = false }: StatedVerdict): boolean {
  switch (gate) {
    case 'rollout': return verdict !== 'fail'
    case 'confirm-traffic-increase': return verdict === 'pass' && !pause
    default: return verdict === 'fail'
  }
}
