/**
 * What methods mean to whoever passes them on. Those that are not registered mean anything.
 */
import type { HttpRequest } from './http-request.ts'

type Asked = Pick<HttpRequest, 'methodIs'>

/** A GET, HEAD or OPTIONS. RFC 9110 section 9.2.1 has TRACE too, which shows the fields of a request to whoever reads the answer. */
export function isSafe (request: Asked): boolean {
  return request.methodIs('GET') || request.methodIs('HEAD') || request.methodIs('OPTIONS')
}

/** RFC 9110 section 9.2.2. */
export function isIdempotent (request: Asked): boolean {
  return isSafe(request) || request.methodIs('PUT') || request.methodIs('DELETE') || request.methodIs('TRACE')
}
