/**
 * The policies of a route in the units that the code uses.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { HealthPolicy, RoutePolicy, RouteTimeouts } from '../contract/route-policy.ts'
import { parseDurationMs } from '../core/duration.ts'

/** What holds for the requests of a route that says nothing of its own. */
export interface CommonLimits {
  readonly timeoutsMs: RouteTimeouts
  readonly limits: { readonly maxBodyBytes: number }
}

/** The policy of a route: what it says, and where it says nothing what holds for all. */
export function routePolicy (route: RouteConfig, { timeoutsMs, limits }: CommonLimits): RoutePolicy {
  const { hold, retries, failover } = route
  return {
    whenEmpty: route.whenEmpty,
    upgrades: new Set(route.upgrades.map(name => name.toLowerCase())),
    defaultHost: route.defaultHost ?? '',
    timeoutsMs: routeTimeouts(route.timeouts ?? {}, timeoutsMs),
    maxBodyBytes: route.maxBodyBytes ?? limits.maxBodyBytes,
    hold: { maxRequests: hold.maxRequests, maxBytes: hold.maxBytes, maxAgeMs: parseDurationMs(hold.maxAge) },
    retries: {
      attempts: retries.attempts,
      on: new Set(retries.on),
      perTryTimeoutMs: parseDurationMs(retries.perTryTimeout),
      idempotentOnly: retries.idempotentOnly,
      bufferBytes: retries.bufferBytes,
      budget: retries.budget
    },
    failover: failover === undefined ? null : { to: failover.to, on: new Set(failover.on) },
    health: healthPolicy(route),
    circuitBreaker: route.circuitBreaker
  }
}

function routeTimeouts (own: NonNullable<RouteConfig['timeouts']>, common: RouteTimeouts): RouteTimeouts {
  const { requestBody, upstreamConnect, upstreamResponse, tunnelIdle, streamIdle } = own
  const orCommon = (text: string | undefined, commonMs: number): number => text === undefined ? commonMs : parseDurationMs(text)
  return {
    requestBody: orCommon(requestBody, common.requestBody),
    upstreamConnect: orCommon(upstreamConnect, common.upstreamConnect),
    upstreamResponse: orCommon(upstreamResponse, common.upstreamResponse),
    tunnelIdle: orCommon(tunnelIdle, common.tunnelIdle),
    streamIdle: orCommon(streamIdle, common.streamIdle)
  }
}

function healthPolicy ({ health: { passive, panicThreshold }, slowStart }: RouteConfig): HealthPolicy {
  const { successRate } = passive
  return {
    panicThreshold,
    slowStart: { windowMs: parseDurationMs(slowStart.window), minShare: slowStart.minShare },
    ejection: {
      consecutiveFailures: passive.enabled ? passive.consecutiveFailures : 0,
      intervalMs: parseDurationMs(passive.interval),
      baseMs: parseDurationMs(passive.baseEjection),
      maxMs: parseDurationMs(passive.maxEjection),
      maxShare: passive.maxEjectedShare,
      successRate: !passive.enabled || !successRate.enabled
        ? null
        : {
            minEndpoints: successRate.minEndpoints,
            minRequests: successRate.minRequests,
            stdevFactor: successRate.stdevFactor,
            minDifference: successRate.minDifference
          }
    }
  }
}
