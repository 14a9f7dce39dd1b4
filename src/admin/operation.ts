import type { FastifySchema } from 'fastify'
import type { JsonSchema } from '../core/json-schema.ts'
import type { ProblemCode } from './problem.ts'
import { PROBLEM_TYPE, PROBLEMS, problemBody } from './problem.ts'

/** One operation of the API: how its request is checked, and everything that its documentation says. */
export interface Operation {
  readonly operationId: string
  readonly tag: 'Routes' | 'Changes' | 'Operations' | 'About'
  readonly summary: string
  readonly description: string
  /** No token is needed. */
  readonly public?: boolean
  readonly params?: JsonSchema<unknown>
  readonly querystring?: JsonSchema<unknown>
  readonly headers?: JsonSchema<unknown>
  readonly body?: JsonSchema<unknown>
  readonly answers: Readonly<Record<number, Answer>>
  readonly problems: readonly ProblemCode[]
}

export interface Answer {
  readonly description: string
  readonly schema: JsonSchema<unknown>
  readonly example: unknown
  /** `application/json` by default. */
  readonly mediaType?: string
  /** The answer carries the epoch in ETag. */
  readonly tagged?: boolean
}

const ACCESS_PROBLEMS: readonly ProblemCode[] = ['unauthenticated', 'forbidden', 'not_local', 'host_not_allowed']
const CHANGE_PROBLEMS: readonly ProblemCode[] = ['cross_site', 'malformed_body', 'body_too_large', 'unsupported_media_type']

/** The fastify schema of an operation. Answers are documentation; they are not compiled into serialisers. */
export function describeOperation (operation: Operation): FastifySchema {
  const { tag, answers, problems, public: isPublic = false, ...rest } = operation
  const codes = [
    ...problems, ...(isPublic ? [] : ACCESS_PROBLEMS), ...(operation.body === undefined ? [] : CHANGE_PROBLEMS), 'internal_error' as const
  ]
  const schema = {
    ...rest,
    tags: [tag],
    security: isPublic ? [] : [{ token: [] }],
    response: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])), ...describeProblems(codes)
    }
  }
  return schema
}

function describeAnswer (answer: Answer): object {
  return {
    description: answer.description,
    ...(answer.tagged === true ? { headers: { ETag: { type: 'string', description: 'The epoch of the route, in quotes: what If-Match takes.' } } } : {}),
    content: { [answer.mediaType ?? 'application/json']: { schema: answer.schema, example: answer.example } }
  }
}

function describeProblems (codes: readonly ProblemCode[]): object {
  const byStatus = Map.groupBy(new Set(codes), code => PROBLEMS[code].status)
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, {
    description: group.map(code => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    content: {
      [PROBLEM_TYPE]: {
        schema: { $ref: 'Problem#' }, examples: Object.fromEntries(group.map(code => [code, { value: problemBody(code) }]))
      }
    }
  }]))
}
