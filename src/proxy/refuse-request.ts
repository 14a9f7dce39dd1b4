import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { DataPlane } from './data-plane.ts'
import { count } from './finish.ts'

/**
 * The limits that need no route, for a request that is in flight already.
 * @returns why it is refused; null when it is not
 */
export function refuseRequest ({ inFlight, budget, loops, page, settings: { limits } }: DataPlane, head: RequestHead): ProxyErrorCode | null {
  const { maxConcurrentRequests } = limits
  if (budget.used >= budget.refuseFrom) {
    count(page, WORKER.shedRequests, 1)
    return 'memory_exhausted'
  }
  if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests) return 'overloaded'
  return head.hasVia && loops.hasGoneRound(head, limits.maxPasses) ? 'loop_detected' : null
}
