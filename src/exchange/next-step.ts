/**
 * What comes after an attempt has failed: a pure function of what failed, what the route wants, and what there is. The dispatch gathers
 * the facts and takes the step.
 */
import { repeatRule, retryReason } from './attempts.ts'
import type { FailedAttempt, RepeatRule } from './attempts.ts'
import type { RetryPolicy, RetryReason, WhenEmpty } from '../contract/route-policy.ts'

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
