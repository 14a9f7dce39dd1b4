/**
 * The composition of Weir: configuration, store, discovery, workers, admin API. It wires and starts; it decides nothing.
 */
import { TokenBook } from '../admin/token-book.ts'
import { configFileOf, type ConfigSources } from '../config/load.ts'
import { formatFault } from '../config/config-error.ts'
import type { LoadedConfig } from '../config/resolve.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { parseDurationMs } from '../core/duration.ts'
import { errorText } from '../core/error-text.ts'
import { type Leadership, SOLE_REPLICA } from '../core/leadership.ts'
import type { Participant } from '../core/prepared-change.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import { TrafficControl } from '../rollout/traffic-control.ts'
import type { TrafficState } from '../rollout/traffic-state.ts'
import type { LeaseHolder } from '../kube/lease-holder.ts'
import type { ListBook } from '../lists/list-book.ts'
import type { StateStore } from '../store/state-store.ts'
import { ControlMetrics } from '../telemetry/control-metrics.ts'
import { ControlTicker } from '../telemetry/control-ticker.ts'
import { CounterBook } from '../telemetry/counter-book.ts'
import { openLogFile } from '../telemetry/log-file.ts'
import { LogWriter } from '../telemetry/log-writer.ts'
import { ObservedShares } from '../telemetry/observed-share.ts'
import type { ProcessLogger } from '../telemetry/process-logger.ts'
import { ThrottledLogger } from '../telemetry/throttled-logger.ts'
import { AdminPorts } from '../admin/admin-ports.ts'
import { AuthorityFiles } from '../certificates/authority-files.ts'
import { KeyFiles } from '../certificates/key-files.ts'
import type { CertificateStore } from '../certificates/certificate-store.ts'
import { ConfigReloads } from '../control/config-reloads.ts'
import { composeAdmin } from './compose-admin.ts'
import { composeRollouts, type RunningRollouts } from './compose-rollouts.ts'
import { createDiscovery } from './create-discovery.ts'
import { bufferBytes, createPool } from './create-pool.ts'
import type { RunningReplicas } from './create-replicas.ts'
import { createProber, type HealthProber } from '../control/health-prober.ts'
import { ConfigFile, type RouteSource } from '../routes/config-file.ts'
import { RouteBook } from '../routes/route-book.ts'
import { DrainReport } from '../control/version-drain.ts'
import { HealthBook } from '../control/health-book.ts'
import { bookTraffic, EventBook } from '../control/event-book.ts'
import { journalLists } from '../control/list-journal.ts'
import { logTraffic } from '../control/log-traffic.ts'
import { openCertificates, openStore, probeListeners } from './open-at-start.ts'
import { openLease } from './open-lease.ts'
import { openLists } from './open-lists.ts'
import { packageVersion } from './package-version.ts'
import { instanceId } from './replica-name.ts'
import { readinessOf, StartGate } from '../control/start-gate.ts'
import { Reload } from '../control/reload.ts'
import { RouteSender } from '../control/route-sender.ts'
import type { StopPatience } from './signals.ts'
import { LazyWebhooks } from './lazy-webhooks.ts'
import type { WorkerPool } from '../control/worker-pool.ts'

export interface ControlPlaneDeps {
  readonly clock: Clock
  readonly log: ProcessLogger
  /** Where the configuration came from, for reloads. */
  readonly sources: ConfigSources
  /** Replaces parts of a reload; a test makes them fail. */
  readonly participants?: (own: ReadonlyArray<Participant<Config>>) => ReadonlyArray<Participant<Config>>
}

/** A store that is well is read before that. */
const SAY_WAITING_MS = 2_000

/** What takes part in reloads and is opened by the start. */
interface ReloadedParts {
  readonly traffic: TrafficControl
  readonly webhooks: LazyWebhooks
  readonly lists: ListBook
}

export class ControlPlane {
  readonly #deps: ControlPlaneDeps
  readonly #throttled: ThrottledLogger
  readonly #book: CounterBook
  readonly #shares: ObservedShares
  readonly #metrics: ControlMetrics
  readonly #ticker: ControlTicker
  readonly #accessLog: LogWriter
  readonly #pool: WorkerPool
  readonly #discovery: EndpointRegistry
  readonly #gate: StartGate
  readonly #health: HealthBook
  readonly #prober: HealthProber
  readonly #tokens: TokenBook
  readonly #events: EventBook
  readonly #authorities: AuthorityFiles
  readonly #keys: KeyFiles
  readonly #file: ConfigFile
  readonly #routes: RouteBook
  readonly #sender: RouteSender
  /** The one of the start. */
  readonly #config: Config
  #certificates: CertificateStore | undefined
  #reloads: ConfigReloads | undefined
  #lease: LeaseHolder | undefined
  #store: StateStore<TrafficState> | undefined
  #traffic: TrafficControl | undefined
  #lists: ListBook | undefined
  #rollouts: RunningRollouts | undefined
  #admin: AdminPorts | undefined
  #replicas: RunningReplicas | undefined
  #webhooks: LazyWebhooks | undefined
  readonly #instance = instanceId()
  /** Not ready any more, though all goes on as usual until it drains. */
  #stopping = false
  /** Aborted when who waits for a change gets an answer at once. */
  readonly #noWaiting = new AbortController()

