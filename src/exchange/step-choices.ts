/**
 * What the attempts of a request have come to, where it could go when one has failed, and the facts from which the next step follows.
 */
import { SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { RequestTerms, UpstreamCall } from '../upstream/upstream-call.ts'
import { isIdempotent } from '../http/idempotent.ts'
import { type FailedAttempt, type NextStep, nextStep, type RepeatRule, type StepFacts, type StepPolicy } from './next-step.ts'
import { nextChoice, versionFor, type VersionTerms } from './choose-version.ts'
import { count } from './finish.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'
import type { RetryReason } from '../contract/route-policy.ts'
import type { HttpRequest } from '../http/http-request.ts'

/**
 * What the attempts of one request have come to so far: where it need not be sent again, and what counts for the limit. Reused for each
 * request of a client connection.
 */

const NONE: readonly EndpointPool[] = []

export class AttemptTrail {
  /** Another version helps out. */
  failedOver = false
  /** Attempts that have sent something and failed. */
  sent = 0
  /** Endpoints of the present version that have failed, in order. */
  readonly #tried: EndpointPool[] = []
  /** Versions that the request has been taken from, because it could not be sent to any endpoint of theirs. */
  readonly #left: string[] = []
  /** Attempts that do not count for the limit: they sent nothing before the request waited, or another version failed. */
  #uncounted = 0

  reset (): void {
    this.failedOver = false
    this.sent = this.#uncounted = 0
    // Cutting an array costs more than all of the above, even one that is empty.
    if (this.#tried.length > 0) this.#tried.length = 0
    if (this.#left.length > 0) this.#left.length = 0
  }

  /** Of so many attempts, those that count for the limit. */
  counted (attempts: number): number { return attempts - this.#uncounted }

  /** An attempt at this endpoint has failed. */
  note (endpoint: EndpointPool): void {
    if (!this.#tried.includes(endpoint)) this.#tried.push(endpoint)
  }

  /**
   * An endpoint that has not been tried; or at least not the one that has just failed, unless it has only closed a connection that it had
   * kept.
   * @param last the endpoint of the attempt that has just failed
   */
  another (
    { pool }: VersionRuntime, keyHash: number, { last, stale }: { readonly last: EndpointPool | null, readonly stale: boolean }
  ): EndpointPool | undefined {
    const endpoint = pool.pick(keyHash, this.#tried)
    if (endpoint !== undefined) return endpoint
    if (stale) return pool.pick(keyHash, NONE)
    return this.#tried.length < 2 ? undefined : pool.pick(keyHash, this.#tried.filter(tried => tried === last))
  }

  /** The versions that are no choice any more, with this one. */
  leftWith ({ name }: VersionRuntime): readonly string[] { return [...this.#left, name] }

  /** The request waits, after so many attempts: what it goes to afterwards is new. Those that have sent something count on. */
  waits (attempts: number): void {
    this.#uncounted = attempts - this.sent
  }

  /** It goes on after it has waited. */
  goesOn (): void {
    this.#tried.length = 0
  }

  /** It goes to its next choice, after so many attempts at the version that it leaves. */
  leave ({ name }: VersionRuntime, attempts: number): void {
    this.#left.push(name)
    this.#tried.length = 0
    this.#uncounted = attempts
  }

  /** It goes to the version that helps out. */
  failOver (attempts: number): void {
    this.failedOver = true
    this.sent = 0
    this.#tried.length = 0
    this.#uncounted = attempts
  }
}

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

interface StepChoices {
  /** Another endpoint of the version that the request belongs to now. */
  readonly other: Place
  /** The version that helps out; null when there is none. */
  readonly helper: Place | null
  /** The client's next choice, for what was never sent; null when there is none. */
  readonly next: Place | null
}

/** Of the request, what its choices depend on. */
interface ChoiceTerms {
  readonly terms: VersionTerms
  readonly trail: AttemptTrail
  /** The endpoint of the attempt. */
  readonly last: EndpointPool | null
}

export function stepChoices (route: RouteRuntime, failure: Failure, { terms, trail, last }: ChoiceTerms): StepChoices {
  const { rule, version, sent, stale } = failure
  const { keyHash, excluded } = terms
  // The endpoints may have gone since the version was chosen.
  const own = version.pool.ready || trail.failedOver ? version : versionFor(route, terms) ?? version
  const helper = route.failover === null || route.failover.to === version ? undefined : route.failover.to
  const next = rule === 'never' || sent || route.policy.whenEmpty !== 'fallback'
    ? undefined
    : nextChoice(route, keyHash, excluded.length === 0 ? trail.leftWith(version) : [...trail.leftWith(version), ...excluded])
  return {
    other: { version: own, endpoint: rule === 'never' ? undefined : trail.another(own, keyHash, { last, stale }) },
    helper: helper === undefined ? null : { version: helper, endpoint: helper.pool.pick(keyHash, NONE) },
    next: next === undefined ? null : { version: next, endpoint: next.pool.pick(keyHash, NONE) }
  }
}

/** Of the request, what the facts depend on besides its choices. */
interface FactTerms {
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

/**
 * What stays the same over all attempts of a request.
 */

const NO_VERSION: readonly string[] = []

export class DispatchTerms implements RequestTerms, VersionTerms {
  keyHash = 0
  placed = ''
  excluded = NO_VERSION
  idempotent = false
  toHead = false
  offered = ''
  logsIn = false

  /** Another request begins. */
  begin (head: HttpRequest): void {
    const isGet = head.methodIs('GET')
    this.placed = ''
    this.excluded = NO_VERSION
    this.toHead = !isGet && head.methodIs('HEAD')
    // A step of a login is not repeated, so it is not sent to a connection that is known to be closed.
    this.idempotent = (isGet || isIdempotent(head)) && !head.logsIn
    this.offered = ''
    this.logsIn = head.logsIn
  }
}
