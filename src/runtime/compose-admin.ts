/**
 * What the admin API and the other replicas are answered from.
 */
import type { AdminDeps } from '../admin/admin-deps.ts'
import type { TokenBook } from '../admin/token-book.ts'
import type { Config } from '../config/schema.ts'
import { ChangePlanner } from '../control/change-planner.ts'
import { RequestRecaller } from '../control/request-recaller.ts'
import { RouteDescriber } from '../control/route-describer.ts'
import { RouteExplainer } from '../control/route-explainer.ts'
import type { EventBook } from '../control/event-book.ts'
import type { HealthBook } from '../control/health-book.ts'
import type { Readiness } from '../control/start-gate.ts'
import { ShadowDescriber } from '../control/shadow-describer.ts'
import { VersionDrain } from '../control/version-drain.ts'
import type { WorkerPool } from '../control/worker-pool.ts'
import { unlessAborted } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import type { EventLog, Logger } from '../core/logger.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import { OWN_NAMESPACE } from '../discovery/endpoint-registry.ts'
import type { ListBook } from '../lists/list-book.ts'
import type { LeaseHolder } from '../kube/lease-holder.ts'
import { OwnFacts } from '../replicas/own-facts.ts'
import { replicaGauges } from '../replicas/replica-gauges.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { ControlMetrics } from '../telemetry/control-metrics.ts'
import type { ControlTicker } from '../telemetry/control-ticker.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { LogWriter } from '../telemetry/log-writer.ts'
import type { ObservedShares } from '../telemetry/observed-share.ts'
import { PromCollector } from '../telemetry/prom-collector.ts'
import { SharedScrape } from '../telemetry/shared-scrape.ts'
import type { RunningRollouts } from './compose-rollouts.ts'
import { createReplicas, type RunningReplicas } from './create-replicas.ts'
import type { LazyWebhooks } from './lazy-webhooks.ts'
import { packageVersion } from './package-version.ts'
import { replicaName } from './replica-name.ts'

/** The parts of the control plane that are asked. */
export interface AdminParts {
  /** The one of the start. */
  readonly config: Config
  readonly clock: Clock
  readonly log: EventLog
  readonly throttled: Logger
  /** Different for each process. */
  readonly instance: string
  readonly tokens: TokenBook
  readonly traffic: TrafficControl
  readonly rollouts: RunningRollouts
  readonly routes: RouteBook
  readonly discovery: EndpointRegistry
  readonly pool: WorkerPool
  readonly book: CounterBook
  readonly shares: ObservedShares
  readonly health: HealthBook
  readonly metrics: ControlMetrics
  readonly ticker: ControlTicker
  readonly accessLog: LogWriter
  readonly events: EventBook
  readonly webhooks: LazyWebhooks
  readonly lists: ListBook
  /** Undefined where nothing is shared. */
  readonly lease: LeaseHolder | undefined
  readonly readiness: () => Readiness
  /** Aborted when Weir stops. */
  readonly stopping: AbortSignal
}