  constructor (loaded: LoadedConfig, deps: ControlPlaneDeps) {
    const { clock, log } = deps
    const config = loaded.config
    this.#deps = deps
    this.#config = config
    this.#routes = new RouteBook(config.routes)
    this.#throttled = new ThrottledLogger(log, clock)
    this.#book = new CounterBook(clock)
    this.#shares = new ObservedShares(clock)
    this.#metrics = new ControlMetrics(clock, { version: packageVersion(), node: process.versions.node })
    this.#ticker = new ControlTicker(clock, this.#book, this.#shares)
    this.#accessLog = new LogWriter({ path: config.accessLog.path, open: openLogFile, clock, logger: this.#throttled })
    this.#events = new EventBook(this.#instance, clock)
    this.#tokens = new TokenBook(config.admin.tokens, clock, log)
    const followed = { clock, log, onChange: () => { this.#reloads?.between(() => { this.#sender.send() }) } }
    this.#authorities = new AuthorityFiles(followed)
    this.#keys = new KeyFiles(followed)
    this.#file = new ConfigFile(loaded, { clock, sources: deps.sources, onFault: error => { this.#reloads?.refuse(error) } })
    this.#health = new HealthBook(this.#throttled, clock)
    this.#pool = createPool(config, {
      clock,
      log,
      throttled: this.#throttled,
      book: this.#book,
      accessLog: this.#accessLog,
      health: this.#health,
      metrics: this.#metrics,
      instance: this.#instance
    })
    this.#discovery = this.#createDiscovery(config)
    this.#gate = new StartGate({
      clock, log, waitMs: parseDurationMs(config.kubernetes.startTimeout), versions: () => this.#discovery.all()
    })
    this.#prober = createProber({
      clock,
      log: this.#throttled,
      endpointsOf: (route, version) => this.#discovery.endpointsOf(route, version),
      onChange: (route, version, failing) => { this.#pool.sendChecks(route, version, failing) },
      onProbed: (route, version, passed) => { this.#metrics.endpointProbed(route, version, passed) },
      onLeft: (route, version) => { this.#metrics.forgetProbes(route, version) }
    })
    this.#sender = new RouteSender(config, {
      routes: this.#routes,
      pool: this.#pool,
      prober: this.#prober,
      book: this.#book,
      health: this.#health,
      authorities: this.#authorities,
      keys: this.#keys,
      bufferBytes: given => bufferBytes(given, this.#pool.workerCount)
    })
    for (const fault of loaded.warnings) log.warn('the configuration is odd', { fault: formatFault(fault) })
  }

  #createDiscovery (config: Config): EndpointRegistry {
    const { clock, log } = this.#deps
    return createDiscovery(config, {
      clock,
      log,
      together: work => { this.#pool.together(work) },
      onEndpoints: (route, version, endpoints) => {
        this.#pool.sendEndpoints(route, version, endpoints)
        this.#prober.refresh(route, version)
        this.#gate.received()
      },
      onEndpointChange: (route, version, change) => {
        this.#pool.sendEndpointChange(route, version, change)
        this.#prober.change(route, version, change)
      },
      onSynced: () => { this.#gate.synced() },
      onWatchFailure: (namespace, kind) => { this.#metrics.watchRestarted(namespace, kind) }
    })
  }

  /**
   * Starts everything.
   * @param asked resolves when Weir is to stop. What is being opened is opened before, but for the listeners: workers that die again and
   *   again never open them.
   * @throws Error when a listener, the admin API or the store can't be opened
   */
  async start (asked: Promise<void>): Promise<void> {
    const { clock, log, sources } = this.#deps
    const config = this.#config
    // The workers load while this thread goes on. They listen last.
    this.#pool.start()
    await probeListeners(config.listeners, sources.text?.portOption)
    this.#lease = await openLease(config, { clock, log, metrics: this.#metrics, instance: this.#instance })
    const leadership = this.#lease ?? SOLE_REPLICA
    this.#store = await openStore(config, { clock, log, metrics: this.#metrics, leadership })
    const lists = this.#lists = await openLists(config, {
      clock,
      log,
      metrics: this.#metrics,
      leadership,
      publish: (route, list, table) => { this.#pool.sendList(route, list, table) },
      onChange: journalLists(log, this.#events)
    })
    this.#traffic = await TrafficControl.open({ store: this.#store, publisher: this.#pool, clock, log, leadership })
    // Who does not know the weights, or whose they are not, does nothing for those who do.
    void this.#traffic.known.then(() => { this.#lease?.start() })
    logTraffic(this.#traffic, log)
    bookTraffic(this.#traffic, this.#events)
    this.#webhooks = new LazyWebhooks({ clock, log: this.#throttled, events: this.#events, leadership })
    const rollouts = this.#rollouts = this.#composeRollouts(this.#traffic, leadership)
    this.#certificates = await openCertificates({
      listeners: config.listeners,
      clock,
      log,
      metrics: this.#metrics,
      onMaterial: (listener, material) => { this.#pool.sendCertificates(listener, material) },
      onTicketKeys: keys => { this.#pool.sendTicketKeys(keys) }
    }, configFileOf(sources))
    this.#gate.start()
    const reloads = this.#reloads = this.#createReloads({ traffic: this.#traffic, webhooks: this.#webhooks, lists })
    await reloads.start()
    await this.#openAdmin({ traffic: this.#traffic, webhooks: this.#webhooks, lists }, rollouts)
    this.#ticker.start()
    this.#metrics.configLoaded()
    for (const source of this.#routeSources) source.start(() => { reloads.ask() })
    const known = this.#untilKnown(this.#traffic, lists)
    if (known === undefined) return await Promise.race([this.#listen(), asked])
    void known.then(async () => { await this.#listen() }).catch((error: unknown) => {
      log.error('the listeners could not be opened', { error: errorText(error) })
    })
  }

  /** Resolves when clients can be served; undefined when they can be at once. */
  #untilKnown (traffic: TrafficControl, lists: ListBook): Promise<void> | undefined {
    const { clock, log } = this.#deps
    const { state, kubernetes } = this.#config
    if (state.onUnavailable === 'config' || (traffic.isKnown && lists.isKnown)) return undefined
    const saying = clock.after(SAY_WAITING_MS, () => {
      if (this.#stopping || traffic.isKnown) return
      log.warn('weir waits for the stored weights before it takes clients; state.onUnavailable: config would not', { reason: traffic.storeStatus().detail })
    })
    return traffic.known.then(async () => {
      saying.cancel()
      if (await lists.knownWithin(clock, parseDurationMs(kubernetes.startTimeout))) return
      log.warn('weir takes clients without the members of its lists, which are not known yet; may it read the ConfigMap?', { reason: lists.status().detail })
    })
  }

  /** The weights that were set at run time are not known, and those of the configuration may not stand in for them. */
  get #waitsForState (): boolean {
    return this.#traffic?.isKnown === false && this.#config.state.onUnavailable === 'wait'
  }

  async #listen (): Promise<void> {
    if (this.#stopping) return
    const config = this.#config
    await this.#pool.listen()
    if (this.#stopping) return
    this.#deps.log.info('weir is running', {
      version: packageVersion(),
      workers: this.#pool.workerCount,
      maxBufferedBytes: bufferBytes(config, this.#pool.workerCount),
      listeners: config.listeners.map(({ address, port }) => `${address}:${port}`).join(' '),
      admin: `${config.admin.address}:${config.admin.port}`,
      ...(config.admin.probes === undefined ? {} : { probes: `${config.admin.probes.address}:${config.admin.probes.port}` })
    })
  }

  /** Each comes after those whose routes win over its own. */
  get #routeSources (): readonly RouteSource[] {
    return [this.#file]
  }

  #createReloads (parts: ReloadedParts): ConfigReloads {
    const { clock, log, participants = own => own } = this.#deps
    return new ConfigReloads(this.#config, {
      clock,
      log,
      metrics: this.#metrics,
      reload: new Reload({
        clock,
        participants: participants(this.#participants(parts)),
        together: work => { this.#pool.together(work) },
        onDefect: (part, error) => { log.error('a defect of Weir has left a part of a reload undone; please report it', { part, stack: error instanceof Error ? error.stack ?? error.message : String(error) }) }
      }),
      newest: () => {
        const { config, warnings } = this.#file.loaded
        return { config: { ...config, routes: this.#routeSources.flatMap(source => source.routes()) }, warnings }
      }
    })
  }

  /**
   * Who takes over a configuration. Endpoints are told first, then splits, then routes, so that new routes are whole from their first
   * request.
   */
  #participants ({ traffic, webhooks, lists }: ReloadedParts): ReadonlyArray<Participant<Config>> {
    const { log, sources } = this.#deps
    return [
      { name: 'authorities', prepare: config => this.#authorities.prepare(config, configFileOf(sources)) },
      { name: 'keys', prepare: config => this.#keys.prepare(config, configFileOf(sources)) },
      { name: 'tokens', prepare: ({ admin }) => this.#tokens.prepare(admin.tokens) },
      // Before the weights, of which they tell.
      { name: 'webhooks', prepare: async config => await webhooks.prepare(config) },
      { name: 'log level', prepare: config => log.prepare(config.log.level) },
      { name: 'discovery', prepare: ({ routes }) => this.#discovery.prepare(routes) },
      {
        name: 'weights',
        prepare: ({ routes }) => traffic.prepare(routes.map(({ name, versions }) => ({
          name, weights: Object.fromEntries(versions.map(version => [version.name, version.weight]))
        })))
      },
      { name: 'lists', prepare: async config => await lists.prepare(config) },
      { name: 'routes', prepare: config => this.#sender.prepare(config) }
    ]
  }

  #composeRollouts (traffic: TrafficControl, leadership: Leadership): RunningRollouts {
    const { clock, log } = this.#deps
    return composeRollouts({
      config: this.#config,
      clock,
      log,
      instance: this.#instance,
      leadership,
      traffic,
      routes: this.#routes,
      discovery: this.#discovery,
      pool: this.#pool,
      book: this.#book,
      health: this.#health,
      events: this.#events,
      metrics: this.#metrics
    })
  }

  async #openAdmin ({ traffic, webhooks, lists }: ReloadedParts, rollouts: RunningRollouts): Promise<void> {
    const { clock, log } = this.#deps
    const { deps, replicas } = await composeAdmin({
      config: this.#config,
      clock,
      log,
      throttled: this.#throttled,
      instance: this.#instance,
      tokens: this.#tokens,
      traffic,
      rollouts,
      routes: this.#routes,
      discovery: this.#discovery,
      pool: this.#pool,
      book: this.#book,
      shares: this.#shares,
      health: this.#health,
      metrics: this.#metrics,
      ticker: this.#ticker,
      accessLog: this.#accessLog,
      events: this.#events,
      webhooks,
      lists,
      lease: this.#lease,
      stopping: this.#noWaiting.signal,
      readiness: () => readinessOf({
        stopping: this.#stopping,
        accepting: this.#pool.accepting,
        gateOpen: this.#gate.isOpen,
        stateMissing: this.#waitsForState,
        discovery: this.#discovery
      })
    })
    this.#replicas = replicas
    this.#admin = await AdminPorts.open(this.#config.admin, deps)
    replicas.start()
  }

  get #inForce (): Config {
    return this.#reloads?.config ?? this.#config
  }

  /** Opens log files again, after they were rotated. */
  reopenLogs (): void {
    this.#accessLog.reopen()
  }

  /**
   * The way out: not ready first, while all goes on as usual until that has been noticed; then the workers finish what they
   * have, then everything closes.
   */
  async stop (patience: StopPatience): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const { log } = this.#deps
    log.info('weir is shutting down')
    // At once: another replica need not wait until this one has drained.
    void this.#lease?.release()
    await patience.delay(parseDurationMs(this.#inForce.drain.delay))
    // While the workers can still say what they apply.
    this.#noWaiting.abort()
    const report = new DrainReport({ clock: this.#deps.clock, log, routes: this.#routes, book: this.#book })
    report.start()
    for (const source of this.#routeSources) source.stop()
    await this.#reloads?.stop()
    void patience.insisted.then(() => { this.#pool.hurry() })
    const cut = await this.#pool.drain(parseDurationMs(this.#inForce.drain.timeout))
    report.stop()
    if (cut > 0) log.warn('connections were cut because the drain was over', { connections: cut })
    await this.#close(patience.insisted)
    log.info('weir has stopped')
  }

  /** Closes what a failed start may have left open. */
  async abandon (): Promise<void> {
    await this.#reloads?.stop()
    await this.#pool.stop()
    await this.#close(Promise.resolve())
  }

  /** @param insisted resolves when nobody is to be waited for */
  async #close (insisted: Promise<void>): Promise<void> {
    this.#noWaiting.abort()
    this.#ticker.stop()
    this.#gate.stop()
    this.#authorities.stop()
    this.#keys.stop()
    this.#certificates?.stop()
    await this.#prober.stop()
    await this.#discovery.stop()
    await this.#replicas?.stop()
    await this.#admin?.close(insisted)
    await this.#webhooks?.stop(insisted)
    await this.#rollouts?.stop()
    await this.#traffic?.close()
    await this.#lists?.close()
    await this.#store?.close()
    await this.#lease?.close()
    await this.#accessLog.close()
  }
}
