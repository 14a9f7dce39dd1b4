/**
 * The policies of a route in the units that the code uses.
 */
import type { RouteConfig } from '../config/schema.ts'
import { parseDurationMs } from '../core/duration.ts'
import type { HealthPolicy } from '../health/version-health.ts'
import type { RoutePolicySpec } from '../snapshot/messages.ts'

/** What workers have to know of how a route treats its requests. */
export function routePolicy (route: RouteConfig): RoutePolicySpec {
  const { hold, retries, failover, timeouts, maxBodyBytes } = route
  return {
    whenEmpty: route.whenEmpty,
    upgrades: route.upgrades,
    defaultHost: route.defaultHost ?? '',
    ...(timeouts === undefined ? {} : { timeoutsMs: mapDurations(timeouts) }),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    hold: { maxRequests: hold.maxRequests, maxBytes: hold.maxBytes, maxAgeMs: parseDurationMs(hold.maxAge) },
    retries: {
      attempts: retries.attempts,
      on: retries.on,
      perTryTimeoutMs: parseDurationMs(retries.perTryTimeout),
      idempotentOnly: retries.idempotentOnly,
      bufferBytes: retries.bufferBytes,
      budget: retries.budget
    },
    failover: failover === undefined ? null : failover,
    health: healthPolicy(route),
    circuitBreaker: route.circuitBreaker
  }
}

function mapDurations<Name extends string> (durations: Partial<Record<Name, string>>): Partial<Record<Name, number>> {
  const given = Object.entries<string | undefined>(durations).flatMap(([name, text]) => text === undefined ? [] : [[name, parseDurationMs(text)]])
  // The names are those that came in.
  return Object.fromEntries(given) as Partial<Record<Name, number>>
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
        : { minEndpoints: successRate.minEndpoints, minRequests: successRate.minRequests, stdevFactor: successRate.stdevFactor, minDifference: successRate.minDifference }
    }
  }
}
