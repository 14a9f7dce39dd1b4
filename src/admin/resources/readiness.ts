import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { mayRead } from '../guard-access.ts'
import { describeOperation } from '../operation.ts'
import { readinessForAll, readinessWithNames } from '../readiness-answer.ts'

const AnswerSchema = Type.object({
  ready: Type.boolean(),
  reasons: Type.list(Type.string(), { description: 'What is missing. Those who may read routes are told which versions have no endpoints, also when Weir is ready; everybody else how many have heard nothing of theirs.' })
})

/** GET /readyz */
export function readinessResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/readyz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getReadiness',
      tag: 'Operations',
      summary: 'May clients be sent here?',
      description: 'For a readiness probe: ready when the listeners are open and every version has once heard of its endpoints, or the start has waited for that long enough (`kubernetes.startTimeout`). Once ready, it stays so whatever becomes of endpoints. Needs no token; with one, the reasons have names.',
      public: true,
      answers: {
        200: { description: 'Ready.', schema: AnswerSchema, example: { ready: true, reasons: [] } },
        503: { description: 'Not ready.', schema: AnswerSchema, example: { ready: false, reasons: ['version "canary" of route "hello": its endpoints could not be read yet'] } }
      },
      problems: []
    })
  }, async (request, reply) => {
    const readiness = deps.readiness()
    void reply.code(readiness.ready ? 200 : 503)
    return await mayRead(request, deps.tokens) ? readinessWithNames(readiness) : readinessForAll(readiness)
  })
}
