/**
 * How a route treats its requests, in the units that the code uses: one shape, from the configuration to the worker that serves them.
 */

/** What an attempt can fail of so that another one is made. */
export const RETRY_REASONS = ['connect', 'reset', 502, 503, 504] as const

export type RetryReason = typeof RETRY_REASONS[number]

/** A route's `retries`. */
export interface RetryPolicy {
  /** Attempts made for one request, the first included. */
  readonly attempts: number
  readonly on: ReadonlySet<RetryReason>
  /** How long an attempt may take to answer if another may follow; 0 sets no limit of its own. */
  readonly perTryTimeoutMs: number
  readonly idempotentOnly: boolean
  /** Bytes of a request that are kept for another attempt. */
  readonly bufferBytes: number
  readonly budget: RetryBudgetPolicy
}

/** How many retries may be under way at a time in one worker. */
export interface RetryBudgetPolicy {
  /** Retries that may be under way, as a share of the requests in flight: 0.2 is one for every five. */
  readonly share: number
  /** So many may be under way however few requests there are. */
  readonly minimum: number
}

/** When an endpoint is ejected because it answers worse than the others. */
export interface SuccessRatePolicy {
  /** Fewer endpoints with enough requests are not compared. */
  readonly minEndpoints: number
  /** Requests that an endpoint needs within the interval, in one worker, to be compared. */
  readonly minRequests: number
  /** So many standard deviations below the others. */
  readonly stdevFactor: number
  /** So far below the others whatever the deviation is; 0.1 is ten percentage points. */
  readonly minDifference: number
}

/** When endpoints are ejected for what their answers are. Times in milliseconds. */
export interface EjectionPolicy {
  /** Failures in a row that eject; 0 = never for that. */
  readonly consecutiveFailures: number
  /** Success rates are compared once in so long, and so long without an ejection takes one from the count that lengthens the next. */
  readonly intervalMs: number
  /** An ejection lasts so long, times the ejections of the endpoint that still count. */
  readonly baseMs: number
  /** No ejection is longer. */
  readonly maxMs: number
  /** The share of a version's endpoints that may be ejected, 0 to 1. One of several always may. */
  readonly maxShare: number
  /** Null = success rates are not compared. */
  readonly successRate: SuccessRatePolicy | null
}

/** How an endpoint is warmed up. */
export interface SlowStartPolicy {
  /** How long an endpoint that has just become ready gets less than its share; 0 = not at all. Milliseconds. */
  readonly windowMs: number
  /** The part of its share that it gets at once, 0 to 1. */
  readonly minShare: number
}

/** Which of a version's endpoints are used. */
export interface HealthPolicy {
  readonly ejection: EjectionPolicy
  readonly slowStart: SlowStartPolicy
  /** When a smaller share of the endpoints is available, all are used; 0 = never. */
  readonly panicThreshold: number
}

/** Limits of one worker; 0 is no limit. */
export interface BreakerLimits {
  /** Connections that are open or being opened. */
  readonly connections: number
  /** Requests that wait for a connection. */
  readonly pending: number
  /** Requests in flight, those that wait included. */
  readonly requests: number
}

/** In milliseconds. */
export interface RouteTimeouts {
  readonly requestBody: number
  readonly upstreamConnect: number
  readonly upstreamResponse: number
  readonly tunnelIdle: number
  readonly streamIdle: number
}

/** The bounds of a queue of requests that wait for an endpoint. */
export interface HoldLimits {
  readonly maxRequests: number
  readonly maxBytes: number
  /** How long one may wait. */
  readonly maxAgeMs: number
}

/** What becomes of a request whose version has no endpoint. */
export type WhenEmpty = 'fallback' | 'hold' | 'fail'

/** Another version answers once when the chosen one has failed. */
interface FailoverPolicy {
  /** The name of the version that helps out. */
  readonly to: string
  readonly on: ReadonlySet<RetryReason>
}

/** All that a route says of its requests. Structured clone carries it to the workers as it is. */
export interface RoutePolicy {
  readonly whenEmpty: WhenEmpty
  /** The protocols that clients may switch to, in lower case. */
  readonly upgrades: ReadonlySet<string>
  /** The Host of a request that names none; empty when there is no better one. */
  readonly defaultHost: string
  readonly timeoutsMs: RouteTimeouts
  /** The size of a request's body; 0 sets no limit. */
  readonly maxBodyBytes: number
  readonly hold: HoldLimits
  readonly retries: RetryPolicy
  /** Null when no version helps out. */
  readonly failover: FailoverPolicy | null
  readonly health: HealthPolicy
  readonly circuitBreaker: BreakerLimits & { readonly perEndpoint: BreakerLimits }
}

/** What keeps requests from an endpoint. */
export type HealthReasonKind = 'ejected' | 'check-failed' | 'trial' | 'slow-start'
