/**
 * The endpoints of one version of one route, and the choice among them: health, limits, then the balancer.
 */
import { type Balancer, Rendezvous } from '../balancing/balancer.ts'
import type { Endpoint, EndpointChange } from '../core/endpoint.ts'
import { combineHashes } from '../core/hash.ts'
import { type UsableChange, UsableEndpoints } from '../discovery/usable-endpoints.ts'
import type { CheckVerdict, EndpointOutcome } from '../health/endpoint-health.ts'
import { type HealthEvent, VersionHealth, type VersionHealthStatus } from '../health/version-health.ts'
import type { EndpointPool, EndpointPools } from './endpoint-pools.ts'
import type { Transport } from './transport.ts'
import type { EndpointCalls } from './upstream-call.ts'
import type { BreakerLimits, HealthPolicy } from '../contract/route-policy.ts'

const UNLIMITED = 0x7fff_ffff

/**
 * Bounds what one worker asks of something at the same time. A version has two: one is asked with the figures of the
 * whole version, the other with those of the endpoint that was picked. It keeps no figures itself, so that nothing can drift; asking
 * is one comparison of whole numbers.
 */
export class CircuitBreaker {
  readonly #connections: number
  readonly #pending: number
  readonly #requests: number

  constructor (limits: BreakerLimits) {
    this.#connections = limits.connections === 0 ? UNLIMITED : limits.connections
    this.#pending = limits.pending === 0 ? UNLIMITED : limits.pending
    this.#requests = limits.requests === 0 ? UNLIMITED : limits.requests
  }

  /** May another connection be opened beside the `open` ones, for a request that waits beside the `waiting` ones? */
  allowsConnection (open: number, waiting: number): boolean {
    return open < this.#connections && waiting < this.#pending
  }

  /** May another request begin beside those in flight? */
  allowsRequest (inFlight: number): boolean {
    return inFlight < this.#requests
  }
}

export interface VersionPoolOptions {
  readonly transport: Transport
  readonly health: HealthPolicy
  readonly circuitBreaker: BreakerLimits & { readonly perEndpoint: BreakerLimits }
  /** 32 random bits. */
  readonly random: () => number
  readonly nowMs: () => number
  readonly onHealthEvent: (event: HealthEvent) => void
}

/** What is known beforehand of the pick for a request. */
interface Prospect {
  /** A limit of the circuit breaker does not keep the request out. */
  readonly open: boolean
  /** The endpoint, where it is certain. */
  readonly endpoint: EndpointPool | undefined
}

export class VersionPool {
  readonly #pools: EndpointPools
  readonly #balancer: Balancer
  readonly #options: VersionPoolOptions
  readonly #health: VersionHealth<EndpointPool>
  readonly #breaker: CircuitBreaker
  readonly #endpointBreaker: CircuitBreaker
  readonly #limited: boolean
  /** The balancer keeps clients on their endpoint. */
  readonly #sticky: boolean
  /** The version may have another connection, beside those that are idle. Of the latest careful pick. */
  #mayConnect = true
  readonly #passedOver: EndpointPool[] = []
  /** Of the latest careful pick: the limits allow it, but it starts slowly or is on trial. */
  #second: EndpointPool | undefined
  readonly #usable = new UsableEndpoints()
  /** Endpoints that may get new requests as far as their source says, by `address:port`. */
  readonly #acquired = new Map<string, EndpointPool>()

  constructor (pools: EndpointPools, balancer: Balancer, options: VersionPoolOptions) {
    this.#pools = pools
    this.#balancer = balancer
    this.#options = options
    this.#health = new VersionHealth(options.health, options.onHealthEvent)
    const { perEndpoint, ...whole } = options.circuitBreaker
    this.#breaker = new CircuitBreaker(whole)
    this.#endpointBreaker = new CircuitBreaker(perEndpoint)
    this.#sticky = balancer instanceof Rendezvous
    this.#limited = [whole, perEndpoint].some(({ connections, pending, requests }) => connections + pending + requests > 0)
  }