/** Nothing is opened, and the other replicas are not looked for yet. */
export async function composeAdmin (parts: AdminParts): Promise<{ readonly deps: AdminDeps, readonly replicas: RunningReplicas }> {
  const { config, clock, log, tokens, traffic, routes, discovery, pool, book, shares, health, readiness, lease } = parts
  const explainer = new RouteExplainer({
    routes,
    epoch: route => traffic.route(route)?.epoch ?? 0,
    endpoints: (route, version) => discovery.endpointsOf(route, version),
    ask: async question => await pool.inquiries.explain(question)
  })
  const recaller = new RequestRecaller({ routes, recall: async requestId => await pool.inquiries.recall(requestId) })
  const describer = new RouteDescriber({
    routes,
    clock,
    discovery,
    book,
    shares,
    health,
    workers: () => pool.workers().length,
    traffic: route => traffic.route(route),
    rollout: route => parts.rollouts.service.gauges(route),
    lists: route => parts.lists.sizes(route),
    shadow: route => pool.shadow.sums(route)
  })
  const planner = new ChangePlanner({
    clock,
    routes,
    traffic: route => traffic.route(route),
    usedEndpoints: route => describer.usedEndpoints(route),
    clients: async route => await pool.inquiries.clients(route)
  })
  const drains = new VersionDrain({
    routes,
    traffic: route => traffic.route(route),
    book,
    workers: () => pool.workers(),
    endpoints: (route, version) => discovery.endpointsOf(route, version)
  })
  const replicas = await replicasOf(parts, drains)
  return {
    replicas,
    deps: {
      clock,
      log,
      tokens,
      traffic,
      rollouts: parts.rollouts.service,
      events: parts.events,
      lists: parts.lists,
      webhooks: () => parts.webhooks.list(),
      stopping: parts.stopping,
      details: name => describer.details(name),
      usedEndpoints: name => describer.usedEndpoints(name),
      plan: async (route, command) => await planner.plan(route, command),
      clients: async route => await planner.seen(route),
      drain: (route, version) => drains.status(route, version),
      shadow: new ShadowDescriber(routes, pool.shadow),
      readiness,
      replicas: replicas.forAdmin,
      state: () => {
        const status = lease?.status()
        return {
          store: config.state.store,
          ...traffic.storeStatus(),
          // Elsewhere what can't be read refuses the configuration, and what can't be written the change.
          ...(config.state.store === 'kubernetes' && parts.lists.isUsed ? { lists: parts.lists.status() } : {}),
          ...(status === undefined ? {} : { lease: status })
        }
      },
      metrics: metricsOf(parts, describer, replicas),
      explain: async query => await explainer.explain(query),
      explainRequest: async (route, requestId) => await recaller.explain(route, requestId)
    }
  }
}

function metricsOf (parts: AdminParts, describer: RouteDescriber, replicas: RunningReplicas): AdminDeps['metrics'] {
  const { config, clock, traffic, pool, book, shares, metrics, ticker, accessLog, lease } = parts
  const collector = new PromCollector({
    clock,
    book,
    shares,
    control: metrics,
    routes: () => describer.states(),
    workers: () => pool.workers(),
    controlLoop: () => ticker.loop,
    writerDropped: () => accessLog.droppedLines
  })
  const scrape = new SharedScrape(() => collector.chunks())
  return async () => {
    const isWell = [traffic.storeStatus(), ...(parts.lists.isUsed ? [parts.lists.status()] : [])].every(({ state }) => state === 'synced')
    metrics.stateStore(config.state.store, isWell)
    if (lease !== undefined) metrics.leaseHeld(lease.isHolder)
    metrics.webhooks(parts.webhooks.list())
    if (replicas.forAdmin.others !== undefined) metrics.replicas(replicaGauges(replicas.forAdmin.list().replicas))
    return { contentType: collector.contentType, body: scrape.read() }
  }
}

async function replicasOf (parts: AdminParts, drains: VersionDrain): Promise<RunningReplicas> {
  const { config, clock, throttled, instance, traffic, routes, pool, book, shares, metrics, readiness, stopping, rollouts } = parts
  const own = new OwnFacts({
    identity: {
      id: instance,
      name: replicaName(config.replicas?.name),
      version: packageVersion(),
      startedAt: new Date(clock.wallMs()).toISOString()
    },
    isReady: () => readiness().ready,
    workerCount: pool.workerCount,
    workers: () => pool.workers(),
    routes,
    traffic,
    book,
    shares,
    drains,
    evidence: (route, id, question) => rollouts.engine.tell(route, id, question),
    untilApplied: async (route, epoch, timeoutMs) => await unlessAborted(pool.untilApplied(route, epoch, timeoutMs), stopping)
  })
  return await createReplicas(config, {
    clock,
    log: throttled,
    own,
    led: () => rollouts.engine.led(),
    onWatchFailure: (namespace, kind) => { metrics.watchRestarted(namespace ?? OWN_NAMESPACE, kind) }
  })
}
