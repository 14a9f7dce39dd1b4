import type { Endpoint } from '../core/endpoint.ts'

/** Which addresses of a dual-stack Service are used; `auto` takes IPv4 where a pod has both. */
export type IpFamilyChoice = 'auto' | 'IPv4' | 'IPv6'

/** An endpoint as a slice named it. */
export interface FoundEndpoint {
  readonly endpoint: Endpoint
  readonly family: 'IPv4' | 'IPv6'
  /** What tells one pod from another; empty when the slice does not say. */
  readonly pod: string
}

/**
 * A dual-stack Service has a slice for each family, so each of its pods is found twice: with two connections' worth of
 * limits, two shares of the requests and two counts. Here each pod keeps one address.
 *
 * Endpoints that name no pod, such as those of hand-written slices, are taken together: their IPv4 addresses are used if
 * they have any, as clients of an IPv4 Service would reach them.
 */
export function onePerPod (found: readonly FoundEndpoint[], choice: IpFamilyChoice): readonly FoundEndpoint[] {
  return choice === 'auto' ? preferIpv4(found) : found.filter(({ family }) => family === choice)
}

function preferIpv4 (found: readonly FoundEndpoint[]): readonly FoundEndpoint[] {
  const first = found[0]?.family
  // The everyday case costs one look at each.
  if (found.every(({ family }) => family === first)) return found
  const reached = new Set(found.filter(({ family }) => family === 'IPv4').map(({ pod }) => pod))
  return found.filter(({ family, pod }) => family === 'IPv4' || !reached.has(pod))
}
