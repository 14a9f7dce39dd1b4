import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import type { ChangeQuery } from '../change-operation.ts'
import { answerChange, describeChange, ReasonSchema } from '../change-operation.ts'
import type { RouteParams } from '../route-params.ts'

const BodySchema = Type.object({
  revision: Type.optional(Type.integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'The revision whose weights to return to. Without it, the weights before the latest change.' })),
  reason: ReasonSchema
}, { additionalProperties: false, examples: [{ reason: 'errors on canary' }, { revision: 3 }] })

/** POST /v1/routes/{route}/undo */
export function undoResource (app: FastifyInstance, deps: AdminDeps): void {
  app.post<{ Params: RouteParams, Querystring: ChangeQuery, Body: Static<typeof BodySchema> | undefined }>('/v1/routes/:route/undo', {
    config: { access: 'operator' },
    schema: describeChange({
      operationId: 'undoChange',
      summary: 'Return to earlier weights',
      description: 'Without a revision: the weights before the latest change, whatever made it; a second undo undoes the first. ' +
        'With a revision: the weights that it brought. An undo is a change itself and gets a revision of its own. The body may be left out.',
      body: BodySchema,
      problems: ['unknown_revision', 'nothing_to_undo', 'versions_changed']
    }),
    preValidation: async request => {
      // A request without a body has the type null here; it asks for the plain undo.
      request.body ??= {}
    }
  }, (request, reply) => {
    const revision = request.body?.revision
    return answerChange(deps, request, reply, {
      command: revision === undefined ? { type: 'undo' } : { type: 'undo', revision }, reason: request.body?.reason
    })
  })
}
