import type { RouteConfig } from '../../src/config/schema.ts'
import type { RoutePolicy } from '../../src/contract/route-policy.ts'
import { routePolicy, type CommonLimits } from '../../src/routes/configured-options.ts'

/** A route with the defaults of every policy. */
export const ROUTE_DEFAULTS = {
  affinity: { by: 'client-ip', level: 'version' },
  balancing: 'least-request',
  whenEmpty: 'fallback',
  hold: { maxRequests: 1_000, maxBytes: 16_777_216, maxAge: '30s' },
  retries: {
    attempts: 3, on: ['connect', 'reset'], perTryTimeout: '0s', idempotentOnly: true, bufferBytes: 65_536, budget: { share: 0.2, minimum: 3 }
  },
  health: {
    panicThreshold: 0.5,
    passive: {
      enabled: true,
      consecutiveFailures: 5,
      interval: '10s',
      baseEjection: '10s',
      maxEjection: '5m',
      maxEjectedShare: 0.5,
      successRate: { enabled: true, minEndpoints: 3, minRequests: 100, stdevFactor: 3, minDifference: 0.1 }
    }
  },
  slowStart: { window: '0s', minShare: 0.1 },
  circuitBreaker: { connections: 0, pending: 0, requests: 0, perEndpoint: { connections: 0, pending: 0, requests: 0 } },
  lists: [],
  upgrades: ['websocket']
} satisfies Omit<RouteConfig, 'name' | 'versions'>

/** Long waits, and no limit to a body. */
const COMMON: CommonLimits = {
  timeoutsMs: { requestBody: 30_000, upstreamConnect: 30_000, upstreamResponse: 30_000, tunnelIdle: 30_000, streamIdle: 30_000 },
  limits: { maxBodyBytes: 0 }
}

/** The policy of such a route, with what a test wants different. */
export function testPolicy (changes: Partial<RouteConfig> = {}, common: CommonLimits = COMMON): RoutePolicy {
  return routePolicy({ ...ROUTE_DEFAULTS, name: 'test', versions: [], ...changes }, common)
}
