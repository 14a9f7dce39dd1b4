import { Type } from '../core/json-schema.ts'
import { PROBLEMS } from './problem.ts'

/** The body of every error response, for the OpenAPI document. */
export const ProblemSchema = Type.object({
  type: Type.string({ description: '`urn:weir:problem:<code>`' }),
  title: Type.string({ description: 'The same for every occurrence of a code.' }),
  status: Type.integer(),
  code: Type.oneOf(Object.keys(PROBLEMS), { description: 'What a program should match on.' }),
  detail: Type.optional(Type.string({ description: 'What is wrong this time, and what helps.' })),
  errors: Type.optional(Type.list(Type.object({
    path: Type.string({ description: 'Where: `body/weights/canary`, `query/limit`.' }),
    message: Type.string()
  }), { description: 'Every fault of a request that is not what the resource expects.' })),
  epoch: Type.optional(Type.integer({ description: 'The epoch of the route, where the problem is about it.' }))
}, { $id: 'Problem', title: 'Problem', description: 'Problem details (RFC 9457).' })
