/**
 * What the control plane can say of a route: for the admin API and for /metrics.
 */
import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import { endpointKey, type Endpoint } from '../core/endpoint.ts'
import { shareOf, type EndpointHealthSummary, type HealthBook, type WorkerShare } from './health-book.ts'
import type { EndpointSourceStatus, PodStatus, SourceProblem, SourceProblemKind } from '../discovery/endpoint-source.ts'
import type { NearFacts } from '../discovery/near-endpoints.ts'
import type { Clock } from '../core/clock.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import { usableEndpoints } from '../discovery/usable-endpoints.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { ObservedShares } from '../telemetry/observed-share.ts'
import type { RolloutGauges } from '../telemetry/rollout-families.ts'
import type { ShadowGauges } from '../telemetry/shadow-families.ts'
import type { RouteGauges } from '../telemetry/route-families.ts'

/** Where the endpoints of a version come from, and how well that works. */
interface SourceStatus {
  readonly kind: 'static' | 'dns' | 'kubernetes'
  /** `starting`: nothing was heard yet; `stale`: the last known endpoints are used while the source can't be reached. */
  readonly state: 'starting' | 'synced' | 'stale'
  /** `namespace/service:port` for Kubernetes. */
  readonly name?: string
  /** What keeps the version from having endpoints to use, as far as the source can tell. */
  readonly problem?: SourceProblemKind
  /** What is wrong, for people. */
  readonly detail?: string
  /** What became of the endpoints by the labels of their pods. */
  readonly pods?: PodStatus
  /** Which endpoints are preferred for the place where Weir runs. */
  readonly near?: NearFacts
}

/** Which workers send requests to an endpoint, and what its place has to do with it. */
interface EndpointPlacement {
  readonly usedBy: WorkerShare
  /** One sentence. */
  readonly detail: string
}

/** What the control plane knows of a version beside its weight. */
export interface VersionDetails {
  readonly name: string
  readonly source: SourceStatus
  readonly endpoints: ReadonlyArray<Endpoint & { readonly health: EndpointHealthSummary, readonly placement?: EndpointPlacement }>
  /** Endpoints that may get requests and are available: as the worker sees it that finds the fewest. */
  readonly availableEndpoints: number
  /** Endpoints that requests go to: the available ones, or more when too few are; in the worker that uses the fewest. */
  readonly usedEndpoints: number
  /** The workers that use all endpoints because too few are available. */
  readonly panic: WorkerShare
  /** What the workers counted since they started: requests, and their share of the route's requests from 0 to 1. */
  readonly observed?: { readonly requests: number, readonly share: number }
}

/** What the control plane knows of a route beside its traffic state. */
export interface RouteDetails {
  readonly config: RouteConfig
  readonly versions: readonly VersionDetails[]
}

interface RouteDescriberDeps {
  readonly routes: Pick<RouteBook, 'all' | 'route'>
  readonly discovery: Pick<EndpointRegistry, 'endpointsOf' | 'statusOf' | 'problemOf'>
  readonly clock: Clock
  readonly book: CounterBook
  readonly shares: ObservedShares
  readonly health: HealthBook
  /** Workers that run now. */
  readonly workers: () => number
  /** Undefined for a route that never had a rollout. */
  readonly rollout: (route: string) => RolloutGauges | undefined
  /** By list of a route, its members. */
  readonly lists: (route: string) => ReadonlyMap<string, number>
  /** By version, the copies that it has got; none by default. */
  readonly shadow?: (route: string) => readonly ShadowGauges[]
  /** The traffic state of a route; undefined before it has one. */
  readonly traffic: (route: string) => { readonly epoch: number, readonly weights: Readonly<Record<string, number>> } | undefined
}

const NO_TRAFFIC = { epoch: 0, weights: {} as Readonly<Record<string, number>> }
const NOTHING_SAID: EndpointHealthSummary = { available: 'all', reasons: [] }

export class RouteDescriber {
  readonly #deps: RouteDescriberDeps

  constructor (deps: RouteDescriberDeps) {
    this.#deps = deps
  }

