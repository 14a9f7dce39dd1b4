import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { DataPlane } from './data-plane.ts'

/**
 * The limits that need no route, for a request that is in flight already.
 * @returns why it is refused; null when it is not
 */
export function refuseRequest ({ inFlight, settings: { limits } }: DataPlane): ProxyErrorCode | null {
  const { maxConcurrentRequests } = limits
  return maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests ? 'overloaded' : null
}
