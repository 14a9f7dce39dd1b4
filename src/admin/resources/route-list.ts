import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { AfterTurn } from '../../net/after-turn.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { describeOperation } from '../operation.ts'
import { printableJson } from '../printable-json.ts'
import { SharedAnswer } from '../shared-answer.ts'
import { WeightsSchema } from '../weights-schema.ts'

const AnswerSchema = Type.object({
  routes: Type.list(Type.object({
    name: Type.string(),
    epoch: Type.integer({ description: 'Raised by every change of the route.' }),
    revision: Type.integer({ description: 'The latest revision of the history.' }),
    weights: WeightsSchema,
    readyEndpoints: Type.mapOf(Type.integer(), { description: 'By version, the number of endpoints that requests go to now, in the worker that uses the fewest: not those that are ejected or fail their active check; all of them in panic; terminating ones when no other is left.' })
  }), { description: 'In the order of the configuration.' })
})

/** A few milliseconds of work. */
const ROUTES_PER_TURN = 50

const EXAMPLE: Static<typeof AnswerSchema> = {
  routes: [{ name: 'hello', epoch: 3, revision: 3, weights: { stable: 75, canary: 25 }, readyEndpoints: { stable: 2, canary: 2 } }]
}

/** GET /v1/routes */
export function routeListResource (app: FastifyInstance, deps: AdminDeps): void {
  const afterTurn = new AfterTurn()
  const answer = new SharedAnswer(async () => await listRoutes(deps, afterTurn))
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

/** The answer as text, made route by route: to make 5,000 of them into text at once would hold everybody else up. */
async function listRoutes ({ traffic, details }: AdminDeps, afterTurn: AfterTurn): Promise<string> {
  const texts: string[] = []
  for (const [name, { epoch, revision, weights }] of [...traffic.routes()]) {
    const versions = details(name)?.versions ?? []
    const route: Static<typeof AnswerSchema>['routes'][number] = {
      name, epoch, revision, weights, readyEndpoints: Object.fromEntries(versions.map(version => [version.name, version.usedEndpoints]))
    }
    texts.push(printableJson(route))
    // Thousands of routes take a while, and everything else has its turn meanwhile.
    if (texts.length % ROUTES_PER_TURN === 0) await new Promise<void>(resolve => { afterTurn.add(resolve) })
  }
  return `{"routes":[${texts.join(',')}]}`
}
