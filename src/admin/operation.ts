/**
 * What operations of the API have in common: how one is described, and the parameters and fields that several of them read.
 */
import type { FastifySchema } from 'fastify'
import { Type, type JsonSchema, type Static } from '../core/json-schema.ts'
import { faultDetails, PROBLEM_TYPE, problemBody, ProblemError, PROBLEMS, type ProblemCode } from './problem.ts'
import { NAME_PATTERN } from '../config/patterns.ts'
import { MAX_WEIGHT } from '../contract/route-spec.ts'
import { parseDurationMs } from '../core/duration.ts'

/** One operation of the API: how its request is checked, and everything that its documentation says. */
export interface Operation {
  readonly operationId: string
  readonly tag: 'Routes' | 'Changes' | 'Rollouts' | 'Lists' | 'Operations' | 'About'
  readonly summary: string
  readonly description: string
  /** No token is needed. */
  readonly public?: boolean
  /** Other replicas may use it, and nobody else. */
  readonly forReplicas?: boolean
  readonly params?: JsonSchema<unknown>
  readonly querystring?: JsonSchema<unknown>
  readonly headers?: JsonSchema<unknown>
  readonly body?: JsonSchema<unknown>
  /** Of the body; `application/json` by default. */
  readonly consumes?: readonly string[]
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
  const { tag, answers, problems, public: isPublic = false, forReplicas = false, ...rest } = operation
  const codes = [
    ...problems,
    ...(isPublic || forReplicas ? [] : ACCESS_PROBLEMS),
    ...(operation.body === undefined ? [] : CHANGE_PROBLEMS),
    'internal_error' as const
  ]
  const schema = {
    ...rest,
    tags: [tag],
    security: isPublic ? [] : [forReplicas ? { replica: [] } : { token: [] }],
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

/** For operations whose body may be left out: a request without one has the type null here. */
export async function emptyBody (request: { body: unknown }): Promise<void> {
  request.body ??= {}
}

/** Weights by version name. */
export const WeightsSchema = Type.mapOf(Type.number({ minimum: 0, maximum: MAX_WEIGHT }), {
  description: 'A weight for every version of the route. Only the proportions count.',
  propertyNames: { type: 'string', pattern: NAME_PATTERN },
  minProperties: 1,
  maxProperties: 64
})

/** The longest that anybody may wait for a change to be applied, in seconds: a client with `wait=all`, and the replica that it asks. */
export const MAX_CHANGE_WAIT_S = 30

/**
 * Reads the query parameter `timeout` of an operation that waits.
 * @param maxS the longest that a client may wait, in seconds
 * @returns milliseconds
 * @throws ProblemError when it is longer
 */
export function readWaitTimeout (text: string, maxS: number): number {
  const timeoutMs = parseDurationMs(text)
  if (timeoutMs <= maxS * 1_000) return timeoutMs
  throw new ProblemError('invalid_request', faultDetails([{ path: 'query/timeout', message: `has to be ${maxS}s or less` }]))
}

/**
 * If-Match (RFC 9110 section 13.1.1). The entity tag of a route is its epoch in quotes.
 */
type IfMatch =
  /** No condition: the field is missing, or `*`, which any route that exists meets. */
  | { readonly kind: 'any' }
  /** Tags that can't be those of an epoch, weak ones among them, are left out: they match nothing. */
  | { readonly kind: 'epochs', readonly epochs: readonly number[] }
  | { readonly kind: 'malformed' }

/** One entity tag and what may follow it, members of the list that are empty among it. */
const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,[, \t]*|$)/

/** Reads the field. Several field lines arrive joined by commas. */
export function parseIfMatch (value: string | undefined): IfMatch {
  if (value === undefined || value.trim() === '*') return { kind: 'any' }
  const epochs: number[] = []
  let rest = value.replace(/^[, \t]+/, '').trim()
  if (rest === '') return { kind: 'malformed' }
  while (rest !== '') {
    const match = TAG.exec(rest)
    if (match === null) return { kind: 'malformed' }
    // If-Match compares strongly (RFC 9110 section 8.8.3.2), so a weak tag never matches.
    if (match[1] === undefined && /^[1-9][0-9]{0,14}$/.test(match[2] ?? '')) epochs.push(Number(match[2]))
    rest = rest.slice(match[0].length)
  }
  return { kind: 'epochs', epochs }
}

/** The entity tag of a route at an epoch. */
export function epochTag (epoch: number): string {
  return `"${epoch}"`
}
