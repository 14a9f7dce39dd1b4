/**
 * Where a request whose attempt has failed could go, and the facts from which the next step follows.
 */
import { SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { UpstreamCall } from '../upstream/upstream-call.ts'
import type { AttemptTrail } from './attempt-trail.ts'
import type { FailedAttempt, RepeatRule } from './attempts.ts'
import { nextChoice, versionFor } from './choose-version.ts'
import { count } from './finish.ts'
import { nextStep, type NextStep, type StepFacts, type StepPolicy } from './next-step.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'
import type { RetryReason } from '../contract/route-policy.ts'

/** An attempt that has failed, with what it was made of. */
export interface Failure extends FailedAttempt {
  readonly rule: RepeatRule
  readonly reason: RetryReason | undefined
  readonly version: VersionRuntime
  readonly call: UpstreamCall
  /** A kept-alive connection has ended, as such do: no sign of ill health. */
  readonly stale: boolean
}

/** A version, and an endpoint of it if there is one to ask. */
export interface Place {
  readonly version: VersionRuntime
  readonly endpoint: EndpointPool | undefined
}

export interface StepChoices {
  /** Another endpoint of the version that the request belongs to now. */
  readonly other: Place
  /** The version that helps out; null when there is none. */
  readonly helper: Place | null
  /** The client's next choice, for what was never sent; null when there is none. */
  readonly next: Place | null
}

/** Of the request, what its choices depend on. */
export interface ChoiceTerms {
  readonly keyHash: number
  readonly trail: AttemptTrail
  /** The endpoint of the attempt. */
  readonly last: EndpointPool | null
}

const NONE: readonly EndpointPool[] = []

export function stepChoices (route: RouteRuntime, failure: Failure, { keyHash, trail, last }: ChoiceTerms): StepChoices {
  const { rule, version, sent, stale } = failure
  // The endpoints may have gone since the version was chosen.
  const own = version.pool.ready || trail.failedOver ? version : versionFor(route, keyHash) ?? version
  const helper = route.failover === null || route.failover.to === version ? undefined : route.failover.to
  const next = rule === 'never' || sent || route.policy.whenEmpty !== 'fallback'
    ? undefined
    : nextChoice(route, keyHash, trail.leftWith(version))
  return {
    other: { version: own, endpoint: rule === 'never' ? undefined : trail.another(own, keyHash, { last, stale }) },
    helper: helper === undefined ? null : { version: helper, endpoint: helper.pool.pick(keyHash, NONE) },
    next: next === undefined ? null : { version: next, endpoint: next.pool.pick(keyHash, NONE) }
  }
}

/** Of the request, what the facts depend on besides its choices. */
export interface FactTerms {
  readonly trail: AttemptTrail
  readonly attempts: number
  /** It has taken a retry out of the budget already. */
  readonly hasBudget: boolean
}

export function stepFacts (
  route: RouteRuntime, failure: Failure, { other, helper, next }: StepChoices, { trail, attempts, hasBudget }: FactTerms
): StepFacts {
  const { budget, hold } = route
  return {
    attempts: trail.counted(attempts),
    sentAttempts: trail.sent + (failure.sent ? 1 : 0),
    failedOver: trail.failedOver,
    another: other.endpoint !== undefined,
    waning: !failure.version.pool.ready,
    budget: budget.isNone ? 'never' : hasBudget || budget.hasLeft(other.version.counters[SLOT.inFlight] ?? 0) ? 'left' : 'used up',
    helper: helper?.endpoint !== undefined,
    nextChoice: next?.endpoint !== undefined,
    holdRoom: hold.hasRoom(failure.call.kept.outLength)
  }
}

/** Decides, and counts what nothing but the budget stands against. */
export function decideStep ({ policy, failover }: RouteRuntime, failure: Failure, facts: StepFacts): NextStep {
  const terms: StepPolicy = { retries: policy.retries, whenEmpty: policy.whenEmpty, failoverOn: failover?.on ?? null }
  const step = nextStep(failure, terms, facts)
  const refused = facts.budget !== 'left' && nextStep(failure, terms, { ...facts, budget: 'left' }) !== step
  if (refused) count(failure.version.counters, SLOT.retriesRefused, 1)
  return step
}
