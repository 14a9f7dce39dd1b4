import type { FastifyInstance } from 'fastify'
import type { AdminDeps } from './admin-deps.ts'
import { guardAccess } from './guard-access.ts'
import { guardMethods } from './guard-methods.ts'
import { ProblemSchema } from './problem-schema.ts'
import { aboutResource } from './resources/about.ts'
import { explainResource } from './resources/explain.ts'
import { healthResource } from './resources/health.ts'
import { historyResource } from './resources/history.ts'
import { metricsResource } from './resources/metrics.ts'
import { openapiResource } from './resources/openapi.ts'
import { readinessResource } from './resources/readiness.ts'
import { routeResource } from './resources/route.ts'
import { routeListResource } from './resources/route-list.ts'
import { switchResource } from './resources/switch.ts'
import { undoResource } from './resources/undo.ts'
import { drainResource } from './resources/drain.ts'
import { weightsResource } from './resources/weights.ts'

/** Puts every resource of the API on a server, behind the checks of who may use it. */
export function registerResources (app: FastifyInstance, deps: AdminDeps): void {
  app.addSchema(ProblemSchema)
  guardAccess(app, deps.tokens)
  const refuseOtherMethods = guardMethods(app)
  aboutResource(app)
  healthResource(app)
  readinessResource(app, deps)
  metricsResource(app, deps)
  openapiResource(app)
  routeListResource(app, deps)
  routeResource(app, deps)
  weightsResource(app, deps)
  switchResource(app, deps)
  undoResource(app, deps)
  historyResource(app, deps)
  explainResource(app, deps)
  drainResource(app, deps)
  refuseOtherMethods()
}
