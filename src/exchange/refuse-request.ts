import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { HttpRequest } from '../http/http-request.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { ExchangeContext } from './exchange-context.ts'
import { count } from './finish.ts'

/**
 * The limits that need no route, for a request that is in flight already.
 * @returns why it is refused; null when it is not
 */
export function refuseRequest (
  { inFlight, budget, loops, page, settings: { limits } }: ExchangeContext, request: HttpRequest
): ProxyErrorCode | null {
  const { maxConcurrentRequests } = limits
  if (budget.used >= budget.refuseFrom) {
    count(page, WORKER.shedRequests, 1)
    return 'memory_exhausted'
  }
  if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests) return 'overloaded'
  return request.hasVia && loops.hasGoneRound(request, limits.maxPasses) ? 'loop_detected' : null
}
