import type { FastifyInstance } from 'fastify'
import { Type } from '../json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'

const AnswerSchema = Type.object({
  ready: Type.boolean(),
  reasons: Type.list(Type.string(), { description: 'What is missing. Versions without endpoints are named also when Weir is ready.' })
})

/** GET /readyz */
export function readinessResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/readyz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getReadiness',
      tag: 'Operations',
      summary: 'May clients be sent here?',
      description: 'For a readiness probe: ready when the listeners are open and every version has once heard of its endpoints, or the start has waited for that long enough (`kubernetes.startTimeout`). Once ready, it stays so whatever becomes of endpoints. Needs no token.',
      public: true,
      answers: {
        200: { description: 'Ready.', schema: AnswerSchema, example: { ready: true, reasons: [] } },
        503: { description: 'Not ready.', schema: AnswerSchema, example: { ready: false, reasons: ['version "canary" of route "hello": its endpoints could not be read yet'] } }
      },
      problems: []
    })
  }, async (_request, reply) => {
    const { ready, own, ofVersions } = deps.readiness()
    void reply.code(ready ? 200 : 503)
    return { ready, reasons: [...own, ...ofVersions()] }
  })
}
