/**
 * A route as requests see it. What changes at run time (the split, the endpoints) is an immutable object behind one
 * reference each, which a request reads once.
 */
import type { RouteEntry } from '../actions/route-entry.ts'
import { foldedName } from '../core/folded-name.ts'
import type { VersionEdits } from '../actions/version-edits.ts'
import type { ClientCookies } from '../placement/client-cookies.ts'
import type { Placement } from '../placement/placement.ts'
import type { Split } from '../routing/split.ts'
import type { StickyKeyResolver } from '../routing/sticky-key.ts'
import type { Mirror } from '../shadow/shadow-port.ts'
import type { RetryBudget } from '../health/retry-budget.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { VersionPool } from '../upstream/version-pool.ts'
import type { ClientSketch } from './client-sketch.ts'
import type { HoldQueue } from './hold-queue.ts'
import type { OutcomeWatch } from './outcome-watch.ts'
import type { RetryReason, RoutePolicy } from '../contract/route-policy.ts'

export class VersionRuntime {
  readonly name: string
  readonly pool: VersionPool
  /** The version's slot of the shared counters; see SLOT. */
  readonly counters: Float64Array
  /** Its place among the versions of the route. */
  readonly index: number
  /** What is changed in its messages; null when nothing is. */
  edits: VersionEdits | null = null
  /** The size of a request's body, besides what the route says; 0 sets no limit. */
  maxBodyBytes = 0

  constructor (name: string, index: number, pool: VersionPool, counters: Float64Array) {
    this.name = name
    this.index = index
    this.pool = pool
    this.counters = counters
  }
}

/** The version that helps out when another one fails. */
export interface Failover {
  readonly to: VersionRuntime
  readonly on: ReadonlySet<RetryReason>
}

/** An open tunnel of a route, for whoever changes the route. */
export interface RouteTunnel {
  readonly endpoint: EndpointPool
  /** The route does not use the endpoint any more: the tunnel has `drain.tunnels` to end. */
  endSoon (): void
}

/** The parts of a route that live on when it is compiled anew. */
export interface RouteState {
  readonly hold: HoldQueue
  readonly budget: RetryBudget
  readonly tunnels: Set<RouteTunnel>
  readonly watch: OutcomeWatch | null
  readonly clients: ClientSketch
}

export class RouteRuntime {
  readonly name: string
  readonly stickyKey: StickyKeyResolver
  readonly policy: RoutePolicy
  readonly failover: Failover | null
  /** What stands before it; null when nothing does. */
  readonly entry: RouteEntry | null
  readonly hold: HoldQueue
  readonly budget: RetryBudget
  readonly tunnels: Set<RouteTunnel>
  readonly versions: readonly VersionRuntime[]
  split: Split
  epoch: number
  /** What one of its versions sets in requests or takes out of them: names as origins fold them. */
  readonly editedFields: ReadonlySet<string>
  /** What is told of its requests while a rollout runs; null without one. */
  watch: OutcomeWatch | null
  /** The clients of the last minutes. */
  readonly clients: ClientSketch
  /** Who copies requests of the route; null when nobody does. */
  mirror: Mirror | null = null
  /** What chooses the version before the split; null when nothing else does. */
  placement: Placement | null
  /** Also the sticky key; null when Weir gives no cookies. */
  readonly clientCookies: ClientCookies | null
  /** One for each version, in the order of `versions`; see readyVersions(). */
  readonly #readyVersions: Uint8Array

  constructor (name: string, policies: RoutePolicies, routed: RoutedVersions, state: RouteState) {
    this.name = name
    this.stickyKey = policies.stickyKey
    this.policy = policies.policy
    this.failover = policies.failover
    this.entry = policies.entry ?? null
    this.placement = policies.placement ?? null
    this.clientCookies = policies.clientCookies ?? null
    this.hold = state.hold
    this.budget = state.budget
    this.tunnels = state.tunnels
    this.watch = state.watch
    this.clients = state.clients
    this.versions = routed.versions
    this.editedFields = new Set(routed.versions.flatMap(({ edits }) => edits?.request?.removed ?? []).map(foldedName))
    this.split = routed.split
    this.epoch = routed.epoch
    this.#readyVersions = new Uint8Array(routed.versions.length)
  }

  /** May requests of the route go to the endpoint, as far as its sources say? */
  uses ({ key, calls }: EndpointPool): boolean {
    return this.versions.some(({ pool }) => pool.member(key, calls) !== undefined)
  }

  /**
   * Which versions have endpoints that are ready. The array is filled anew by the next call.
   * @param lastResort those count too whose endpoints are all terminating and still serve
   */
  readyVersions (lastResort: boolean): Uint8Array {
    for (let index = 0; index < this.versions.length; index++) {
      const pool = this.versions[index]?.pool
      this.#readyVersions[index] = pool !== undefined && (pool.ready || (lastResort && !pool.empty)) ? 1 : 0
    }
    return this.#readyVersions
  }
}

/** How a route treats its requests. */
export interface RoutePolicies {
  readonly stickyKey: StickyKeyResolver
  readonly policy: RoutePolicy
  readonly failover: Failover | null
  readonly entry?: RouteEntry | null
  readonly placement?: Placement | null
  readonly clientCookies?: ClientCookies | null
}

/** The versions of a route and how clients are spread over them. */
export interface RoutedVersions {
  readonly versions: readonly VersionRuntime[]
  readonly split: Split
  readonly epoch: number
}
