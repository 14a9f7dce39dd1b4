import type { FastifyInstance } from 'fastify'
import { Type } from '../json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'

/** GET /metrics */
export function metricsResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get('/metrics', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getMetrics',
      tag: 'Operations',
      summary: 'Metrics for Prometheus',
      description: 'The catalogue is in docs/metrics.md. When tokens are configured, give Prometheus one with the role viewer (`authorization.credentials_file`).',
      answers: {
        200: {
          description: 'The text exposition format.',
          mediaType: 'text/plain',
          schema: Type.string(),
          example: '# TYPE weir_requests_total counter\nweir_requests_total{route="hello",version="stable",code_class="2xx"} 7510\n'
        }
      },
      problems: []
    })
  }, async (_request, reply) => {
    const { contentType, body } = await deps.metrics()
    return reply.type(contentType).send(body)
  })
}
