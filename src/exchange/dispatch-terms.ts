/**
 * What stays the same over all attempts of a request.
 */
import type { HttpRequest } from '../http/http-request.ts'
import type { RequestTerms } from '../upstream/upstream-call.ts'
import { isIdempotent } from './attempts.ts'

export class DispatchTerms implements RequestTerms {
  keyHash = 0
  idempotent = false
  toHead = false
  offered = ''
  logsIn = false

  /** Another request begins. */
  begin (head: HttpRequest): void {
    const isGet = head.methodIs('GET')
    this.toHead = !isGet && head.methodIs('HEAD')
    // A step of a login is not repeated, so it is not sent to a connection that is known to be closed.
    this.idempotent = (isGet || isIdempotent(head)) && !head.logsIn
    this.offered = ''
    this.logsIn = head.logsIn
  }
}
