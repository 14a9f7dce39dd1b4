/** What runs rollouts, and what it looks at. */
import type { Config } from '../config/schema.ts'
import type { EventBook } from '../control/event-book.ts'
import type { HealthBook } from '../control/health-book.ts'
import type { WorkerPool } from '../control/worker-pool.ts'
import type { Clock } from '../core/clock.ts'
import type { Leadership } from '../core/leadership.ts'
import type { EventLog } from '../core/logger.ts'
import { PROXY_ERROR_CODES, PROXY_ERRORS } from '../core/proxy-error.ts'
import { Random } from '../core/random.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import { usableEndpoints } from '../discovery/usable-endpoints.ts'
import { RolloutEngine } from '../rollout/rollout-engine.ts'
import { RolloutNews } from '../rollout/rollout-news.ts'
import type { AnalysisFactory, RolloutFacts, CountedVersion } from '../rollout/rollout-ports.ts'
import { RolloutService } from '../rollout/rollout-service.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { ControlMetrics } from '../telemetry/control-metrics.ts'
import { SLOT, SLOT_LENGTH } from '../telemetry/counter-layout.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import { unansweredRequests, type VersionCounters, versionCounters } from '../telemetry/version-counters.ts'

interface FactParts {
  readonly routes: RouteBook
  readonly discovery: EndpointRegistry
  readonly pool: WorkerPool
  readonly book: CounterBook
  readonly health: HealthBook
}

export interface RolloutParts extends FactParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: EventLog
  /** Different for each process. */
  readonly instance: string
  readonly leadership: Leadership
  readonly traffic: TrafficControl
  readonly events: EventBook
  readonly metrics: ControlMetrics
}

export interface RunningRollouts {
  readonly service: RolloutService
  readonly engine: RolloutEngine
  /** Stores what is known of those that run. */
  stop (): Promise<void>
}

/** Evidence is stored at least once a second where that costs one write of a file, and seldom where all replicas hear of it. */
const KEEP_EVERY_MS = { file: 900, memory: 900, kubernetes: 10_000 } as const

/** Rollouts of the traffic state go on as soon as it has routes. */
export function composeRollouts (parts: RolloutParts): RunningRollouts {
  const { config, clock, log, leadership, traffic, routes, pool, events, metrics } = parts
  const engine = new RolloutEngine({
    clock,
    log,
    leadership,
    traffic,
    watcher: pool,
    facts: factsOf(parts),
    loadAnalysis,
    ...(config.state.store === 'kubernetes' ? { bookName: bookNames(parts.instance) } : {}),
    keepEveryMs: KEEP_EVERY_MS[config.state.store],
    news: new RolloutNews({ clock, log, events, counters: metrics })
  })
  const stopListening = pool.onEvidence((route, id, report, source) => { engine.evidence(route, id, report, source) })
  return {
    engine,
    service: new RolloutService({
      random: new Random(), traffic, live: route => engine.live(route), defaultPlan: route => routes.route(route)?.rollout
    }),
    stop: async () => {
      stopListening()
      await engine.stop()
    }
  }
}

/** A book is of one process, and of one time that it watches a rollout. */
function bookNames (instance: string): () => string {
  let books = 0
  return () => `${instance}.${++books}`
}

/** Only where a rollout runs: its tables are of no use at rest. */
async function loadAnalysis (): Promise<AnalysisFactory> {
  const { Analysis } = await import('../analysis/analysis.ts')
  return (settings, nowMs, stored) => new Analysis(settings, nowMs, stored)
}

function factsOf ({ routes, discovery, pool, book, health }: FactParts): RolloutFacts {
  const slot = new Float64Array(SLOT_LENGTH)
  return {
    isReady (route, version) {
      const endpoints = discovery.endpointsOf(route, version).filter(({ terminating }) => !terminating)
      return endpoints.length > 0 && endpoints.every(({ ready }) => ready)
    },
    usedEndpoints: (route, version) => [
      ...health.summary(route, version, pool.workers().length).usedBy(usableEndpoints(discovery.endpointsOf(route, version))).keys()
    ],
    inFlight (route, version) {
      // All zero for a version that is not counted.
      book.readInto(route, version, slot)
      const { [SLOT.inFlight]: inFlight = 0, [SLOT.held]: held = 0, [SLOT.tunnels]: tunnels = 0 } = slot
      return unansweredRequests({ inFlight, held, tunnels })
    },
    tally: (route, version) => book.readInto(route, version, slot) ? tallyOf(versionCounters(slot)) : undefined,
    isSticky: route => routes.route(route)?.affinity.by !== 'none'
  }
}

/** Of status 500 and more, and no fault of a version. */
const OWN_FAILURES = PROXY_ERROR_CODES.map(code => PROXY_ERRORS[code].source !== 'upstream' && PROXY_ERRORS[code].status >= 500)

function tallyOf ({ requestsByClass, latencyBuckets, errors }: VersionCounters): CountedVersion {
  const own = errors.reduce((sum, count, index) => sum + (OWN_FAILURES[index] === true ? count : 0), 0)
  return {
    requests: requestsByClass.reduce((sum, count) => sum + count, 0),
    serverErrors: Math.max(0, (requestsByClass[4] ?? 0) - own),
    latencyBuckets
  }
}
