/**
 * What this replica tells others of itself.
 */
import type { RouteBook } from '../routes/route-book.ts'
import type { EvidenceQuestion, ToldEvidence } from '../rollout/evidence-ledger.ts'
import type { RouteTraffic } from '../rollout/traffic-state.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { ObservedShares } from '../telemetry/observed-share.ts'
import type { WorkerState } from '../telemetry/route-families.ts'
import type { VersionDrain } from '../control/version-drain.ts'
import type { ReplicaAnswer, ReplicaFacts, RouteFacts, RouteProgress, VersionTally } from './replica-facts.ts'

/** What another replica may ask. */
export interface ReplicaQuery {
  readonly route?: string | undefined
  /** Answer when all workers apply this epoch of the route or a later one, or the time is over. */
  readonly epoch?: number | undefined
  readonly timeoutMs?: number | undefined
  /** The evidence of this rollout of the route, and nothing else. */
  readonly rollout?: string | undefined
  /** With `rollout`: see EvidenceQuestion. */
  readonly source?: string | undefined
  readonly after?: number | undefined
  readonly blamed?: string | undefined
}

export interface OwnFactsDeps {
  readonly identity: Pick<ReplicaFacts, 'id' | 'name' | 'version' | 'startedAt'>
  readonly isReady: () => boolean
  readonly workerCount: number
  readonly workers: () => ReadonlyArray<Pick<WorkerState, 'appliedEpoch'>>
  readonly routes: Pick<RouteBook, 'route'>
  readonly traffic: { route (name: string): RouteTraffic | undefined, routes (): ReadonlyMap<string, RouteTraffic> }
  readonly book: Pick<CounterBook, 'read'>
  readonly shares: Pick<ObservedShares, 'recent'>
  readonly drains: Pick<VersionDrain, 'status'>
  /** What this replica has seen of a rollout; undefined when it does not run here. */
  readonly evidence: (route: string, rollout: string, question: EvidenceQuestion) => ToldEvidence | undefined
  /** Resolves when all workers apply this epoch or a later one, or the time is over. */
  readonly untilApplied: (route: string, epoch: number, timeoutMs: number) => Promise<unknown>
}

/** Others that wait here at a time; one more is answered at once, and asks again. */
const MAX_WAITING = 1_000

export class OwnFacts {
  readonly #deps: OwnFactsDeps
  #waiting = 0

  constructor (deps: OwnFactsDeps) {
    this.#deps = deps
  }

  get id (): string { return this.#deps.identity.id }

  facts (): ReplicaFacts {
    const { identity, isReady, workerCount } = this.#deps
    return { ...identity, ready: isReady(), workers: workerCount }
  }

  /** How far this replica has come, by route. */
  routes (): ReadonlyMap<string, RouteProgress> {
    return new Map([...this.#deps.traffic.routes()].map(([name, { epoch }]) => [name, this.#progress(name, epoch)]))
  }

  /** What this replica has of a route; undefined when it has no such route. */
  route (name: string): RouteFacts | undefined {
    const { routes, traffic } = this.#deps
    const config = routes.route(name)
    const state = traffic.route(name)
    if (config === undefined || state === undefined) return undefined
    const versions = new Map(config.versions.map(version => [version.name, this.#version(name, version.name)]))
    return { ...this.#progress(name, state.epoch), versions }
  }

  /** The answer to another replica. */
  async answer ({ route, epoch, timeoutMs = 0, rollout, source, after = 0, blamed }: ReplicaQuery): Promise<ReplicaAnswer> {
    if (route === undefined) return { ...this.facts(), routes: this.routes(), route: undefined }
    if (rollout !== undefined) {
      const evidence = this.#deps.evidence(route, rollout, { source, after, blamed }) ?? null
      return { ...this.facts(), routes: new Map(), route: undefined, evidence }
    }
    if (epoch === undefined) return { ...this.facts(), routes: new Map(), route: this.route(route) }
    await this.#wait(route, epoch, timeoutMs)
    const state = this.#deps.traffic.route(route)
    const answer = { ...this.facts(), routes: new Map() }
    if (state === undefined) return { ...answer, route: undefined }
    const names = Object.keys(state.weights)
    return { ...answer, route: { ...this.#progress(route, epoch), epoch: state.epoch, versions: new Map(), names } }
  }

  async #wait (route: string, epoch: number, timeoutMs: number): Promise<void> {
    if (timeoutMs === 0 || this.#waiting >= MAX_WAITING || this.#deps.traffic.route(route) === undefined) return
    this.#waiting++
    try {
      await this.#deps.untilApplied(route, epoch, timeoutMs)
    } finally {
      this.#waiting--
    }
  }

  /** A worker that is being replaced has applied nothing, and gets no client until it has. */
  #progress (route: string, epoch: number): RouteProgress {
    const applied = this.#deps.workers().map(({ appliedEpoch }) => appliedEpoch(route) ?? -1)
    const known = applied.filter(each => each >= 0)
    return { epoch, workers: applied.filter(each => each >= epoch).length, all: known.length === 0 ? -1 : Math.min(...known) }
  }

  #version (route: string, version: string): VersionTally {
    const { book, shares, drains } = this.#deps
    const counters = book.read(route, version)
    const drain = drains.status(route, version)
    return {
      weight: drain?.weight ?? 0,
      requests: (counters?.requestsByClass ?? []).reduce((sum, count) => sum + count, 0),
      recent: shares.recent(route, version),
      inFlight: drain?.inFlight ?? 0,
      tunnels: drain?.tunnels ?? 0,
      held: drain?.held ?? 0,
      why: drain?.why ?? []
    }
  }
}
