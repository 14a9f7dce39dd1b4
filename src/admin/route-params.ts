import { type Static, Type } from './json-schema.ts'

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
