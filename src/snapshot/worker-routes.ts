/**
 * The worker's copy of the traffic state: takes the control plane's messages and compiles them to what requests read.
 *
 * Weights and endpoints may come before the routes they belong to. So a reload can send them first, and the new routes are
 * whole from their first request on.
 */
import { createBalancer } from '../balancing/create-balancer.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { Random } from '../core/random.ts'
import type { DataPlane } from '../proxy/data-plane.ts'
import { RouteRuntime, VersionRuntime } from '../proxy/route-runtime.ts'
import { RouteTable } from '../routing/route-table.ts'
import { Split } from '../routing/split.ts'
import { compileStickyKey } from '../routing/sticky-key.ts'
import { slotView } from '../telemetry/counter-layout.ts'
import type { EndpointPools } from '../upstream/endpoint-pools.ts'
import { Transports } from '../upstream/transports.ts'
import { VersionPool } from '../upstream/version-pool.ts'
import type { EndpointsMessage, RouteSpec, RoutesMessage, SplitMessage } from './messages.ts'

interface Weights {
  readonly epoch: number
  readonly byVersion: Readonly<Record<string, number>>
}

export class WorkerRoutes {
  readonly #plane: DataPlane
  readonly #pools: EndpointPools
  readonly #random: Random
  /** Has to be loaded before routes with TLS to their endpoints are applied. */
  readonly transports: Transports
  #routes = new Map<string, RouteRuntime>()
  readonly #weights = new Map<string, Weights>()
  /** By route, then version. */
  readonly #endpoints = new Map<string, Map<string, readonly Endpoint[]>>()

  constructor (plane: DataPlane, pools: EndpointPools, random: Random) {
    this.#plane = plane
    this.#pools = pools
    this.#random = random
    this.transports = new Transports(plane.clock)
  }

  /** Replaces all routes in one step. */
  applyRoutes (message: RoutesMessage): void {
    this.#plane.configure(message.options)
    this.#plane.accessLog.configure(message.options.accessLog)
    const before = this.#routes
    this.transports.renew()
    const routes = new Map(message.routes.map(spec => [spec.name, this.#compile(spec, message.segments)]))
    this.#plane.table = new RouteTable(message.routes.flatMap(spec => {
      const payload = routes.get(spec.name)
      return payload === undefined ? [] : [{ match: spec.match, payload }]
    }))
    this.#routes = routes
    for (const route of before.values()) for (const version of route.versions) version.pool.close()
    this.#forgetMissing(message.routes)
  }

  /** Puts the weights of one route in force. Requests read from now on use them. */
  applySplit (message: SplitMessage): void {
    if (message.epoch < (this.#weights.get(message.route)?.epoch ?? 0)) return
    this.#weights.set(message.route, { epoch: message.epoch, byVersion: message.weights })
    const route = this.#routes.get(message.route)
    if (route === undefined) return
    route.split = route.split.withWeights(route.versions.map(version => message.weights[version.name] ?? 0))
    route.epoch = message.epoch
  }

  /** Takes over the endpoints of one version. */
  applyEndpoints (message: EndpointsMessage): void {
    let versions = this.#endpoints.get(message.route)
    if (versions === undefined) {
      versions = new Map()
      this.#endpoints.set(message.route, versions)
    }
    versions.set(message.version, message.endpoints)
    const version = this.#routes.get(message.route)?.versions.find(({ name }) => name === message.version)
    version?.pool.update(message.endpoints)
  }

  #compile (spec: RouteSpec, segments: readonly SharedArrayBuffer[]): RouteRuntime {
    const random = (): number => this.#random.nextInt32()
    const endpoints = this.#endpoints.get(spec.name)
    const versions = spec.versions.map(({ name, slot, tls }) => {
      const pool = new VersionPool(this.#pools, createBalancer(spec.balancing, spec.affinity.level, random), this.transports.of(tls))
      pool.update(endpoints?.get(name) ?? [])
      return new VersionRuntime(name, pool, slotView(segments, slot))
    })
    const weights = this.#weights.get(spec.name)
    const names = versions.map(({ name }) => name)
    const split = new Split(spec.affinity.salt ?? spec.name, names, names.map(name => weights?.byVersion[name] ?? 0))
    const stickyKey = compileStickyKey(spec.affinity, random)
    const policy = { whenEmpty: spec.whenEmpty, upgrades: new Set(spec.upgrades.map(name => name.toLowerCase())) }
    return new RouteRuntime(spec.name, stickyKey, policy, { versions, split, epoch: weights?.epoch ?? 0 })
  }

  #forgetMissing (specs: readonly RouteSpec[]): void {
    const names = new Set(specs.map(({ name }) => name))
    for (const name of this.#weights.keys()) if (!names.has(name)) this.#weights.delete(name)
    for (const name of this.#endpoints.keys()) if (!names.has(name)) this.#endpoints.delete(name)
    for (const spec of specs) {
      const versions = this.#endpoints.get(spec.name)
      if (versions === undefined) continue
      for (const name of versions.keys()) if (!spec.versions.some(version => version.name === name)) versions.delete(name)
    }
  }
}
