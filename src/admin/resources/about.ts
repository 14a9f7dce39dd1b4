import type { FastifyInstance } from 'fastify'
import { Type } from '../../core/json-schema.ts'
import { describeOperation } from '../operation.ts'

/** What the API has, for somebody who found only its address. */
const ABOUT = {
  name: 'weir',
  resources: {
    routes: '/v1/routes',
    health: '/healthz',
    readiness: '/readyz',
    metrics: '/metrics',
    openapi: '/openapi.json'
  }
} as const

/** GET / */
export function aboutResource (app: FastifyInstance): void {
  app.get('/', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getAbout',
      tag: 'About',
      summary: 'What there is',
      description: 'The addresses of the main resources.',
      answers: {
        200: {
          description: 'The main resources.',
          schema: Type.object({ name: Type.string(), resources: Type.mapOf(Type.string()) }),
          example: ABOUT
        }
      },
      problems: []
    })
  }, async () => ABOUT)
}
