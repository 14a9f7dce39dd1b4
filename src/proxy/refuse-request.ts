import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { DataPlane } from './data-plane.ts'
import { count } from './finish.ts'

/**
 * The limits that need no route, for a request that is in flight already.
 * @returns why it is refused; null when it is not
 */
export function refuseRequest ({ inFlight, budget, page, settings: { limits } }: DataPlane): ProxyErrorCode | null {
  const { maxConcurrentRequests } = limits
  if (budget.used >= budget.refuseFrom) {
    count(page, WORKER.shedRequests, 1)
    return 'memory_exhausted'
  }
  return maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests ? 'overloaded' : null
}
