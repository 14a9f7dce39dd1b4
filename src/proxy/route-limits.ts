/**
 * What may differ from route to route among the timeouts and limits of the data plane.
 */

/** In milliseconds. */
export interface RouteTimeouts {
  readonly requestBody: number
  readonly upstreamConnect: number
  readonly upstreamResponse: number
  readonly tunnelIdle: number
  readonly streamIdle: number
}

/** What holds for all routes. */
export interface CommonLimits {
  readonly timeoutsMs: RouteTimeouts
  readonly limits: { readonly maxBodyBytes: number }
}

/** What a route's configuration says of its own. */
export interface OwnLimits {
  readonly timeoutsMs?: Partial<RouteTimeouts>
  /** 0 sets no limit. */
  readonly maxBodyBytes?: number
}

/** All that holds for the requests of a route. */
export interface RouteLimits {
  readonly timeoutsMs: RouteTimeouts
  readonly maxBodyBytes: number
}

/** What the route says, and where it says nothing what holds for all. */
export function routeLimits (own: OwnLimits, { timeoutsMs, limits }: CommonLimits): RouteLimits {
  const { requestBody, upstreamConnect, upstreamResponse, tunnelIdle, streamIdle } = timeoutsMs
  return {
    // One shape for all routes, because every request reads it.
    timeoutsMs: { requestBody, upstreamConnect, upstreamResponse, tunnelIdle, streamIdle, ...own.timeoutsMs },
    maxBodyBytes: own.maxBodyBytes ?? limits.maxBodyBytes
  }
}
