/**
 * Finds the endpoint for a request, and another one when that fails: version, attempts, failover, hold. One object per client
 * connection, reused for each of its requests. Hot.
 */
import { ByteAccount } from '../core/byte-account.ts'
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { RetryBudget } from '../health/retry-budget.ts'
import { RETRIES, SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import { AttemptLease } from './attempt-lease.ts'
import { AttemptTrail } from './attempt-trail.ts'
import { repeatRule, retryReason } from './attempts.ts'
import type { FailedAttempt } from './attempts.ts'
import { isOnce } from './client-logins.ts'
import type { ClientLogins, Login } from './client-logins.ts'
import { chooseVersion, fallbackFrom, versionFor, withoutEndpoint } from './choose-version.ts'
import type { DataPlane } from './data-plane.ts'
import type { DispatchOwner, DispatchTerms } from './dispatch-terms.ts'
import { chargeVersion, count } from './finish.ts'
import type { HeldRequest, HoldQueue } from './hold-queue.ts'
import type { StepFacts } from './next-step.ts'
import type { OutHolder } from './out-buffer.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'
import { decideStep, stepChoices, stepFacts } from './step-choices.ts'
import type { Failure, Place } from './step-choices.ts'

const NONE: readonly EndpointPool[] = []

export class Dispatch implements HeldRequest {
  /** The connection of the current attempt. */
  connection: UpstreamConnection | null = null
  /** The key of the endpoint that was tried last; empty when there was none. */
  endpointKey = ''
  readonly #plane: DataPlane
  readonly #owner: DispatchOwner
  #route: RouteRuntime | null = null
  readonly #terms: DispatchTerms
  readonly #logins: ClientLogins
  readonly #attempt: AttemptLease
  /** The request, while it waits for an endpoint. */
  #parked: OutHolder | null = null
  readonly #account: ByteAccount
  #queue: HoldQueue | null = null
  readonly #trail = new AttemptTrail()
  /** What is left of the time for an answer when an attempt has had its share. */
  #restMs = 0
  /** Where the retry was taken from. */
  #budget: RetryBudget | null = null
  /** The request waits, and has to take a retry out of the budget before it goes again. */
  #owesBudget = false

  constructor (plane: DataPlane, owner: DispatchOwner, terms: DispatchTerms, logins: ClientLogins) {
    this.#plane = plane
    this.#owner = owner
    this.#terms = terms
    this.#account = new ByteAccount(plane.budget)
    this.#attempt = new AttemptLease(plane.failures)
    this.#logins = logins
  }

  get heldBytes (): number { return this.#parked?.outLength ?? 0 }
  /** Bytes of memory that the request takes on the side of the endpoint, or while it waits for one. */
  get memoryBytes (): number { return (this.connection?.account.bytes ?? 0) + this.#account.bytes }
  get sinceMs (): number { return this.#owner.startMs }
  /** Bytes of the request that are worth keeping for another attempt: none while memory runs short. */
  get replayBytes (): number {
    const { used, largeBelow } = this.#plane.budget
    const retries = this.#route?.policy.retries
    return used >= largeBelow || retries === undefined || (!this.#terms.idempotent && retries.idempotentOnly) ? 0 : retries.bufferBytes
  }

  /** How long the endpoint may take to answer before another one is asked, if there is any: `timeoutMs` or less. */
  answerTimeMs (timeoutMs: number): number {
    const shareMs = this.#route?.policy.retries.perTryTimeoutMs ?? 0
    this.#restMs = shareMs === 0 ? 0 : Math.max(0, timeoutMs - shareMs)
    return timeoutMs - this.#restMs
  }

  /** No other endpoint can be asked: how much longer the present one may take. */
  takeRestMs (): number {
    const restMs = this.#restMs
    this.#restMs = 0
    return restMs
  }

  /** Forgets the request before. */
  reset (): void {
    this.endpointKey = ''
  }

  /**
   * Chooses the version and the endpoint of a request and takes a connection for it.
   * @returns null, with a connection or without one for a request that has to wait; or why there can't be one
   */
  begin (route: RouteRuntime): ProxyErrorCode | null {
    const { keyHash } = this.#terms
    this.#route = route
    this.#trail.reset()
    this.#owesBudget = false
    const login = this.#logins.resume(route)
    if (login !== null) return this.#goOn(login)
    const version = chooseVersion(route, keyHash, this.#owner)
    if (version === undefined) return 'no_endpoint'
    this.#enter(version)
    const endpoint = version.pool.pick(keyHash, NONE)
    if (endpoint !== undefined) {
      this.#assign(endpoint, this.#logins.connectionTo(endpoint) ?? endpoint.takeIdle() ?? endpoint.connect(route.policy.timeoutsMs.upstreamConnect))
      return null
    }
    return withoutEndpoint(route, version)
  }

  /** Where the client has logged in it stays. */
  #goOn (login: Login): ProxyErrorCode | null {
    const { version, endpoint } = login
    this.#enter(version)
    if (!version.pool.admits(endpoint)) return 'circuit_open'
    this.#assign(endpoint, login.take())
    return null
  }

  /** Puts a request that lies in `out` into the queue of its route. */
  hold (out: OutHolder): ProxyErrorCode | null {
    const route = this.#route
    if (route === null) return 'no_endpoint'
    this.#parked = out
    this.#queue = route.hold
    if (!route.hold.add(this)) {
      this.#parked = null
      return 'hold_full'
    }
    this.#account.set(out.out.length)
    this.#countHeld(1)
    const { holdMs } = route.policy
    this.#owner.held(Math.max(1, this.#owner.startMs + holdMs - this.#plane.recentMs))
    return null
  }

  tryProceed (only: string): boolean {
    const out = this.#parked
    const owner = this.#owner
    if (out === null) return true
    const route = this.#plane.routes.get(owner.route?.name ?? '')
    const version = route === undefined ? undefined : versionFor(route, this.#terms.keyHash)
    if (only !== '' && version?.name !== only) return false
    const endpoint = version?.pool.pick(this.#terms.keyHash, NONE)
    if (route !== undefined && version !== undefined && endpoint !== undefined && this.#mayGo(route, version)) {
      this.leaveHold()
      this.#route = route
      this.#trail.goesOn()
      this.#choose(route, version)
      this.#send(endpoint, out)
      return true
    }
    if (version?.pool.empty === false) this.#queue?.noteCrowd()
    if (route?.policy.whenEmpty === 'hold') return false
    // Its route has gone, or does not let requests wait any more.
    owner.giveUp('no_endpoint', '')
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
    const choices = stepChoices(route, failure, { keyHash: this.#terms.keyHash, trail, last: this.#attempt.endpoint })
    const facts = stepFacts(route, failure, choices, { trail, attempts: this.#owner.attempts, hasBudget: this.#budget !== null })
    switch (decideStep(route, failure, facts)) {
      case 'repeat': return this.#repeat(route, failure, choices.other)
      case 'fail over': return this.#failOver(failure, choices.helper)
      case 'fall back': return this.#fallBack(route, failure, choices.next)
      case 'wait': return this.#wait(route, failure, facts)
      default: return false
    }
  }

  #failureOf (route: RouteRuntime, code: ProxyErrorCode | null, status: number): Failure | null {
    const { connection } = this
    const { version, replayable } = this.#owner
    if (connection === null || version === null || isOnce(connection)) return null
    const { sent, sawBytes } = connection
    const failed: FailedAttempt = { code, status, idempotent: this.#terms.idempotent, replayable, sent, reused: connection.served > 0, sawBytes }
    const rule = repeatRule(failed, route.policy.retries)
    return { ...failed, rule, reason: retryReason(code, status), version, connection, stale: rule === 'always' && failed.reused }
  }

  /** The route as it is now: what a reload has put in force holds for further attempts. */
  #renew (): RouteRuntime | null {
    const before = this.#route
    const { version } = this.#owner
    const route = before === null ? undefined : this.#plane.routes.get(before.name)
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
    const out = this.#leave(failure)
    this.#noteRetry(failure)
    this.#choose(route, version)
    this.#send(endpoint, out)
    return true
  }

  #noteTried ({ stale, connection }: Failure): void {
    // Servers close idle connections, with a FIN. A reset may be the death of the endpoint.
    if (stale && connection.ended) return
    if (this.#attempt.endpoint !== null) this.#trail.note(this.#attempt.endpoint)
  }

  /** What was never sent goes to the client's next choice: all endpoints of its version refuse, and the list is behind. */
  #fallBack (route: RouteRuntime, failure: Failure, next: Place | null): boolean {
    if (next?.endpoint === undefined) return false
    const out = this.#leave(failure)
    this.#noteRetry(failure)
    this.#trail.leave(failure.version, this.#owner.attempts)
    this.#choose(route, next.version)
    this.#send(next.endpoint, out)
    return true
  }

  /** Lets the request wait for an endpoint. */
  #wait (route: RouteRuntime, failure: Failure, { waning }: StepFacts): boolean {
    const { rule, version } = failure
    const out = this.#leave(failure)
    this.#noteRetry(failure)
    // While the version has nothing to go to, nobody waits for what is taken here; it is taken when the request goes again.
    if (waning && this.#budget !== null) this.#oweBudget()
    else if (rule === 'policy' && waning) this.#owesBudget = true
    else if (rule === 'policy') this.#takeBudget(route, version)
    this.#trail.waits(this.#owner.attempts)
    this.#move(version)
    return this.hold(out) === null
  }

  #oweBudget (): void {
    this.#releaseBudget()
    this.#owesBudget = true
  }

  #noteRetry ({ version, reason = 'reset' }: Failure): void {
    count(version.counters, RETRIES[reason], 1)
    this.#owner.noteFailedAttempt(reason)
  }

  #takeBudget (route: RouteRuntime, version: VersionRuntime): boolean {
    if (this.#budget !== null) return true
    if (!route.budget.tryTake(version.counters[SLOT.inFlight] ?? 0)) return false
    this.#budget = route.budget
    return true
  }

  #failOver (failure: Failure, helper: Place | null): boolean {
    const { version, code, status } = failure
    const owner = this.#owner
    if (helper?.endpoint === undefined) return false
    this.#trail.failOver(owner.attempts)
    const out = this.#leave(failure)
    count(version.counters, SLOT.failovers, 1)
    chargeVersion(version, { startMs: owner.startMs, nowMs: this.#plane.readClock(), code, status: code === null ? status : proxyErrorRow(code).status })
    owner.failedOverFrom = version.name
    owner.noteFailedAttempt(failure.reason)
    this.#move(helper.version)
    this.#send(helper.endpoint, out)
    return true
  }

  /** Sends what lies in `out` on a connection of its own: no other has proved more alive than the one that failed. */
  #send (endpoint: EndpointPool, out: OutHolder): void {
    const connection = endpoint.connect(this.#route?.policy.timeoutsMs.upstreamConnect)
    connection.replaceOut(out.out, out.outLength)
    this.#assign(endpoint, connection)
    this.#owner.redirected()
  }

  #assign (endpoint: EndpointPool, connection: UpstreamConnection): void {
    const owner = this.#owner
    const counters = owner.version?.counters
    if (counters !== undefined) count(counters, connection.connecting ? SLOT.upstreamConnects : SLOT.upstreamReuses, 1)
    owner.attempts++
    owner.reused = !connection.connecting
    this.#attempt.take(endpoint, this.#plane.recentMs)
    this.endpointKey = endpoint.key
    this.connection = connection
    connection.assign(this.#owner, this.#terms)
  }

  #enter (version: VersionRuntime): void {
    this.#owner.version = version
    count(version.counters, SLOT.inFlight, 1)
  }

  /** Goes to the version that was chosen for the request now: mostly the one where it is. */
  #choose (route: RouteRuntime, version: VersionRuntime): void {
    const owner = this.#owner
    const instead = fallbackFrom(route, this.#terms.keyHash, version)
    if (version !== owner.version && instead !== '') count(version.counters, SLOT.fallbacks, 1)
    owner.fallbackFrom = instead
    this.#move(version)
  }

  #move (version: VersionRuntime): void {
    const before = this.#owner.version
    if (before === version) return
    if (before !== null) count(before.counters, SLOT.inFlight, -1)
    this.#enter(version)
  }

  /** Something of a good answer has come. */
  answered (status: number): void {
    // Whatever it takes from now on, a tunnel or a stream, it is no attempt any more.
    if (this.#budget !== null) this.#releaseBudget()
    this.#attempt.answered(status)
  }

  /** The request is over. `code` is null when the endpoint's answer has been passed on to its end. */
  end (code: ProxyErrorCode | null, status: number): void {
    if (this.#parked !== null) this.leaveHold()
    this.#attempt.report(this.#owner, code, status)
    this.#attempt.release()
    this.#releaseBudget()
    this.connection = null
    const route = this.#route
    this.#route = null
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
    const { version } = this.#owner
    if (version !== null) count(version.counters, SLOT.held, change)
  }

  #releaseBudget (): void {
    this.#budget?.release()
    this.#budget = null
  }

  /** Has done with a connection that failed; what was sent on it is still good. */
  #leave ({ connection, code, status, stale }: Failure): OutHolder {
    if (connection.sent) this.#trail.sent++
    if (!stale) this.#attempt.report(this.#owner, code, status)
    this.#attempt.release()
    this.connection = null
    connection.destroy()
    return { out: connection.out, outLength: connection.outLength }
  }
}
