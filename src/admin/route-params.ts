import { type Static, Type } from '../core/json-schema.ts'
import { ProblemError } from './problem-error.ts'

/** The path parameter of everything under /v1/routes/{route}. */
export const RouteParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] })
})

export type RouteParams = Static<typeof RouteParamsSchema>

/** The path parameters of everything under /v1/routes/{route}/versions/{version}. */
export const VersionParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] }),
  version: Type.string({ description: 'The name of the version.', examples: ['canary'] })
})

export type VersionParams = Static<typeof VersionParamsSchema>

/** What is thrown when the route that the path names does not exist. */
export function unknownRoute (): ProblemError {
  return new ProblemError('unknown_route', { detail: 'GET /v1/routes lists the routes' })
}
