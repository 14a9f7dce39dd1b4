import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import { describeOperation } from '../operation.ts'

/** GET /healthz */
export function healthResource (app: FastifyInstance): void {
  app.get('/healthz', {
    config: { access: 'public' },
    schema: describeOperation({
      operationId: 'getHealth',
      tag: 'Operations',
      summary: 'Is the control plane alive?',
      description: 'For a liveness probe. Needs no token.',
      public: true,
      answers: { 200: { description: 'It is.', schema: Type.object({ status: Type.oneOf(['ok']) }), example: { status: 'ok' } } },
      problems: []
    })
  }, async () => ({ status: 'ok' }))
}
