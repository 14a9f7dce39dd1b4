import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { NAME_PATTERN } from '../../config/patterns.ts'
import type { AdminDeps } from '../admin-deps.ts'
import type { ChangeQuery } from '../change-operation.ts'
import { answerChange, describeChange, ReasonSchema } from '../change-operation.ts'
import type { RouteParams } from '../route-params.ts'

const BodySchema = Type.object({
  to: Type.string({ pattern: NAME_PATTERN, description: 'The version that gets all traffic.' }),
  reason: ReasonSchema
}, { additionalProperties: false, examples: [{ to: 'green', reason: 'release 2.0.0' }] })

/** POST /v1/routes/{route}/switch */
export function switchResource (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof BodySchema> }>('/v1/routes/:route/switch', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'switchVersion',
      summary: 'Send all traffic of a route to one version',
      description: 'Blue/green: the version gets weight 100 and every other one 0. Requests in flight are finished where they are.',
      body: BodySchema,
      problems: ['unknown_version']
    })
  }, (request, reply) => answerChange(deps, request, reply, {
    command: { type: 'switch', to: request.body.to }, reason: request.body.reason
  }))
}
