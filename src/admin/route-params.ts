import { type Static, Type } from './json-schema.ts'

/** The path parameter of everything under /v1/routes/{route}. */
export const RouteParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] })
})

export type RouteParams = Static<typeof RouteParamsSchema>
