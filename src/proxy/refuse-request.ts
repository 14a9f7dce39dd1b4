import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { DataPlane } from './data-plane.ts'

/**
 * The limits that need no route, for a request that is in flight already.
 * @param bytesIn what has come of its body
 * @returns why it is refused; null when it is not
 */
export function refuseRequest ({ inFlight, settings: { limits } }: DataPlane, head: RequestHead, bytesIn: number): ProxyErrorCode | null {
  const { maxConcurrentRequests, maxBodyBytes } = limits
  if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests) return 'overloaded'
  if (maxBodyBytes > 0 && (head.length > maxBodyBytes || bytesIn > maxBodyBytes)) return 'body_too_large'
  return null
}
