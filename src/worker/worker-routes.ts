/**
 * The worker's copy of the traffic state: takes the control plane's messages and compiles them to what requests read.
 *
 * Weights and endpoints may come before the routes they belong to. So a reload can send them first, and the new routes are
 * whole from their first request on.
 */
import { isDeepStrictEqual } from 'node:util'
import { EndpointSet } from '../core/endpoint.ts'
import type { Random } from '../core/random.ts'
import { VersionMap } from '../core/version-map.ts'
import type { CheckVerdict } from '../health/endpoint-health.ts'
import { RetryBudget } from '../health/retry-budget.ts'
import type { HealthEvent } from '../health/version-health.ts'
import type { DataPlane } from './data-plane.ts'
import { ClientSketch, MAX_SAMPLED } from '../exchange/client-sketch.ts'
import { count } from '../exchange/finish.ts'
import { HoldQueue } from '../exchange/hold-queue.ts'
import { OutcomeWatch } from '../exchange/outcome-watch.ts'
import type { RouteRuntime, RouteState } from '../exchange/route-runtime.ts'
import { PlacementBook } from '../placement/placement-book.ts'
import { withRolloutMatch } from '../placement/rollout-match.ts'
import { RouteTable } from '../routing/route-table.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { EndpointPools } from '../upstream/endpoint-pools.ts'
import { TransportBook } from '../upstream/transport-book.ts'
import { compileRoute } from './compile-route.ts'
import { HealthReporter } from './health-reporter.ts'
import { WorkerShadows } from './worker-shadows.ts'
import type {
  ChecksMessage, EjectMessage, EndpointChangeMessage, EndpointsMessage, EvidenceMessage, HealthMessage, ListMessage, MirrorMessage,
  RoutesMessage, SplitMessage, WatchMessage
} from '../contract/messages.ts'
import type { ClientSample } from '../contract/client-sample.ts'
import type { PlacementSpec, VersionMatchSpec } from '../contract/placement-spec.ts'
import type { RouteSpec } from '../contract/route-spec.ts'
import { ListMembership } from '../placement/member-table.ts'

/** Clients that the samples of all routes share, which takes five megabytes if all are that busy; a busy route has 64 in any case. */
const MAX_SAMPLED_TOTAL = 65_536

const NO_EVIDENCE: readonly EvidenceMessage[] = []

interface Weights {
  readonly epoch: number
  readonly byVersion: Readonly<Record<string, number>>
  readonly salt: string
  /** Of a rollout. */
  readonly match: VersionMatchSpec | undefined
}

export class WorkerRoutes {
  readonly #plane: DataPlane
  readonly #pools: EndpointPools
  readonly #random: Random
  readonly #onFailure: () => void
  /** Has to be loaded before routes with TLS to their endpoints are applied. */
  readonly transports: TransportBook
  /** Has to be loaded before a route has a mirror. */
  readonly shadows: WorkerShadows
  /** Has to be loaded before routes with a placement are applied. */
  readonly placements = new PlacementBook()
  readonly #weights = new Map<string, Weights>()
  /** As the configuration has them. */
  #specs: ReadonlyMap<string, RouteSpec> = new Map()
  /** What is told of routes with a rollout. */
  readonly #watches = new Map<string, OutcomeWatch>()
  /** Of watches that have ended. */
  #lastWords: EvidenceMessage[] = []
  readonly #endpoints = new VersionMap<EndpointSet>()
  /** What active checks found to fail, by endpoint. */
  readonly #failing = new VersionMap<ReadonlyMap<string, CheckVerdict>>()
  /** Who is on the lists, by route and list: they live on when a route is compiled anew. */
  readonly #lists = new VersionMap<ListMembership>()
  readonly #reporter: HealthReporter
  /** The most clients in the sample of a route. */
  #sampled = MAX_SAMPLED
  /** Requests that may go on when all of a reload is in force; null at any other time. */
  #released: Set<HoldQueue> | null = null

  /** @param onFailure a new version that is watched has failed a request: its evidence is worth telling soon */
  constructor (plane: DataPlane, pools: EndpointPools, random: Random, onFailure: () => void = () => undefined) {
    this.#plane = plane
    this.#onFailure = onFailure
    this.#pools = pools
    this.#random = random
    this.transports = new TransportBook(plane)
    this.shadows = new WorkerShadows(plane, () => random.nextInt32())
    this.#reporter = new HealthReporter(plane.clock)
  }

  /** Acts on messages that belong together. Requests that wait go on after the last of them: they see all of it too. */
  together (work: () => void): void {
    const released = this.#released = new Set<HoldQueue>()
    work()
    this.#released = null
    for (const hold of released) hold.flush()
  }

  #flush (hold: HoldQueue | undefined): void {
    if (this.#released === null) hold?.flush()
    else if (hold !== undefined) this.#released.add(hold)
  }

