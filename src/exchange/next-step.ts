/**
 * What comes after an attempt has failed: a pure function of what failed, what the route wants, and what there is. The dispatch gathers
 * the facts and takes the step.
 */
import type { RetryPolicy, RetryReason, WhenEmpty } from '../contract/route-policy.ts'
import { type ProxyErrorCode, proxyErrorRow } from '../core/proxy-error.ts'

/**
 * When a request may be sent again (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
 */

/** What is known of an attempt that failed. */
export interface FailedAttempt {
  /** Why; null when the endpoint answered with `status`. */
  readonly code: ProxyErrorCode | null
  /** The status that the endpoint answered with; 0 without an answer. */
  readonly status: number
  readonly idempotent: boolean
  /** All that was sent is kept and can be sent again. */
  readonly replayable: boolean
  /** Something of the request was handed to the connection. */
  readonly sent: boolean
  /** The connection had served other requests before. */
  readonly reused: boolean
  /** Something of a response has been seen. */
  readonly sawBytes: boolean
}

/**
 * `always`: the endpoint has seen nothing of the request, or a connection that it had kept open lost one that may be repeated.
 * `policy`: the route wants another attempt, as far as its budget goes. `never`: it could do harm, or would not help.
 */
export type RepeatRule = 'always' | 'policy' | 'never'

export function repeatRule (failed: FailedAttempt, policy: Pick<RetryPolicy, 'on' | 'idempotentOnly'>): RepeatRule {
  const { code, idempotent, replayable, sent, reused, sawBytes } = failed
  const row = code === null ? null : proxyErrorRow(code)
  if (row !== null && row.source !== 'upstream') return 'never'
  if (!replayable) return 'never'
  if (!sent) return 'always'
  if (row?.retry === 'idempotent' && idempotent && reused && !sawBytes) return 'always'
  if (!idempotent && policy.idempotentOnly) return 'never'
  const reason = retryReason(code, failed.status)
  return reason !== undefined && policy.on.has(reason) ? 'policy' : 'never'
}

/** What a failure is called under `retries.on`; undefined for one that can't be listed. */
export function retryReason (code: ProxyErrorCode | null, status: number): RetryReason | undefined {
  if (code === null) return gatewayStatus(status)
  const row = proxyErrorRow(code)
  switch (row.retry) {
    case 'unsent': return 'connect'
    case 'idempotent': return 'reset'
    case 'listed': return gatewayStatus(row.status)
    case 'never': return undefined
  }
}

function gatewayStatus (status: number): RetryReason | undefined {
  return status === 502 || status === 503 || status === 504 ? status : undefined
}

/**
 * `repeat`: at another endpoint. `fail over`: at the version that helps out. `fall back`: at the client's next choice. `wait`: in the
 * queue of the route. `respond`: the response of the endpoint goes to the client. `fail`: the client gets an error of Weir's.
 */
export type NextStep = 'repeat' | 'fail over' | 'fall back' | 'wait' | 'respond' | 'fail'

/** What the route says. */
export interface StepPolicy {
  readonly retries: Pick<RetryPolicy, 'attempts' | 'on' | 'idempotentOnly'>
  readonly whenEmpty: WhenEmpty
  /** What fails over; null when no version helps out. */
  readonly failoverOn: ReadonlySet<RetryReason> | null
}

/** What is known of the request and of what there is for it. */
export interface StepFacts {
  /** Attempts so far that count for the limit, and those of all attempts that have sent something. */
  readonly attempts: number
  readonly sentAttempts: number
  /** Another version helps out already. */
  readonly failedOver: boolean
  /** There is another endpoint to ask. */
  readonly another: boolean
  /** No endpoint of the version is ready: none is left, or they are terminating. */
  readonly waning: boolean
  /** Of the budget for retries; `never` when the route has none at all. */
  readonly budget: 'left' | 'used up' | 'never'
  /** The version that helps out has an endpoint. */
  readonly helper: boolean
  /** Another version with a weight has an endpoint: the client's next choice. */
  readonly nextChoice: boolean
  /** The queue of the route takes one more. */
  readonly holdRoom: boolean
}

export function nextStep (failed: FailedAttempt, policy: StepPolicy, facts: StepFacts): NextStep {
  const rule = repeatRule(failed, policy.retries)
  if (mayRepeat(rule, policy, facts)) return 'repeat'
  if (mayFailOver(failed, policy, facts)) return 'fail over'
  if (rule !== 'never' && mayFallBack(failed, policy, facts)) return 'fall back'
  if (rule !== 'never' && mayWait(failed, rule, policy, facts)) return 'wait'
  return failed.code === null ? 'respond' : 'fail'
}

function mayRepeat (rule: RepeatRule, { retries }: StepPolicy, { attempts, failedOver, another, budget }: StepFacts): boolean {
  if (rule === 'never' || !another || attempts >= retries.attempts) return false
  return rule === 'always' || (!failedOver && budget === 'left')
}

/** Failover asks for no budget: who configures it has a version that can carry both. */
function mayFailOver (
  { code, status, sent, idempotent, replayable }: FailedAttempt, { failoverOn, retries }: StepPolicy, { failedOver, helper }: StepFacts
): boolean {
  const reason = retryReason(code, status)
  if (failoverOn === null || reason === undefined || !failoverOn.has(reason) || failedOver || !helper) return false
  return replayable && (!sent || idempotent || !retries.idempotentOnly)
}

/** What was never sent can do no harm elsewhere. What was sent stays with its version as long as that has ready endpoints. */
function mayFallBack ({ sent }: FailedAttempt, { whenEmpty }: StepPolicy, { failedOver, nextChoice }: StepFacts): boolean {
  return whenEmpty === 'fallback' && !sent && !failedOver && nextChoice
}

/**
 * To wait costs an endpoint nothing, but what waits goes again. What was never sent is limited in time only. What was sent waits only for
 * want of endpoints, and needs the budget: at once, or, when the version is losing its endpoints and so nothing can be crushed, when it
 * goes.
 */
function mayWait ({ code, sent }: FailedAttempt, rule: RepeatRule, { whenEmpty, retries }: StepPolicy, facts: StepFacts): boolean {
  const { waning, another, budget, failedOver, sentAttempts, holdRoom } = facts
  if (whenEmpty !== 'hold' || !holdRoom) return false
  if (!sent) return true
  if (code !== 'upstream_reset' || failedOver) return false
  if (waning) return rule === 'always' || budget !== 'never'
  return !another && sentAttempts < retries.attempts && (rule === 'always' || budget === 'left')
}
