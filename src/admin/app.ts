import type { FastifyInstance } from 'fastify'
import type { AdminDeps } from './admin-deps.ts'
import { ADMIN_LIMITS, type AdminLimits, createAdminServer } from './admin-server.ts'
import { registerResources } from './register-resources.ts'

/**
 * The admin API, ready to listen. The caller listens on the configured address and closes it.
 * It does not read the token files: the reload of the start does, so that faults are logged before the first request.
 */
export function createAdminApp (deps: AdminDeps, limits: AdminLimits = ADMIN_LIMITS): FastifyInstance {
  const app = createAdminServer(deps, limits)
  registerResources(app, deps)
  return app
}
