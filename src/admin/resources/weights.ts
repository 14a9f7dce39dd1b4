import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import type { ChangeQuery } from '../change-operation.ts'
import { answerChange, describeChange, ReasonSchema } from '../change-operation.ts'
import type { RouteParams } from '../route-params.ts'
import { WeightsSchema } from '../weights-schema.ts'

const BodySchema = Type.object({ weights: WeightsSchema, reason: ReasonSchema }, {
  additionalProperties: false, examples: [{ weights: { stable: 75, canary: 25 }, reason: 'canary looks good' }]
})

/** PUT /v1/routes/{route}/weights */
export function weightsResource (app: FastifyInstance, deps: AdminDeps): void {
  app.put<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof BodySchema> }>('/v1/routes/:route/weights', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'setWeights',
      summary: 'Set the weights of a route',
      description: 'Every version of the route has to be named; 0 takes a version out. At least one weight has to be above 0. ' +
        'The weights win over those of the configuration until the configuration\'s own weights for the route change.',
      body: BodySchema,
      problems: ['unknown_version', 'missing_version', 'invalid_weight']
    })
  }, (request, reply) => answerChange(deps, request, reply, {
    command: { type: 'weights', weights: request.body.weights }, reason: request.body.reason
  }))
}
