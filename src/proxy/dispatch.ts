/**
 * Finds the endpoint for a request, and another one when that fails: version, attempts, failover, hold. One object per client
 * connection, reused for each of its requests. Hot.
 */
import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { outcomeOf } from '../health/endpoint-outcome.ts'
import type { RetryBudget } from '../health/retry-budget.ts'
import { RETRIES, SLOT } from '../telemetry/counter-layout.ts'
import type { RetryReason } from '../telemetry/counter-layout.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import { repeatRule, retryReason } from './attempts.ts'
import type { RepeatRule } from './attempts.ts'
import { isOnce } from './client-logins.ts'
import type { ClientLogins, Login } from './client-logins.ts'
import { chooseVersion, withoutEndpoint } from './choose-version.ts'
import type { DataPlane } from './data-plane.ts'
import type { DispatchOwner, DispatchTerms } from './dispatch-terms.ts'
import { chargeVersion, count } from './finish.ts'
import type { HeldRequest, HoldQueue } from './hold-queue.ts'
import type { OutHolder } from './out-buffer.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

interface Failure {
  readonly code: ProxyErrorCode | null
  readonly status: number
  readonly rule: RepeatRule
  readonly reason: RetryReason | undefined
  readonly version: VersionRuntime
  readonly connection: UpstreamConnection
  /** A kept-alive connection has ended, as such do: no sign of ill health. */
  readonly stale: boolean
}

