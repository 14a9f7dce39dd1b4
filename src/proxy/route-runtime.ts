/**
 * A route as requests see it. What changes at run time (the split, the endpoints) is an immutable object behind one
 * reference each, which a request reads once.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { Split } from '../routing/split.ts'
import type { StickyKeyResolver } from '../routing/sticky-key.ts'
import type { VersionPool } from '../upstream/version-pool.ts'

export class VersionRuntime {
  readonly name: string
  readonly pool: VersionPool
  /** The version's slot of the shared counters; see SLOT. */
  readonly counters: Float64Array

  constructor (name: string, pool: VersionPool, counters: Float64Array) {
    this.name = name
    this.pool = pool
    this.counters = counters
  }
}

/** What a route's configuration says of its requests. */
export interface RoutePolicy {
  readonly whenEmpty: RouteConfig['whenEmpty']
  /** The protocols that clients may switch to, in lower case. */
  readonly upgrades: ReadonlySet<string>
}

export class RouteRuntime {
  readonly name: string
  readonly stickyKey: StickyKeyResolver
  readonly policy: RoutePolicy
  readonly versions: readonly VersionRuntime[]
  split: Split
  epoch: number
  /** 1 for each version that has an endpoint, in the order of `versions`. */
  readonly #available: Uint8Array

  constructor (name: string, stickyKey: StickyKeyResolver, policy: RoutePolicy, routed: RoutedVersions) {
    this.name = name
    this.stickyKey = stickyKey
    this.policy = policy
    this.versions = routed.versions
    this.split = routed.split
    this.epoch = routed.epoch
    this.#available = new Uint8Array(routed.versions.length)
  }

  /** Which versions have endpoints. */
  available (): Uint8Array {
    for (let index = 0; index < this.versions.length; index++) {
      this.#available[index] = this.versions[index]?.pool.empty === false ? 1 : 0
    }
    return this.#available
  }
}

/** The versions of a route and how clients are spread over them. */
export interface RoutedVersions {
  readonly versions: readonly VersionRuntime[]
  readonly split: Split
  readonly epoch: number
}
