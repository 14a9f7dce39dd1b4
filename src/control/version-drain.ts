/**
 * What a version still has, and whether its endpoints can be taken away without losing a request; and what the drain of
 * Weir as a whole waits for, said in the log.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import { SLOT, SLOT_LENGTH } from '../telemetry/counter-layout.ts'
import { unansweredRequests } from '../telemetry/version-counters.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { type EventLog, type LogFields, nameSome } from '../core/logger.ts'

interface VersionDrainDeps {
  readonly routes: Pick<RouteBook, 'route' | 'version'>
  readonly traffic: (route: string) => { readonly epoch: number, readonly weights: Readonly<Record<string, number>> } | undefined
  readonly book: Pick<CounterBook, 'read'>
  readonly workers: () => ReadonlyArray<{ readonly appliedEpoch: (route: string) => number | undefined }>
  readonly endpoints: (route: string, version: string) => readonly Endpoint[]
}

/** Of a version that the book does not know. */
const NOTHING_COUNTED = { inFlight: 0, held: 0, tunnels: 0 }

export class VersionDrain {
  readonly #deps: VersionDrainDeps

  constructor (deps: VersionDrainDeps) {
    this.#deps = deps
  }

  /** Undefined when the configuration has no such route, or the route no such version. */
  status (routeName: string, version: string): VersionDrainStatus | undefined {
    const { routes, traffic, book, endpoints } = this.#deps
    const route = routes.route(routeName)
    const state = traffic(routeName)
    if (route === undefined || state === undefined || routes.version(routeName, version) === undefined) return undefined
    const counters = book.read(routeName, version) ?? NOTHING_COUNTED
    const { held } = counters
    const facts = {
      weight: state.weights[version] ?? 0,
      workers: this.#applied(routeName, state.epoch),
      inFlight: unansweredRequests(counters),
      tunnels: counters.tunnels,
      helps: helpsOthers(route, version, state.weights)
    }
    const why = objections(facts)
    const { helps, ...shown } = facts
    return { route: routeName, version, ...shown, held, endpoints: endpoints(routeName, version), safe: why.length === 0, why }
  }

  /** A worker that is being replaced gets nothing until it knows the weights. */
  #applied (route: string, epoch: number): VersionDrainStatus['workers'] {
    const workers = this.#deps.workers()
    return { running: workers.length, applied: workers.filter(({ appliedEpoch }) => (appliedEpoch(route) ?? -1) >= epoch).length }
  }
}

/** May other versions send it what they fail at? */
function helpsOthers ({ failover }: RouteConfig, version: string, weights: Readonly<Record<string, number>>): boolean {
  return failover?.to === version && Object.entries(weights).some(([name, weight]) => name !== version && weight > 0)
}

interface Facts extends Pick<VersionDrainStatus, 'weight' | 'workers' | 'inFlight' | 'tunnels'> {
  readonly helps: boolean
}

function objections ({ weight, workers, inFlight, tunnels, helps }: Facts): readonly string[] {
  return [
    ...(weight > 0 ? [`it has the weight ${weight}: clients are sent to it`] : []),
    ...(helps ? ['failover sends it the requests that the other versions fail at'] : []),
    ...(workers.applied < workers.running ? [`${workers.applied} of ${workers.running} workers apply the weights`] : []),
    ...(inFlight > 0 ? [inFlight === 1 ? '1 request is in flight' : `${inFlight} requests are in flight`] : []),
    ...(tunnels > 0 ? [tunnels === 1 ? '1 tunnel is open' : `${tunnels} tunnels are open`] : [])
  ]
}

/** What a version still has, in all workers together. */
export interface VersionDrainStatus {
  readonly route: string
  readonly version: string
  /** As stored. */
  readonly weight: number
  /** The workers that run, and those of them that apply the weights of now. */
  readonly workers: { readonly running: number, readonly applied: number }
  /** Requests that its endpoints have not answered to the end. */
  readonly inFlight: number
  readonly tunnels: number
  /** Requests that wait for an endpoint. */
  readonly held: number
  readonly endpoints: readonly Endpoint[]
  /** No request is lost when its endpoints are taken away now. */
  readonly safe: boolean
  /** What speaks against it, for people. */
  readonly why: readonly string[]
}

interface DrainReportDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly routes: Pick<RouteBook, 'versions'>
  readonly book: Pick<CounterBook, 'readInto' | 'readWorker' | 'workerIds'>
}

const EVERY_MS = 5_000

export class DrainReport {
  readonly #deps: DrainReportDeps
  #timer: TimerHandle | undefined

  constructor (deps: DrainReportDeps) {
    this.#deps = deps
  }

  /** Says that the drain begins, and goes on until `stop`. */
  start (): void {
    this.#deps.log.info('weir is draining', this.#fields())
    this.#again()
  }

  stop (): void {
    this.#timer?.cancel()
  }

  #again (): void {
    this.#timer = this.#deps.clock.after(EVERY_MS, () => {
      this.#deps.log.info('weir is still draining', this.#fields())
      this.#again()
    })
  }

  #fields (): LogFields {
    const { book, routes } = this.#deps
    const sum = { requests: 0, waiting: 0, tunnels: 0 }
    const named: string[] = []
    // One for all: there may be thousands of versions, and the admin API is answered meanwhile.
    const slot = new Float64Array(SLOT_LENGTH)
    for (const { route, version } of routes.versions()) {
      book.readInto(route, version, slot)
      const inFlight = slot[SLOT.inFlight] ?? 0
      if (inFlight <= 0) continue
      const held = slot[SLOT.held] ?? 0
      const tunnels = slot[SLOT.tunnels] ?? 0
      const requests = unansweredRequests({ inFlight, held, tunnels })
      sum.requests += requests
      sum.waiting += held
      sum.tunnels += tunnels
      named.push(`${route}/${version}: ${requests} in flight, ${held} waiting, ${tunnels} tunnels`)
    }
    const connections = book.workerIds().reduce((count, id) => count + book.readWorker(id).connectionsOpen, 0)
    return { connections, ...sum, ...(named.length === 0 ? {} : { versions: nameSome(named, '; ') }) }
  }
}
