import type { FastifyInstance } from 'fastify'
import { Type } from '../json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'

const AnswerSchema = Type.object({
  ready: Type.boolean(),
  reasons: Type.list(Type.string(), { description: 'What is missing; empty when ready.' })
})

/** GET /readyz */
export function readinessResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/readyz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getReadiness',
      tag: 'Operations',
      summary: 'May clients be sent here?',
      description: 'For a readiness probe: ready when the listeners are open and every version is static or has heard of its endpoints. Needs no token.',
      public: true,
      answers: {
        200: { description: 'Ready.', schema: AnswerSchema, example: { ready: true, reasons: [] } },
        503: { description: 'Not ready.', schema: AnswerSchema, example: { ready: false, reasons: ['route hello: version canary has not heard of its endpoints yet'] } }
      },
      problems: []
    })
  }, async (_request, reply) => {
    const { reasons } = deps.readiness()
    const ready = reasons.length === 0
    void reply.code(ready ? 200 : 503)
    return { ready, reasons }
  })
}