  /** Undefined when the configuration has no such route. */
  details (name: string): RouteDetails | undefined {
    const config = this.#deps.routes.route(name)
    if (config === undefined) return undefined
    return { config, versions: config.versions.map(version => this.#versionDetails(config, version)) }
  }

  #versionDetails (route: RouteConfig, version: VersionConfig): VersionDetails {
    const { discovery, book, shares, health, workers } = this.#deps
    const running = workers()
    const requests = (book.read(route.name, version.name)?.requestsByClass ?? []).reduce((sum, count) => sum + count, 0)
    const share = shares.share(route.name, version.name)
    const { endpoints, panicWorkers, unavailable, used, usedBy } = health.summary(route.name, version.name, running)
    const usable = this.#usable(route.name, version.name)
    const status = discovery.statusOf(route.name, version.name)
    const source = sourceStatus(status, discovery.problemOf(route.name, version.name), version.endpoints)
    const placement = source.near === undefined ? () => ({}) : placementOf(source.near, new Set(usable.map(endpointKey)), usedBy(usable))
    return {
      name: version.name,
      source,
      endpoints: discovery.endpointsOf(route.name, version.name).map(endpoint => ({
        ...endpoint, health: endpoints.get(endpointKey(endpoint)) ?? NOTHING_SAID, ...placement(endpoint)
      })),
      availableEndpoints: usable.length - unavailable(usable),
      usedEndpoints: used(usable),
      panic: shareOf(panicWorkers, running),
      ...(share === undefined ? {} : { observed: { requests, share } })
    }
  }

  /**
   * By version, the endpoints that requests go to, in the worker that uses the fewest; undefined when the configuration has no such route.
   */
  usedEndpoints (name: string): Readonly<Record<string, number>> | undefined {
    const { health, workers } = this.#deps
    const running = workers()
    const config = this.#deps.routes.route(name)
    if (config === undefined) return undefined
    return Object.fromEntries(config.versions.map(version => [version.name, health.summary(name, version.name, running)
      .used(this.#usable(name, version.name))]))
  }

  #usable (route: string, version: string): readonly Endpoint[] {
    return usableEndpoints(this.#deps.discovery.endpointsOf(route, version))
  }

  /** All routes as /metrics shows them, one after another: whoever takes them may rest in between. */
  * states (): Generator<RouteGauges> {
    const { clock, routes } = this.#deps
    const nowMs = clock.wallMs()
    for (const route of routes.all()) yield this.#state(route, nowMs)
  }

  #state ({ name, versions }: RouteConfig, nowMs: number): RouteGauges {
    const { discovery, health, lists, rollout, shadow, traffic, workers } = this.#deps
    const running = workers()
    const { epoch, weights } = traffic(name) ?? NO_TRAFFIC
    return {
      name,
      epoch,
      rollout: rollout(name),
      lists: lists(name),
      shadow: shadow?.(name) ?? [],
      versions: versions.map(version => {
        const { panicWorkers, unavailable } = health.summary(name, version.name, running)
        const usable = this.#usable(name, version.name)
        return {
          name: version.name,
          weight: weights[version.name] ?? 0,
          endpoints: discovery.endpointsOf(name, version.name),
          available: usable.length - unavailable(usable),
          problem: discovery.problemOf(name, version.name)?.kind,
          sourceAgeMs: ageOf(discovery.statusOf(name, version.name), nowMs),
          panicWorkers
        }
      })
    }
  }
}

/** @param usable those that may get requests as far as the source says */
function placementOf (near: NearFacts, usable: ReadonlySet<string>, usedBy: ReadonlyMap<string, WorkerShare>) {
  return (endpoint: Endpoint): { readonly placement: EndpointPlacement } => {
    const key = endpointKey(endpoint)
    const used = usedBy.get(key) ?? 'none'
    return { placement: { usedBy: used, detail: placementDetail(endpoint, near, usable.has(key) ? used : undefined) } }
  }
}

/** @param used undefined for an endpoint that may not get requests for what its source says */
function placementDetail (endpoint: Endpoint, { by }: NearFacts, used: WorkerShare | undefined): string {
  if (used === undefined) return 'not used: it is not ready'
  if (by === 'none') return used === 'none' ? 'not used: its health keeps requests from it' : 'used like those of any other place'
  if (endpoint.near === true) return used === 'none' ? `meant for this ${by}, and not used: its health keeps requests from it` : `used: it is meant for this ${by}`
  if (used === 'none') return `not used: those that are meant for this ${by} carry their share`
  return `used although it is not meant for this ${by}: too few of those that are can be used${used === 'some' ? ' in some workers' : ''}`
}

/** Undefined for a source that can't grow old, and for one that has told nothing yet. */
function ageOf (status: EndpointSourceStatus | undefined, nowMs: number): number | undefined {
  if (status === undefined || status.kind === 'static' || status.lastSyncWallMs === undefined) return undefined
  return Math.max(0, nowMs - status.lastSyncWallMs)
}

function nameOf (source: VersionConfig['endpoints']): { readonly name?: string } {
  if ('dns' in source) return { name: source.dns }
  if ('static' in source) return {}
  return { name: `${source.namespace ?? ''}${source.namespace === undefined ? '' : '/'}${source.service}:${source.port}` }
}

function sourceStatus (
  status: EndpointSourceStatus | undefined, problem: SourceProblem | undefined, source: VersionConfig['endpoints']
): SourceStatus {
  const name = nameOf(source)
  if (status === undefined) return { kind: 'static', state: 'starting', ...name }
  const state = !status.synced ? 'starting' : status.lastError === undefined ? 'synced' : 'stale'
  const ignored = status.ignored.map(({ address, reason }) => `${address} is ignored: ${reason}`)
  // The detail of a source that was not read yet has the error in it.
  const error = status.lastError === undefined || problem?.kind === 'unsynced' ? [] : [status.lastError]
  const remark = status.remark === undefined ? [] : [status.remark]
  const detail = [...(problem === undefined ? [] : [problem.detail]), ...error, ...remark, ...ignored].join('; ')
  const { pods, near } = status
  return {
    kind: status.kind,
    state,
    ...name,
    ...(problem === undefined ? {} : { problem: problem.kind }),
    ...(detail === '' ? {} : { detail }),
    ...(pods === undefined ? {} : { pods }),
    ...(near === undefined ? {} : { near })
  }
}
