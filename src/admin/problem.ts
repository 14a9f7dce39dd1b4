/**
 * Errors of the admin API: RFC 9457 problem details, one table of codes, the error that carries one, and their schema.
 */
import { Type } from '../core/json-schema.ts'

/** One row: the status and the title, which is the same for every occurrence. */
interface ProblemRow {
  readonly status: number
  readonly title: string
}

export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request is not what this resource expects' },
  malformed_body: { status: 400, title: 'The body is not valid JSON' },
  malformed_if_match: { status: 400, title: 'If-Match is not a list of entity tags' },
  bad_request: { status: 400, title: 'The request is not valid HTTP' },
  unauthenticated: { status: 401, title: 'A valid bearer token is needed' },
  forbidden: { status: 403, title: 'The token\'s role does not allow this' },
  not_local: { status: 403, title: 'Without tokens the API answers this machine only' },
  host_not_allowed: { status: 403, title: 'Without tokens the API answers under a loopback name only' },
  cross_site: { status: 403, title: 'Without tokens the API takes no changes from other web sites' },
  not_found: { status: 404, title: 'There is no such resource' },
  unknown_list: { status: 404, title: 'The route has no such list' },
  unknown_member: { status: 404, title: 'The list has no such member' },
  unknown_route: { status: 404, title: 'There is no such route' },
  no_rollout: { status: 404, title: 'The route has no rollout' },
  unknown_request: { status: 404, title: 'No worker remembers the request' },
  method_not_allowed: { status: 405, title: 'The resource does not have this method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  nothing_to_undo: { status: 409, title: 'The route was never changed' },
  versions_changed: { status: 409, title: 'The route has other versions now' },
  rollout_running: { status: 409, title: 'A rollout of the route runs' },
  rollout_not_running: { status: 409, title: 'The rollout of the route is over' },
  gate_closed: { status: 409, title: 'The verdict keeps this gate closed' },
  store_conflict: { status: 409, title: 'Others changed the state at the same time' },
  epoch_mismatch: { status: 412, title: 'The route has changed since it was read' },
  body_too_large: { status: 413, title: 'The body is too large' },
  uri_too_long: { status: 414, title: 'The path is too long' },
  unsupported_media_type: { status: 415, title: 'The body is not of the media type that this resource takes' },
  unknown_version: { status: 422, title: 'The route has no such version' },
  missing_version: { status: 422, title: 'A version has no weight' },
  invalid_weight: { status: 422, title: 'A weight is out of range' },
  all_weights_zero: { status: 422, title: 'No version would be served' },
  unknown_revision: { status: 422, title: 'The history has no such revision' },
  invalid_member: { status: 422, title: 'Nothing that a request can bring is this member' },
  invalid_import: { status: 422, title: 'A line of the import is no member' },
  list_full: { status: 422, title: 'The list would be larger than it may be' },
  no_plan: { status: 422, title: 'There is no plan for a rollout' },
  invalid_plan: { status: 422, title: 'The plan of the rollout can\'t work' },
  header_too_large: { status: 431, title: 'The header is too large' },
  internal_error: { status: 500, title: 'Weir failed to answer; its log says why' },
  workers_silent: { status: 503, title: 'The workers did not answer' },
  too_many_imports: { status: 503, title: 'Another import is running' },
  too_many_waiting: { status: 503, title: 'Too many requests wait for a drain already' },
  too_many_streams: { status: 503, title: 'Too many follow the events already' },
  store_failed: { status: 503, title: 'The change could not be stored' }
} as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof PROBLEMS

/** A fault at one place of the request. */
export interface ProblemFault {
  /** Where: `body/weights/canary`, `query/limit`. */
  readonly path: string
  readonly message: string
}

/** A fault of a plan. */
interface PlanProblemFault {
  /** Where in the plan: `steps[2].setWeight`. */
  readonly place: string
  readonly message: string
}

/** The body of an error response. */
interface Problem {
  /** `urn:weir:problem:<code>` */
  readonly type: string
  readonly title: string
  readonly status: number
  /** What to match on. */
  readonly code: ProblemCode
  readonly detail?: string
  readonly errors?: readonly ProblemFault[]
  /** The epoch of the route, where the problem is about it. */
  readonly epoch?: number
  /** What may be done with the rollout instead. */
  readonly possible?: readonly string[]
  readonly faults?: readonly PlanProblemFault[]
}

/** What is added to the row of a code. */
export type ProblemDetails = Pick<Problem, 'detail' | 'errors' | 'epoch' | 'possible' | 'faults'>

/** What is said of faults in a request: each by itself, and all in one line. */
export function faultDetails (errors: readonly ProblemFault[]): ProblemDetails {
  return { detail: errors.map(({ path, message }) => `${path} ${message}`).join('; '), errors }
}

/** The media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json'

/** The body for a code. */
export function problemBody (code: ProblemCode, details: ProblemDetails = {}): Problem {
  return { type: `urn:weir:problem:${code}`, title: PROBLEMS[code].title, status: PROBLEMS[code].status, code, ...details }
}

/** Thrown by a handler or a hook; the error handler answers with the problem. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly details: ProblemDetails

  constructor (code: ProblemCode, details: ProblemDetails = {}) {
    super(details.detail ?? PROBLEMS[code].title)
    this.code = code
    this.details = details
  }
}

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
  epoch: Type.optional(Type.integer({ description: 'The epoch of the route, where the problem is about it.' })),
  possible: Type.optional(Type.list(Type.string(), { description: 'What may be done with the rollout instead: `start`, `pause`, `resume`, `promote`, `abort`, `retry`.' })),
  faults: Type.optional(Type.list(Type.object({
    place: Type.string({ description: 'Where in the plan: `steps[2].setWeight`.' }),
    message: Type.string()
  }), { description: 'Every fault of a plan that can\'t work.' }))
}, { $id: 'Problem', title: 'Problem', description: 'Problem details (RFC 9457).' })