  /** Replaces all routes in one step. */
  applyRoutes (message: RoutesMessage): void {
    this.#plane.configure(message.options)
    this.#plane.accessLog.configure(message.options.accessLog)
    const before = this.#plane.routes
    this.transports.renew()
    this.#sampled = Math.min(MAX_SAMPLED, Math.floor(MAX_SAMPLED_TOTAL / Math.max(1, message.routes.length)))
    this.#specs = new Map(message.routes.map(spec => [spec.name, spec]))
    const routes = new Map(message.routes.map(spec => [spec.name, this.#compile(spec, message.segments)]))
    this.#plane.table = new RouteTable(message.routes.flatMap(spec => {
      const payload = routes.get(spec.name)
      return payload === undefined ? [] : [{ match: spec.match, payload }]
    }))
    this.#plane.routes = routes
    this.shadows.applyRoutes(message.routes, routes)
    for (const route of before.values()) {
      for (const version of route.versions) version.pool.close()
      this.#drainTunnels(route)
    }
    this.#forgetMissing(message.routes)
    this.#reporter.retain(routes)
    for (const hold of new Set([...before.values(), ...routes.values()].map(route => route.hold))) this.#flush(hold)
  }

  /** Puts the weights of one route in force. Requests read from now on use them. */
  applySplit (message: SplitMessage): void {
    if (message.epoch < (this.#weights.get(message.route)?.epoch ?? 0)) return
    const before = this.#weights.get(message.route)?.match
    const { epoch, weights: byVersion, salt, match } = message
    this.#weights.set(message.route, { epoch, byVersion, salt, match })
    const route = this.#plane.routes.get(message.route)
    if (route === undefined) return
    route.split = route.split.withWeights(route.versions.map(version => message.weights[version.name] ?? 0), message.salt)
    route.epoch = message.epoch
    // A ramp sends the same one every second.
    if (!isDeepStrictEqual(match, before)) this.#placeAnew(route)
    this.#flush(route.hold)
  }

  #placeAnew (route: RouteRuntime): void {
    const spec = this.#specs.get(route.name)
    if (spec === undefined) return
    route.placement = this.placements.placementOf({ placement: this.#placementOf(spec) }, {
      versions: spec.versions.map(({ name }) => name),
      listOf: list => this.#listOf(route.name, list),
      wallMs: () => this.#plane.clock.wallMs()
    })
  }

  /** What chooses a version besides the split, with the match of a rollout. */
  #placementOf ({ name, placement, versions }: RouteSpec): PlacementSpec | null {
    return withRolloutMatch(placement, this.#weights.get(name)?.match, versions.map(version => version.name))
  }

  /** Begins, changes or ends what is told of a route. Requests that are in flight when it begins say nothing. */
  applyWatch ({ route: name, watch }: WatchMessage): void {
    const before = this.#watches.get(name)
    if (watch !== null && before?.id === watch.id) return before.configure(watch)
    this.#endWatch(name)
    const route = this.#plane.routes.get(name)
    const begun = watch === null ? null : new OutcomeWatch(watch, this.#plane.requestIds.last, this.#onFailure)
    if (begun !== null) this.#watches.set(name, begun)
    if (route !== undefined) route.watch = begun
  }

  /** What was seen last is told still. */
  #endWatch (name: string): void {
    const watch = this.#watches.get(name)
    const report = watch?.take() ?? null
    this.#watches.delete(name)
    if (watch !== undefined && report !== null) this.#lastWords.push({ type: 'evidence', route: name, id: watch.id, report })
  }

  /** What has been seen of watched routes since the last call. */
  evidence (): readonly EvidenceMessage[] {
    if (this.#watches.size === 0 && this.#lastWords.length === 0) return NO_EVIDENCE
    const told = this.#lastWords
    this.#lastWords = []
    for (const [route, watch] of this.#watches) {
      const report = watch.take()
      if (report !== null) told.push({ type: 'evidence', route, id: watch.id, report })
    }
    return told
  }

  /** The clients that a route has had lately; null when there is no such route. */
  clientsOf (route: string): ClientSample | null {
    return this.#plane.routes.get(route)?.clients.sample(this.#plane.clock.nowMs()) ?? null
  }

  /** Says anew what is copied of a route's requests. */
  applyMirror (message: MirrorMessage): void { this.shadows.applyMirror(message, this.#plane.routes) }

  /** Takes an endpoint out of use by order of the control plane. */
  applyEject ({ route, version, endpoint, forMs }: EjectMessage): void {
    this.#plane.routes.get(route)?.versions.find(({ name }) => name === version)?.pool.eject(endpoint, forMs)
  }

  /** Takes over the endpoints of one version. */
  applyEndpoints (message: EndpointsMessage): void {
    this.#endpointsOf(message).replace(message.endpoints)
    const route = this.#plane.routes.get(message.route)
    route?.versions.find(({ name }) => name === message.version)?.pool.update(message.endpoints)
    this.#drainTunnels(route)
    this.#flush(route?.hold)
  }

  /** Takes over what is different about the endpoints of one version. */
  applyEndpointChange (message: EndpointChangeMessage): void {
    this.#endpointsOf(message).apply(message.change)
    const route = this.#plane.routes.get(message.route)
    route?.versions.find(({ name }) => name === message.version)?.pool.change(message.change)
    this.#drainTunnels(route)
    this.#flush(route?.hold)
  }

  /**
   * Tunnels to endpoints that the route uses no more have a while to end, even where another route still names the endpoint. At the end of
   * the turn, for the reason that EndpointPools.release has.
   */
  #drainTunnels (route: RouteRuntime | undefined): void {
    if (route === undefined || route.tunnels.size === 0) return
    this.#plane.afterReads(() => {
      const now = this.#plane.routes.get(route.name)
      for (const tunnel of route.tunnels) if (now?.uses(tunnel.endpoint) !== true) tunnel.endSoon()
    })
  }

  #endpointsOf (message: EndpointsMessage | EndpointChangeMessage): EndpointSet {
    return this.#endpoints.getOrCreate(message.route, message.version, () => new EndpointSet())
  }

