/**
 * What the control plane can say of a route: for the admin API and for /metrics.
 */
import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { endpointKey } from '../core/endpoint.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import type { EndpointSourceStatus, SourceProblem } from '../discovery/endpoint-source.ts'
import { usableEndpoints } from '../discovery/usable-endpoints.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { ObservedShares } from '../telemetry/observed-share.ts'
import type { RouteGauges } from '../telemetry/route-families.ts'
import { shareOf, type HealthBook } from './health-book.ts'
import type { EndpointHealthSummary, RouteDetails, SourceStatus, VersionDetails } from './route-details.ts'

export interface RouteDescriberDeps {
  readonly routes: Pick<RouteBook, 'all' | 'route'>
  readonly discovery: Pick<EndpointRegistry, 'endpointsOf' | 'statusOf' | 'problemOf'>
  readonly clock: Clock
  readonly book: CounterBook
  readonly shares: ObservedShares
  readonly health: HealthBook
  /** Workers that run now. */
  readonly workers: () => number
  /** The traffic state of a route; undefined before it has one. */
  readonly traffic: (route: string) => { readonly epoch: number, readonly weights: Readonly<Record<string, number>> } | undefined
}

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
    const { endpoints, panicWorkers } = health.summary(route.name, version.name, running)
    return {
      name: version.name,
      source: sourceStatus(discovery.statusOf(route.name, version.name), discovery.problemOf(route.name, version.name), version.endpoints),
      endpoints: discovery.endpointsOf(route.name, version.name).map(endpoint => ({ ...endpoint, health: endpoints.get(endpointKey(endpoint)) ?? NOTHING_SAID })),
      availableEndpoints: this.#available(route.name, version.name),
      usedEndpoints: this.#used(route.name, version.name),
      panic: shareOf(panicWorkers, running),
      ...(share === undefined ? {} : { observed: { requests, share } })
    }
  }

  /** Endpoints that may get requests, in the worker that finds the fewest. */
  #available (route: string, version: string): number {
    const { discovery, health, workers } = this.#deps
    const usable = new Set(usableEndpoints(discovery.endpointsOf(route, version)).map(endpointKey))
    return usable.size - health.summary(route, version, workers()).unavailable(usable)
  }

  /** Endpoints that requests go to, in the worker that uses the fewest. */
  #used (route: string, version: string): number {
    const { discovery, health, workers } = this.#deps
    return health.summary(route, version, workers()).used(new Set(usableEndpoints(discovery.endpointsOf(route, version)).map(endpointKey)))
  }

  /** All routes as /metrics shows them, one after another: whoever takes them may rest in between. */
  * states (): Generator<RouteGauges> {
    const { clock, routes } = this.#deps
    const nowMs = clock.wallMs()
    for (const route of routes.all()) yield this.#state(route, nowMs)
  }

  #state ({ name, versions }: RouteConfig, nowMs: number): RouteGauges {
    const { discovery, health, traffic, workers } = this.#deps
    return {
      name,
      epoch: traffic(name)?.epoch ?? 0,
      versions: versions.map(version => ({
        name: version.name,
        weight: traffic(name)?.weights[version.name] ?? 0,
        endpoints: discovery.endpointsOf(name, version.name),
        available: this.#available(name, version.name),
        problem: discovery.problemOf(name, version.name)?.kind,
        sourceAgeMs: ageOf(discovery.statusOf(name, version.name), nowMs),
        panicWorkers: health.summary(name, version.name, workers()).panicWorkers
      }))
    }
  }
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

function sourceStatus (status: EndpointSourceStatus | undefined, problem: SourceProblem | undefined, source: VersionConfig['endpoints']): SourceStatus {
  const name = nameOf(source)
  if (status === undefined) return { kind: 'static', state: 'starting', ...name }
  const state = !status.synced ? 'starting' : status.lastError === undefined ? 'synced' : 'stale'
  const ignored = status.ignored.map(({ address, reason }) => `${address} is ignored: ${reason}`)
  // The detail of a source that was not read yet has the error in it.
  const error = status.lastError === undefined || problem?.kind === 'unsynced' ? [] : [status.lastError]
  const detail = [...(problem === undefined ? [] : [problem.detail]), ...error, ...ignored].join('; ')
  return { kind: status.kind, state, ...name, ...(problem === undefined ? {} : { problem: problem.kind }), ...(detail === '' ? {} : { detail }) }
}
