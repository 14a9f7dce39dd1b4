/**
 * The one place where an error of the admin API becomes a response. Messages of foreign errors are never sent: they may
 * hold paths, and the log has them.
 */
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifySchemaValidationError } from 'fastify'
import { DURATION_PATTERN } from '../core/duration.ts'
import { type EventLog, printableJson } from '../core/logger.ts'
import { Unanswered } from '../control/worker-questions.ts'
import { STATUS_CODES } from '../http/http-response.ts'
import { REASON_PATTERN } from './change-request.ts'
import {
  faultDetails, PROBLEM_TYPE, problemBody, ProblemError, type ProblemCode, type ProblemDetails, type ProblemFault
} from './problem.ts'

const MAX_FAULTS = 20

/** What fastify calls what went wrong before a handler ran. */
const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_body',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_body',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long'
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'header_too_large'
}

/** Sends a problem. */
export function sendProblem (reply: FastifyReply, code: ProblemCode, details: ProblemDetails = {}): FastifyReply {
  const body = problemBody(code, details)
  return reply.code(body.status).type(PROBLEM_TYPE).send(printableJson(body))
}

/** Answers everything that handlers and fastify throw. */
export function answerErrors (app: FastifyInstance, log: EventLog): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    if (error instanceof Unanswered) return sendProblem(reply, error.code, { detail: error.message })
    if (error instanceof ProblemError) return sendProblem(reply, error.code, error.details)
    const known = isFastifyError(error) ? classify(error) : undefined
    if (known !== undefined) return sendProblem(reply, known.code, known.details)
    log.error('the admin API failed to answer', {
      method: request.method,
      url: request.routeOptions.url ?? '',
      error: error instanceof Error ? error.stack ?? error.message : String(error)
    })
    return sendProblem(reply, 'internal_error')
  })
}

/** Answers what fastify's router refuses before any hook. */
export function answerFrameworkError (error: FastifyError, reply: FastifyReply): void {
  sendProblem(reply, FASTIFY_CODES[error.code] ?? 'bad_request')
}

/** Answers bytes that are not HTTP, or that came too slowly or in too large a header, and closes the connection. */
export function answerClientError (error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  endWithProblem(socket, CLIENT_ERRORS[error.code ?? ''] ?? 'bad_request')
}

/** Sends a problem where there is no response to send it with, and closes the connection. */
export function endWithProblem (
  socket: { end (text: string): unknown, destroySoon (): void },
  code: ProblemCode,
  { fields = '', ...details }: ProblemDetails & { readonly fields?: string } = {}
): void {
  const body = problemBody(code, details)
  const text = printableJson(body)
  socket.end(`HTTP/1.1 ${body.status} ${STATUS_CODES[body.status] ?? ''}\r\n${fields}Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`)
  socket.destroySoon()
}

interface Classified {
  readonly code: ProblemCode
  readonly details: ProblemDetails
}

function classify (error: FastifyError): Classified | undefined {
  if (error.validation !== undefined) {
    return { code: 'invalid_request', details: validationDetails(error.validation, error.validationContext ?? 'body') }
  }
  const code = FASTIFY_CODES[error.code]
  if (code !== undefined) {
    return { code, details: code === 'unsupported_media_type' ? { detail: 'send Content-Type: application/json' } : {} }
  }
  // secure-json-parse refuses __proto__ with a bare SyntaxError.
  if (error instanceof SyntaxError && error.statusCode === 400) return { code: 'malformed_body', details: {} }
  return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
    ? { code: 'bad_request', details: {} }
    : undefined
}

function validationDetails (faults: readonly FastifySchemaValidationError[], context: string): ProblemDetails {
  return faultDetails(faults.slice(0, MAX_FAULTS).map(fault => describeFault(fault, context === 'querystring' ? 'query' : context)))
}

/** What people write that has to fit a pattern: what they have to write. */
const PATTERN_FAULTS: ReadonlyArray<readonly [pattern: string, message: string]> = [
  [REASON_PATTERN, 'has to be one line, without control characters and invisible marks'],
  [DURATION_PATTERN, 'has to be a whole number and a unit, such as 250ms, 5s or 2m']
]

function describeFault (fault: FastifySchemaValidationError, context: string): ProblemFault {
  const path = `${context}${fault.instancePath}`
  const { additionalProperty, missingProperty, allowedValues }: {
    additionalProperty?: unknown, missingProperty?: unknown, allowedValues?: unknown
  } = fault.params
  if (typeof additionalProperty === 'string') return { path: `${path}/${additionalProperty.slice(0, 80)}`, message: 'is not known here' }
  if (typeof missingProperty === 'string') return { path: `${path}/${missingProperty}`, message: 'is missing' }
  if (Array.isArray(allowedValues)) return { path, message: `has to be one of ${allowedValues.join(', ')}` }
  const pattern = PATTERN_FAULTS.find(([source]) => source === fault.params['pattern'])
  if (pattern !== undefined) return { path, message: pattern[1] }
  return { path, message: fault.message ?? 'is not valid' }
}

function isFastifyError (error: unknown): error is FastifyError {
  return error instanceof Error && ('code' in error || 'statusCode' in error || 'validation' in error)
}