const NONE: readonly EndpointPool[] = []
/** The reasons of further attempts are logged up to so many characters: a request that waits may have many. */
const MAX_RETRIED = 48

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
  #endpoint: EndpointPool | null = null
  #onTrial = false
  #attemptMs = 0
  /** The request, while it waits for an endpoint. */
  #parked: OutHolder | null = null
  #queue: HoldQueue | null = null
  /** Endpoints of the present version that have failed, in order. */
  readonly #tried: EndpointPool[] = []
  /** Attempts that do not count for the limit: nothing was sent before the request waited, or another version failed. */
  #uncounted = 0
  /** What is left of the time for an answer when an attempt has had its share. */
  #restMs = 0
  /** Where the retry was taken from. */
  #budget: RetryBudget | null = null
  #failedOver = false

  constructor (plane: DataPlane, owner: DispatchOwner, terms: DispatchTerms, logins: ClientLogins) {
    this.#plane = plane
    this.#owner = owner
    this.#terms = terms
    this.#logins = logins
  }

  get heldBytes (): number { return this.#parked?.outLength ?? 0 }
  get sinceMs (): number { return this.#owner.startMs }
  /** Bytes of the request that are worth keeping for another attempt. */
  get replayBytes (): number {
    const retries = this.#route?.policy.retries
    return retries === undefined || (!this.#terms.idempotent && retries.idempotentOnly) ? 0 : retries.bufferBytes
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
    this.#failedOver = false
    this.#tried.length = this.#uncounted = 0
    const login = this.#logins.resume(route)
    if (login !== null) return this.#goOn(login)
    const version = chooseVersion(route, keyHash)
    if (version === undefined) return 'no_endpoint'
    this.#enter(version)
    const endpoint = version.pool.pick(keyHash, NONE)
    if (endpoint !== undefined) {
      this.#attempt(endpoint, this.#logins.connectionTo(endpoint) ?? endpoint.takeIdle() ?? endpoint.connect())
      return null
    }
    return withoutEndpoint(route, version)
  }

  /** Where the client has logged in it stays. */
  #goOn (login: Login): ProxyErrorCode | null {
    const { version, endpoint } = login
    this.#enter(version)
    if (!version.pool.admits(endpoint)) return 'circuit_open'
    this.#attempt(endpoint, login.take())
    return null
  }

  /** Puts a request that lies in `out` into the queue of its route. */
  hold (out: OutHolder): ProxyErrorCode | null {
    const route = this.#route
    if (route === null) return 'no_endpoint'
    this.#parked = out
    this.#releaseBudget()
    this.#queue = route.hold
    if (!route.hold.add(this)) {
      this.#parked = null
      return 'hold_full'
    }
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
    const version = route === undefined ? undefined : chooseVersion(route, this.#terms.keyHash)
    if (only !== '' && version?.name !== only) return false
    const endpoint = version?.pool.pick(this.#terms.keyHash, NONE)
    if (route !== undefined && version !== undefined && endpoint !== undefined) {
      this.leaveHold()
      this.#route = route
      this.#tried.length = 0
      this.#move(version)
      this.#send(endpoint, out)
      return true
    }
    if (version?.pool.empty === false) this.#queue?.noteCrowd()
    if (route?.policy.whenEmpty === 'hold') return false
    // Its route has gone, or does not let requests wait any more.
    owner.giveUp('no_endpoint', '')
    return true
  }

  /**
   * The current attempt has failed: makes another one, at another endpoint, at the other version, or later.
   * @param code why; null when the endpoint has answered with `status`
   * @returns false when the request has failed
   */
  again (code: ProxyErrorCode | null, status: number): boolean {
    const failed = this.connection
    const route = this.#renew()
    const { version, replayable } = this.#owner
    if (failed === null || version === null || route === null || isOnce(failed)) return false
    const { idempotent } = this.#terms
    const reused = failed.served > 0
    const rule = repeatRule({ code, status, idempotent, replayable, sent: failed.sent, reused, sawBytes: failed.sawBytes }, route.policy.retries)
    const failure = { code, status, rule, reason: retryReason(code, status), version, connection: failed, stale: rule === 'always' && reused }
    return (rule !== 'never' && this.#repeat(route, failure)) || this.#failOver(route, failure) || (rule !== 'never' && this.#wait(route, failure))
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
  #repeat (route: RouteRuntime, failure: Failure): boolean {
    const { rule, connection } = failure
    if (this.#spent(route) || (this.#failedOver && rule === 'policy')) return false
    // The endpoints may have gone since the version was chosen.
    const version = failure.version.pool.empty && !this.#failedOver ? chooseVersion(route, this.#terms.keyHash) ?? failure.version : failure.version
    this.#noteTried(failure)
    const endpoint = this.#another(version, failure)
    if (endpoint === undefined) return false
    if (rule === 'policy' && !this.#takeBudget(route, version)) return false
    this.#reportFailure(failure)
    const out = this.#leave(connection)
    this.#noteRetry(failure)
    this.#move(version)
    this.#send(endpoint, out)
    return true
  }

  #spent (route: RouteRuntime): boolean {
    return this.#owner.attempts - this.#uncounted >= route.policy.retries.attempts
  }

  #noteTried ({ stale, connection }: Failure): void {
    // Servers close idle connections, with a FIN. A reset may be the death of the endpoint.
    if (stale && connection.ended) return
    if (this.#endpoint !== null && !this.#tried.includes(this.#endpoint)) this.#tried.push(this.#endpoint)
  }

  /** An endpoint that has not been tried; or at least not the one that has just failed, unless it has only closed a connection that it had kept. */
  #another (version: VersionRuntime, { stale }: Failure): EndpointPool | undefined {
    const { keyHash } = this.#terms
    const endpoint = version.pool.pick(keyHash, this.#tried)
    if (endpoint !== undefined) return endpoint
    if (stale) return version.pool.pick(keyHash, NONE)
    return this.#tried.length < 2 ? undefined : version.pool.pick(keyHash, this.#tried.filter(tried => tried === this.#endpoint))
  }

  /**
   * Lets the request wait for an endpoint. To wait costs an endpoint nothing, so there is no budget for it, and what was never
   * sent is limited in time only.
   */
  #wait (route: RouteRuntime, failure: Failure): boolean {
    const { connection, code, version } = failure
    if (route.policy.whenEmpty !== 'hold' || !route.hold.hasRoom(connection.outLength)) return false
    if (connection.sent && (code !== 'upstream_reset' || this.#failedOver || this.#spent(route))) return false
    this.#reportFailure(failure)
    const unsent = !connection.sent
    const out = this.#leave(connection)
    this.#noteRetry(failure)
    if (unsent) this.#uncounted = this.#owner.attempts
    this.#move(version)
    return this.hold(out) === null
  }

  #noteRetry ({ version, reason = 'reset' }: Failure): void {
    const owner = this.#owner
    count(version.counters, RETRIES[reason], 1)
    if (owner.retried.length < MAX_RETRIED) owner.retried = owner.retried === '' ? `${reason}` : `${owner.retried},${reason}`
  }

  #takeBudget (route: RouteRuntime, version: VersionRuntime): boolean {
    if (this.#budget !== null) return true
    if (!route.budget.tryTake(version.counters[SLOT.inFlight] ?? 0)) {
      count(version.counters, SLOT.retriesRefused, 1)
      return false
    }
    this.#budget = route.budget
    return true
  }

  #failOver (route: RouteRuntime, failure: Failure): boolean {
    const { version, reason, connection, code, status } = failure
    const { failover } = route
    const owner = this.#owner
    if (failover === null || failover.to === version || this.#failedOver || reason === undefined || !failover.on.has(reason)) return false
    if (!owner.replayable || (connection.sent && !this.#terms.idempotent && route.policy.retries.idempotentOnly)) return false
    const endpoint = failover.to.pool.pick(this.#terms.keyHash, NONE)
    if (endpoint === undefined) return false
    this.#failedOver = true
    this.#reportFailure(failure)
    this.#tried.length = 0
    this.#uncounted = owner.attempts
    const out = this.#leave(connection)
    count(version.counters, SLOT.failovers, 1)
    chargeVersion(version, { startMs: owner.startMs, nowMs: this.#plane.readClock(), code, status: code === null ? status : proxyErrorRow(code).status })
    owner.failedOverFrom = version.name
    this.#move(failover.to)
    this.#send(endpoint, out)
    return true
  }

  /** Sends what lies in `out` on a connection of its own: no other has proved more alive than the one that failed. */
  #send (endpoint: EndpointPool, out: OutHolder): void {
    const connection = endpoint.connect()
    connection.out = out.out
    connection.outLength = out.outLength
    this.#attempt(endpoint, connection)
    this.#owner.redirected()
  }

  #attempt (endpoint: EndpointPool, connection: UpstreamConnection): void {
    const owner = this.#owner
    const counters = owner.version?.counters
    if (counters !== undefined) count(counters, connection.connecting ? SLOT.upstreamConnects : SLOT.upstreamReuses, 1)
    owner.attempts++
    owner.reused = !connection.connecting
    this.#attemptMs = this.#plane.recentMs
    this.#endpoint = endpoint
    this.endpointKey = endpoint.key
    endpoint.inFlight++
    this.#onTrial = endpoint.health.inTrial
    if (this.#onTrial) endpoint.trials++
    this.connection = connection
    connection.assign(this.#owner, this.#terms)
  }

  #enter (version: VersionRuntime): void {
    this.#owner.version = version
    count(version.counters, SLOT.inFlight, 1)
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
    const endpoint = this.#endpoint
    if (endpoint === null) return
    if (this.#onTrial) this.#endTrial(endpoint)
    if (endpoint.health.inTrial && outcomeOf(null, status) === 'success') endpoint.health.answered()
  }

  /** The request is over. `code` is null when the endpoint's answer has been passed on to its end. */
  end (code: ProxyErrorCode | null, status: number): void {
    if (this.#parked !== null) this.leaveHold()
    if (this.#endpoint !== null) {
      this.#report(code, status)
      this.#release(this.#endpoint)
      this.#endpoint = null
    }
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
  }

  #countHeld (change: number): void {
    const { version } = this.#owner
    if (version !== null) count(version.counters, SLOT.held, change)
  }

  #release (endpoint: EndpointPool): void {
    endpoint.inFlight--
    if (this.#onTrial) this.#endTrial(endpoint)
  }

  #endTrial (endpoint: EndpointPool): void {
    endpoint.trials--
    this.#onTrial = false
  }

  #releaseBudget (): void {
    this.#budget?.release()
    this.#budget = null
  }

  #reportFailure ({ code, status, stale }: Failure): void {
    if (!stale) this.#report(code, status)
  }

  #report (code: ProxyErrorCode | null, status: number): void {
    const endpoint = this.#endpoint
    if (endpoint !== null) this.#owner.version?.pool.report(endpoint, outcomeOf(code, status), this.#attemptMs)
  }

  /** Has done with a connection that failed; what was sent on it is still good. */
  #leave (connection: UpstreamConnection): OutHolder {
    if (this.#endpoint !== null) this.#release(this.#endpoint)
    this.#endpoint = null
    this.connection = null
    connection.destroy()
    return { out: connection.out, outLength: connection.outLength }
  }
}
