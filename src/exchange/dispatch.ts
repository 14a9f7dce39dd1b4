/**
 * The attempts of an exchange: which version and endpoint get the request, what comes after a failure, and the wait for an endpoint. It
 * takes the steps that nextStep() decides. Reused for each request of an exchange. Hot.
 */
import { ByteAccount } from '../net/byte-budget.ts'
import { proxyErrorRow, type ProxyErrorCode } from '../core/proxy-error.ts'
import type { KeptRequest } from '../http/http-request.ts'
import { RETRIES, SLOT } from '../telemetry/counter-layout.ts'
import { isOnce, type ClientLogins, type Login } from '../upstream/client-logins.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { CallEvents, UpstreamCall } from '../upstream/upstream-call.ts'
import type { AttemptLease } from './attempt-lease.ts'
import { AttemptTrail, decideStep, type DispatchTerms, type Failure, type Place, stepChoices, stepFacts } from './step-choices.ts'
import { type FailedAttempt, repeatRule, retryReason, type StepFacts } from './next-step.ts'
import { chooseVersion, fallbackFrom, versionFor, withoutEndpoint } from './choose-version.ts'
import type { ExchangeContext } from './exchange-context.ts'
import { chargeVersion, count } from './finish.ts'
import type { HeadEdits } from './head-edits.ts'
import type { HeldRequest, HoldQueue } from './hold-queue.ts'
import type { RequestFacts } from './request-facts.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

const NONE: readonly EndpointPool[] = []

/** What the exchange is told of its request, besides the events of its call. */
export interface DispatchEvents extends CallEvents {
  /** There is no endpoint for now: the request waits. @param timeoutMs for so long at most */
  held (timeoutMs: number): void
  /** The request goes to another call, which has it. */
  redirected (): void
  /** The request, which waited, has failed. */
  giveUp (code: ProxyErrorCode, fault: string): void
}

/** What a dispatch shares with its exchange. */
export interface DispatchParts {
  readonly facts: RequestFacts
  readonly terms: DispatchTerms
  readonly lease: AttemptLease
  readonly edits: HeadEdits
  readonly logins: ClientLogins
}

export class Dispatch implements HeldRequest {
  /** The request, while it waits for an endpoint. */
  #parked: KeptRequest | null = null
  readonly #account: ByteAccount
  readonly #context: ExchangeContext
  readonly #events: DispatchEvents
  readonly #facts: RequestFacts
  readonly #terms: DispatchTerms
  readonly #lease: AttemptLease
  readonly #logins: ClientLogins
  #route: RouteRuntime | null = null
  #queue: HoldQueue | null = null
  readonly #trail = new AttemptTrail()
  /** What is left of the time for an answer when an attempt has had its share. */
  #restMs = 0
  /** The request waits, and has to take a retry out of the budget before it goes again. */
  #owesBudget = false
  readonly #edits: HeadEdits

  constructor (context: ExchangeContext, events: DispatchEvents, { facts, terms, lease, edits, logins }: DispatchParts) {
    this.#context = context
    this.#events = events
    this.#facts = facts
    this.#terms = terms
    this.#lease = lease
    this.#logins = logins
    this.#edits = edits
    this.#account = new ByteAccount(context.budget)
  }

