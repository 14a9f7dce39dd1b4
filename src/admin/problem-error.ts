import type { ProblemCode, ProblemDetails } from './problem.ts'
import { PROBLEMS } from './problem.ts'

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