  get empty (): boolean { return this.#health.usable.length === 0 }
  /** Are there endpoints, and not only such as are terminating? */
  get ready (): boolean { return this.#health.usable.length > 0 && !this.#usable.lastResort }

  /** Takes over the endpoints as discovery sees them now. Those that only finish what they have are no candidates. */
  update (endpoints: readonly Endpoint[]): void {
    this.#take(this.#usable.replace(endpoints))
  }

  /** Takes over what discovery sees different now. */
  change (change: EndpointChange): void {
    this.#take(this.#usable.apply(change))
  }

  #take (change: UsableChange): void {
    if (change.joined.length + change.left.length > 0) this.#exchange(change)
    // A member that left is preferred by nobody, and one that joined may be.
    if (change.nearChanged) this.#health.prefer(new Set([...this.#usable.near].flatMap(key => this.#acquired.get(key) ?? [])))
  }

  #exchange ({ joined, left }: UsableChange): void {
    const come = joined.map(endpoint => this.#pools.acquire(endpoint, this.#options.transport))
    for (const pool of come) this.#acquired.set(pool.key, pool)
    const gone = left.flatMap(key => this.#acquired.get(key) ?? [])
    for (const { key } of gone) this.#acquired.delete(key)
    this.#health.changeMembers(come, gone, this.#options.nowMs())
    for (const pool of gone) this.#pools.release(pool)
  }

  /** The endpoint of this key and with these calls, if it may get new requests as far as its source says. */
  member (key: string, calls: EndpointCalls): EndpointPool | undefined {
    const pool = this.#acquired.get(key)
    return pool?.calls === calls ? pool : undefined
  }

  /** Do the limits allow another request on a connection that is there? */
  admits (pool: EndpointPool): boolean {
    return !this.#limited || (this.#versionAllows() && this.#endpointBreaker.allowsRequest(pool.inFlight))
  }

  /**
   * Chooses an endpoint; undefined when there is none, or when no limit allows one.
   * @param avoid endpoints that have just failed
   */
  pick (keyHash: number, avoid: readonly EndpointPool[]): EndpointPool | undefined {
    const candidates = this.#health.usable
    if (avoid.length > 0 || this.#limited || this.#health.restrained) return this.#pickWithCare(candidates, keyHash, avoid)
    const index = this.#balancer.pick(candidates, keyHash)
    return index < 0 ? undefined : candidates[index]
  }

  #pickWithCare (candidates: readonly EndpointPool[], keyHash: number, avoid: readonly EndpointPool[]): EndpointPool | undefined {
    if (this.#limited && !this.#versionAllows()) return undefined
    const passedOver = this.#passedOver
    for (const pool of avoid) passOver(pool, passedOver)
    let choice = this.#pickAdmitted(candidates, keyHash, avoid.length)
    // None near can take it: those in other places may.
    const { wider } = this.#health
    if (choice === undefined && wider !== candidates) choice = this.#pickAdmitted(wider, keyHash, avoid.length)
    for (const pool of passedOver) pool.eligible = true
    passedOver.length = 0
    const second = this.#second
    this.#second = undefined
    return choice ?? second
  }

  /** Asks about one candidate after the other, until one is admitted. The first that the limits allow is second best. */
  #pickAdmitted (candidates: readonly EndpointPool[], keyHash: number, avoided: number): EndpointPool | undefined {
    const passedOver = this.#passedOver
    while (passedOver.length <= candidates.length + avoided) {
      const pool = candidates[this.#balancer.pick(candidates, keyHash)]
      if (pool === undefined) return undefined
      const allowed = !this.#limited || this.#endpointAllows(pool)
      if (allowed && this.#health.admits(pool.health, pool.trials, this.#draw(pool, keyHash))) return pool
      passOver(pool, passedOver)
      if (allowed) this.#second ??= pool
    }
    return undefined
  }

  /**
   * Chooses an endpoint for what is no traffic of the version: by another balancer, and nothing is changed by it. Undefined when none is
   * ready, or when the one chosen is on trial or has all the requests that it may have.
   */
  pickBy (balancer: Balancer, keyHash: number): EndpointPool | undefined {
    const candidates = this.#health.usable
    const choice = this.ready ? candidates[balancer.pick(candidates, keyHash)] : undefined
    return choice === undefined || choice.health.inTrial || !this.admits(choice) ? undefined : choice
  }

  /** Would `pick` find an endpoint for a request that comes now, and is it certain which? Changes nothing; for explanations. */
  foretell (keyHash: number): Prospect {
    const candidates = this.#health.usable
    const open = !this.#limited || (this.#versionAllows() && this.#health.wider.some(pool => this.#endpointAllows(pool)))
    if (!open || candidates.length === 0) return { open, endpoint: undefined }
    // One near endpoint that is full or not to get all yet leaves requests to those in other places.
    const alone = candidates.length === 1 && (this.#health.wider === candidates || !(this.#limited || this.#health.restrained))
    if (alone) return { open, endpoint: candidates[0] }
    // One on trial gets one request at a time, and a full one is passed over: who that is changes with every request.
    const foreseeable = this.#sticky && !this.#limited && !candidates.some(({ health }) => health.inTrial)
    return { open, endpoint: foreseeable ? this.pick(keyHash, []) : undefined }
  }

  /** Whether an endpoint that starts slowly takes a client: where clients are kept on their endpoint, each of them moves once. */
  #draw (pool: EndpointPool, keyHash: number): number {
    return this.#sticky ? combineHashes(keyHash, pool.hash) : this.#options.random()
  }

  #versionAllows (): boolean {
    let inFlight = 0
    let open = 0
    let connecting = 0
    for (const pool of this.#acquired.values()) {
      inFlight += pool.inFlight
      open += pool.open
      connecting += pool.connecting
    }
    this.#mayConnect = this.#breaker.allowsConnection(open, connecting)
    return this.#breaker.allowsRequest(inFlight)
  }

  #endpointAllows (pool: EndpointPool): boolean {
    const breaker = this.#endpointBreaker
    return breaker.allowsRequest(pool.inFlight) &&
      (pool.calls.hasIdle || (this.#mayConnect && breaker.allowsConnection(pool.open, pool.connecting)))
  }

  /** Takes the outcome of an attempt. */
  report (pool: EndpointPool, outcome: EndpointOutcome, startedMs: number): void {
    this.#health.report(pool.health, outcome, this.#options.nowMs(), startedMs)
  }

  /** Takes an endpoint out of use for a while, as an outlier is. @param key `address:port`; nothing happens when it is no member */
  eject (key: string, forMs: number): void {
    const pool = this.#acquired.get(key)
    if (pool !== undefined) this.#health.eject(pool.health, forMs, this.#options.nowMs())
  }

  /** Does what is due. To be called a few times a second. */
  tick (nowMs: number): void {
    this.#health.tick(nowMs)
  }

  /**
   * Takes over what the active checks of the version say.
   * @param failing by `address:port`
   */
  applyChecks (failing: ReadonlyMap<string, CheckVerdict>): void {
    this.#health.applyChecks(failing, this.#options.nowMs())
  }

  /** May `status` say something else than when this was asked last? */
  takeHealthChange (): boolean {
    return this.#health.takeChange()
  }

  status (): VersionHealthStatus {
    return this.#health.status()
  }

  /** The status without the members that are well. */
  notices (): VersionHealthStatus {
    return this.#health.notices()
  }

  /** No new request comes here. Those in flight may still ask for another endpoint, so the candidates stay. */
  close (): void {
    this.#health.close()
    for (const pool of this.#acquired.values()) this.#pools.release(pool)
  }
}

/** The balancer does not see an endpoint that is not eligible. */
function passOver (pool: EndpointPool, passedOver: EndpointPool[]): void {
  pool.eligible = false
  passedOver.push(pool)
}