  get heldBytes (): number { return this.#parked?.outLength ?? 0 }
  /** Bytes of memory that the request takes on the side of the endpoint, or while it waits for one. */
  get memoryBytes (): number { return (this.#lease.call?.memoryBytes ?? 0) + this.#account.bytes }
  get sinceMs (): number { return this.#facts.startMs }
  /** Where the request waits; null when it does not. */
  get parked (): KeptRequest | null { return this.#parked }
  /** Bytes of the request that are worth keeping for another attempt: none while memory runs short. */
  get replayBytes (): number {
    const { used, largeBelow } = this.#context.budget
    const retries = this.#route?.policy.retries
    return used >= largeBelow || retries === undefined || (!this.#terms.idempotent && retries.idempotentOnly) ? 0 : retries.bufferBytes
  }

  /** How long the endpoint may take to answer before another one is asked, if there is any: `timeoutMs` or less. */
  responseTimeMs (timeoutMs: number): number {
    const shareMs = this.#route === null ? 0 : this.#route.policy.retries.perTryTimeoutMs
    this.#restMs = shareMs === 0 ? 0 : Math.max(0, timeoutMs - shareMs)
    return timeoutMs - this.#restMs
  }

  /** No other endpoint can be asked: how much longer the present one may take. */
  takeRestMs (): number {
    const restMs = this.#restMs
    this.#restMs = 0
    return restMs
  }

  /**
   * Chooses the version and the endpoint of a request and takes a call for it.
   * @param bodyBytes the size of its body, as far as the head tells
   * @returns null, with a call or without one for a request that has to wait; or why there can't be one
   */
  begin (route: RouteRuntime, bodyBytes: number): ProxyErrorCode | null {
    const { keyHash } = this.#terms
    this.#route = route
    this.#edits.made = this.#edits.plainHead = null
    this.#trail.reset()
    this.#owesBudget = false
    const login = this.#logins.any ? this.#logins.resume(route) : null
    if (login !== null) return this.#goOn(login, bodyBytes)
    const version = chooseVersion(route, this.#terms, this.#facts)
    if (version === undefined) return 'no_endpoint'
    this.#enter(version)
    if (this.#facts.isTooLarge(bodyBytes)) return 'body_too_large'
    const endpoint = version.pool.pick(keyHash, NONE)
    if (endpoint === undefined) return withoutEndpoint(route, version)
    const own = this.#logins.any ? this.#logins.connectionTo(endpoint) : null
    this.#assign(endpoint, own ?? endpoint.calls.takeIdle() ?? endpoint.calls.open(route.policy.timeoutsMs.upstreamConnect))
    return null
  }

  /** Where the client has logged in it stays. */
  #goOn (login: Login<VersionRuntime>, bodyBytes: number): ProxyErrorCode | null {
    const { version, endpoint } = login
    this.#facts.notePlaced()
    this.#enter(version)
    if (this.#facts.isTooLarge(bodyBytes)) return 'body_too_large'
    if (!version.pool.admits(endpoint)) return 'circuit_open'
    this.#assign(endpoint, login.take())
    return null
  }

  /** Puts a request into the queue of its route. */
  hold (kept: KeptRequest): ProxyErrorCode | null {
    const route = this.#route
    if (route === null) return 'no_endpoint'
    this.#parked = kept
    this.#queue = route.hold
    if (!route.hold.add(this)) {
      this.#parked = null
      return 'hold_full'
    }
    this.#account.set(kept.out.length)
    this.#countHeld(1)
    const { maxAgeMs } = route.policy.hold
    this.#events.held(Math.max(1, this.#facts.startMs + maxAgeMs - this.#context.recentMs))
    return null
  }

  tryProceed (only: string): boolean {
    const kept = this.#parked
    if (kept === null) return true
    const route = this.#context.routes.get(this.#facts.route?.name ?? '')
    const version = route === undefined ? undefined : versionFor(route, this.#terms)
    if (only !== '' && version?.name !== only) return false
    const endpoint = version?.pool.pick(this.#terms.keyHash, NONE)
    if (route !== undefined && version !== undefined && endpoint !== undefined && this.#mayGo(route, version)) {
      this.leaveHold()
      this.#route = route
      this.#trail.goesOn()
      this.#facts.epoch = route.epoch
      this.#choose(route, version)
      this.#send(endpoint, kept)
      return true
    }
    if (version?.pool.empty === false) this.#queue?.noteCrowd()
    if (route?.policy.whenEmpty === 'hold') return false
    // Its route has gone, or does not let requests wait any more.
    this.#events.giveUp('no_endpoint', '')
    return true
  }

  /** What has been sent before needs the budget to go again, unless it has it already. */
  #mayGo (route: RouteRuntime, version: VersionRuntime): boolean {
    if (this.#owesBudget && !this.#takeBudget(route, version)) return false
    this.#owesBudget = false
    return true
  }

  /**
   * The current attempt has failed: makes another one, at another endpoint, at another version, or later.
   * @param code why; null when the endpoint has answered with `status`
   * @returns false when the request has failed
   */
  again (code: ProxyErrorCode | null, status: number): boolean {
    const route = this.#renew()
    const failure = route === null ? null : this.#failureOf(route, code, status)
    if (route === null || failure === null) return false
    this.#noteTried(failure)
    const trail = this.#trail
    const choices = stepChoices(route, failure, { terms: this.#terms, trail, last: this.#lease.endpoint })
    const facts = stepFacts(route, failure, choices, { trail, attempts: this.#facts.attempts, hasBudget: this.#lease.hasBudget })
    switch (decideStep(route, failure, facts)) {
      case 'repeat': return this.#repeat(route, failure, choices.other)
      case 'fail over': return this.#failOver(failure, choices.helper)
      case 'fall back': return this.#fallBack(route, failure, choices.next)
      case 'wait': return this.#wait(route, failure, facts)
      default: return false
    }
  }

  #failureOf (route: RouteRuntime, code: ProxyErrorCode | null, status: number): Failure | null {
    const { call } = this.#lease
    const { version } = this.#facts
    if (call === null || version === null || isOnce(call)) return null
    const { sent, sawBytes, reused, whole } = call
    const failed: FailedAttempt = { code, status, idempotent: this.#terms.idempotent, replayable: whole, sent, reused, sawBytes }
    const rule = repeatRule(failed, route.policy.retries)
    return { ...failed, rule, reason: retryReason(code, status), version, call, stale: rule === 'always' && reused }
  }

  /** The route as it is now: what a reload has put in force holds for further attempts. */
  #renew (): RouteRuntime | null {
    const before = this.#route
    const { version } = this.#facts
    const route = before === null ? undefined : this.#context.routes.get(before.name)
    if (route === undefined || version === null || route === before) return before
    const renewed = route.versions.find(({ name }) => name === version.name)
    if (renewed === undefined) return before
    this.#move(renewed)
    this.#route = route
    return route
  }

  /** Makes another attempt at once. */
  #repeat (route: RouteRuntime, failure: Failure, { version, endpoint }: Place): boolean {
    if (endpoint === undefined) return false
    if (failure.rule === 'policy') this.#takeBudget(route, version)
    const kept = this.#leave(failure)
    this.#noteRetry(failure)
    this.#choose(route, version)
    this.#send(endpoint, kept)
    return true
  }

  #noteTried ({ stale, call }: Failure): void {
    // Servers close idle connections, with a FIN. A reset may be the death of the endpoint.
    if (stale && call.ended) return
    if (this.#lease.endpoint !== null) this.#trail.note(this.#lease.endpoint)
  }

  /** What was never sent goes to the client's next choice: all endpoints of its version refuse, and the list is behind. */
  #fallBack (route: RouteRuntime, failure: Failure, next: Place | null): boolean {
    if (next?.endpoint === undefined) return false
    const kept = this.#leave(failure)
    this.#noteRetry(failure)
    this.#trail.leave(failure.version, this.#facts.attempts)
    this.#choose(route, next.version)
    this.#send(next.endpoint, kept)
    return true
  }

  /** Lets the request wait for an endpoint. */
  #wait (route: RouteRuntime, failure: Failure, { waning }: StepFacts): boolean {
    const { rule, version } = failure
    const kept = this.#leave(failure)
    this.#noteRetry(failure)
    // While the version has nothing to go to, nobody waits for what is taken here; it is taken when the request goes again.
    if (waning && this.#lease.hasBudget) this.#oweBudget()
    else if (rule === 'policy' && waning) this.#owesBudget = true
    else if (rule === 'policy') this.#takeBudget(route, version)
    this.#trail.waits(this.#facts.attempts)
    this.#move(version)
    return this.hold(kept) === null
  }

  #oweBudget (): void {
    this.#lease.releaseBudget()
    this.#owesBudget = true
  }

  #noteRetry ({ version, reason = 'reset' }: Failure): void {
    count(version.counters, RETRIES[reason], 1)
    this.#facts.noteFailedAttempt(reason)
  }

  #takeBudget (route: RouteRuntime, version: VersionRuntime): boolean {
    return this.#lease.takeBudget(route.budget, version.counters[SLOT.inFlight] ?? 0)
  }

  #failOver (failure: Failure, helper: Place | null): boolean {
    const { version, code, status } = failure
    const facts = this.#facts
    if (helper?.endpoint === undefined) return false
    this.#trail.failOver(facts.attempts)
    const kept = this.#leave(failure)
    count(version.counters, SLOT.failovers, 1)
    chargeVersion(version, {
      startMs: facts.startMs, nowMs: this.#context.readClock(), code, status: code === null ? status : proxyErrorRow(code).status
    })
    facts.failedOverFrom = version.name
    facts.noteFailedAttempt(failure.reason)
    this.#move(helper.version)
    this.#send(helper.endpoint, kept)
    return true
  }

  /** Sends what was kept on a connection of its own: no other has proved more alive than the one that failed. */
  #send (endpoint: EndpointPool, kept: KeptRequest): void {
    const call = endpoint.calls.open(this.#route?.policy.timeoutsMs.upstreamConnect)
    this.#assign(endpoint, call)
    call.repeat(this.#edits.forVersion(this.#facts.version, kept))
    this.#events.redirected()
  }

  #assign (endpoint: EndpointPool, call: UpstreamCall): void {
    const facts = this.#facts
    const { connecting } = call
    if (facts.version !== null) {
      const { counters } = facts.version
      const at = connecting ? SLOT.upstreamConnects : SLOT.upstreamReuses
      counters[at] = (counters[at] ?? 0) + 1
    }
    facts.attempts++
    facts.reused = !connecting
    facts.endpoint = endpoint.key
    this.#lease.open(endpoint, call, this.#context.recentMs)
    call.assign(this.#events, this.#terms)
  }

  #enter (version: VersionRuntime): void {
    const { counters } = version
    this.#facts.version = version
    counters[SLOT.inFlight] = (counters[SLOT.inFlight] ?? 0) + 1
  }

  /** Goes to the version that was chosen for the request now: mostly the one where it is. */
  #choose (route: RouteRuntime, version: VersionRuntime): void {
    const facts = this.#facts
    const instead = fallbackFrom(route, this.#terms, version)
    if (version !== facts.version && instead !== '') count(version.counters, SLOT.fallbacks, 1)
    facts.fallbackFrom = instead
    this.#move(version)
  }

  #move (version: VersionRuntime): void {
    const before = this.#facts.version
    if (before === version) return
    if (before !== null) count(before.counters, SLOT.inFlight, -1)
    this.#enter(version)
  }

  /** The request is over. `code` is null when the endpoint's answer has been passed on to its end. */
  end (code: ProxyErrorCode | null, status: number): void {
    if (this.#parked !== null) this.leaveHold()
    this.#lease.close(code, status)
    if (this.#lease.hasBudget) this.#lease.releaseBudget()
    const route = this.#route
    this.#route = null
    if (this.#edits.plainHead !== null) this.#edits.plainHead = null
    if (route !== null && route.hold.crowded) route.hold.next()
  }

  /** The request waits no more. */
  leaveHold (): void {
    this.#countHeld(-1)
    this.#queue?.remove(this)
    this.#parked = null
    this.#account.set(0)
  }

  #countHeld (change: number): void {
    const { version } = this.#facts
    if (version !== null) count(version.counters, SLOT.held, change)
  }

  /** Has done with a call that failed; what was sent on it is still good. */
  #leave ({ call, code, status, stale }: Failure): KeptRequest {
    if (call.sent) this.#trail.sent++
    const { out, outLength, headLength, chunked } = call.kept
    if (stale) {
      this.#lease.closeUnjudged()
    } else {
      this.#facts.noteFirstFailure()
      this.#lease.close(code, status)
    }
    call.cancel()
    return { out, outLength, headLength, chunked }
  }
}