  /** Takes over what the active checks of one version say. */
  applyChecks (message: ChecksMessage): void {
    const { clock } = this.#plane
    const offsetMs = clock.nowMs() - clock.wallMs()
    const failing = new Map(message.failing.map(({ endpoint, sinceWallMs, detail }): [string, CheckVerdict] =>
      [endpoint, { healthy: false, sinceMs: sinceWallMs + offsetMs, detail }]))
    this.#failing.set(message.route, message.version, failing)
    const route = this.#plane.routes.get(message.route)
    route?.versions.find(({ name }) => name === message.version)?.pool.applyChecks(failing)
    // A version that had nothing but failing endpoints may have one now.
    this.#flush(route?.hold)
  }

  /** Takes over the table of a list. */
  applyList ({ route, list, table }: ListMessage): void {
    this.#listOf(route, list).replace(table)
  }

  /** Nobody is on a list whose table has not come yet. */
  #listOf (route: string, list: string): ListMembership {
    return this.#lists.getOrCreate(route, list, () => new ListMembership())
  }

  #compile (spec: RouteSpec, segments: readonly SharedArrayBuffer[]): RouteRuntime {
    const weights = this.#weights.get(spec.name)
    return compileRoute({ ...spec, placement: this.#placementOf(spec) }, {
      pools: this.#pools,
      transports: this.transports,
      segments,
      random: () => this.#random.nextInt32(),
      nowMs: () => this.#plane.recentMs,
      wallMs: () => this.#plane.clock.wallMs(),
      placements: this.placements,
      onHealthEvent: (route, version, event) => { this.#onHealthEvent(route, version, event) }
    }, {
      epoch: weights?.epoch ?? 0,
      weights: weights?.byVersion ?? {},
      salt: weights?.salt ?? '',
      endpoints: this.#endpoints.versionsOf(spec.name),
      failing: this.#failing.versionsOf(spec.name),
      listOf: list => this.#listOf(spec.name, list),
      state: this.#stateOf(spec)
    })
  }

  /** What lives on when a route is compiled anew: the requests that wait, the retries under way, what is watched. */
  #stateOf ({ name, policy, versions }: RouteSpec): RouteState {
    const before = this.#plane.routes.get(name)
    const hold = before?.hold ?? new HoldQueue(policy.hold, callback => { this.#plane.afterReads(callback) })
    const budget = before?.budget ?? new RetryBudget(policy.retries.budget)
    hold.configure(policy.hold)
    budget.configure(policy.retries.budget)
    const names = versions.map(version => version.name)
    const clients = before?.clients.isOf(names) === true ? before.clients : new ClientSketch(names, this.#sampled)
    return { hold, budget, clients, tunnels: before?.tunnels ?? new Set(), watch: this.#watches.get(name) ?? null }
  }

  #onHealthEvent (route: string, version: string, event: HealthEvent): void {
    if (event.kind !== 'ejected') return
    const counters = this.#plane.routes.get(route)?.versions.find(({ name }) => name === version)?.counters
    if (counters !== undefined) count(counters, SLOT.ejections, 1)
  }

  /** Does what is due for the health of endpoints. To be called a few times a second. */
  tick (nowMs: number): void {
    for (const route of this.#plane.routes.values()) {
      for (const version of route.versions) version.pool.tick(nowMs)
      route.hold.tick(nowMs)
    }
    this.shadows.tick()
  }

  /** What is new about the health of endpoints since the last call. */
  healthNews (): readonly HealthMessage[] {
    return this.#reporter.collect(this.#plane.routes.values())
  }

  #forgetMissing (specs: readonly RouteSpec[]): void {
    const names = new Set(specs.map(({ name }) => name))
    for (const name of this.#weights.keys()) if (!names.has(name)) this.#weights.delete(name)
    for (const name of this.#watches.keys()) if (!names.has(name)) this.#endWatch(name)
    this.#endpoints.retain(specs)
    this.#failing.retain(specs)
    this.#lists.retain(specs.map(({ name, placement }) => ({ name, versions: placement?.lists ?? [] })))
  }
}
