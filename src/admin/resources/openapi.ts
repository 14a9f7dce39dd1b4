import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import { describeOperation } from '../operation.ts'

/** GET /openapi.json */
export function openapiResource (app: FastifyInstance): void {
  app.get('/openapi.json', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getOpenapi',
      tag: 'About',
      summary: 'This API as an OpenAPI 3.1 document',
      description: 'Generated from the code that answers.',
      answers: {
        200: {
          description: 'The document.', schema: Type.object({}, { additionalProperties: true }), example: { openapi: '3.1.0' }
        }
      },
      problems: []
    })
  }, async () => {
    // Loaded when somebody asks: few do, and a sidecar's memory is dear.
    const { default: document } = await import('../openapi.json', { with: { type: 'json' } })
    return document
  })
}
