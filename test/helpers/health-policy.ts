import type { EjectionPolicy, HealthPolicy, SuccessRatePolicy } from '../../src/contract/route-policy.ts'

export const SUCCESS_RATE: SuccessRatePolicy = { minEndpoints: 3, minRequests: 100, stdevFactor: 3, minDifference: 0.1 }

/** Failures in a row only, 10 s for each ejection, unless said otherwise. */
export function ejectionPolicy (different: Partial<EjectionPolicy> = {}): EjectionPolicy {
  return { consecutiveFailures: 5, intervalMs: 10_000, baseMs: 10_000, maxMs: 60_000, maxShare: 0.5, successRate: null, ...different }
}

/** Ejection as above, panic below one half, no slow start. */
export function healthPolicy (different: Partial<HealthPolicy> = {}): HealthPolicy {
  return { ejection: ejectionPolicy(), slowStart: { windowMs: 0, minShare: 0.1 }, panicThreshold: 0.5, ...different }
}
