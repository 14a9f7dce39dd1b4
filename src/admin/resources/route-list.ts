import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { printableJson } from '../../core/logger.ts'
import { WorkSlices } from '../../net/turns.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation, WeightsSchema } from '../operation.ts'
import { describeInShort, ShortRolloutSchema } from '../rollout-schemas.ts'
import { SharedAnswer } from '../../core/shared-answer.ts'

const AnswerSchema = Type.object({
  routes: Type.list(Type.object({
    name: Type.string(),
    epoch: Type.integer({ description: 'Raised by every change of the route.' }),
    revision: Type.integer({ description: 'The latest revision of the history.' }),
    weights: WeightsSchema,
    readyEndpoints: Type.mapOf(Type.integer(), { description: 'By version, the number of endpoints that requests go to now, in the worker that uses the fewest: not those that are ejected or fail their active check; all of them in panic; terminating ones when no other is left.' }),
    rollout: Type.optional(ShortRolloutSchema)
  }), { description: 'In the order of the configuration.' })
})

const EXAMPLE: Static<typeof AnswerSchema> = {
  routes: [{ name: 'hello', epoch: 3, revision: 3, weights: { stable: 75, canary: 25 }, readyEndpoints: { stable: 2, canary: 2 } }]
}

/** GET /v1/routes */
export function routeListResource (app: FastifyInstance, deps: AdminDeps): void {
  const answer = new SharedAnswer(async () => await listRoutes(deps))
  app.get('/v1/routes', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'listRoutes',
      tag: 'Routes',
      summary: 'All routes with their weights',
      description: 'In short; each route has more to say of itself.',
      answers: { 200: { description: 'The routes.', schema: AnswerSchema, example: EXAMPLE } },
      problems: []
    })
  }, async (_request, reply) => reply.type('application/json; charset=utf-8').send(await answer.ask()))
}

/**
 * The answer as bytes, once for all who have asked, and made route by route: to make 5,000 of them at once would hold everybody else up.
 */
async function listRoutes ({ clock, traffic, usedEndpoints }: AdminDeps): Promise<Buffer> {
  const slices = new WorkSlices(clock)
  const pieces: Buffer[] = [Buffer.from('{"routes":[')]
  let text = ''
  for (const [name, { epoch, revision, weights, rollout }] of [...traffic.routes()]) {
    const short = describeInShort(rollout)
    const route: Static<typeof AnswerSchema>['routes'][number] = {
      name, epoch, revision, weights, readyEndpoints: usedEndpoints(name) ?? {}, ...(short === undefined ? {} : { rollout: short })
    }
    text += `${text === '' && pieces.length === 1 ? '' : ','}${printableJson(route)}`
    if (!slices.isOver) continue
    pieces.push(Buffer.from(text))
    text = ''
    await slices.rest()
  }
  pieces.push(Buffer.from(`${text}]}`))
  return Buffer.concat(pieces)
}
