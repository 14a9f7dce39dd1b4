import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { Type } from '../../core/json-schema.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'

/** A stream of what is read: it has begun when this resolves, so that a fault at the beginning still gets its status. */
async function openStream (body: AsyncIterable<Buffer>): Promise<Readable> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  return Readable.from((async function * () {
    try {
      for (let piece = first; piece.done !== true; piece = await pieces.next()) yield piece.value
    } finally {
      await pieces.return?.()
    }
  })(), { objectMode: false })
}

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
    return reply.type(contentType).send(typeof body === 'string' ? body : await openStream(body))
  })
}
