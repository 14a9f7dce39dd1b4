/**
 * The composition of Weir: configuration, store, discovery, workers, admin API. It wires and starts; it decides nothing.
 */
import { availableParallelism } from 'node:os'
import type { AdminDeps } from '../admin/admin-deps.ts'
import { TokenBook } from '../admin/token-book.ts'
import { configFileOf, type ConfigSources } from '../config/load.ts'
import { formatFault } from '../config/config-error.ts'
import type { LoadedConfig } from '../config/resolve.ts'
import { findRestartOnlyChanges } from '../config/restart-only.ts'
import type { Config } from '../config/schema.ts'
import type { ConfigWatcher } from '../config/watch.ts'
import { createConfigWatcher } from '../config/watch-file.ts'
import type { Clock } from '../core/clock.ts'
import { parseDurationMs } from '../core/duration.ts'
import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'
import { TrafficControl } from '../rollout/traffic-control.ts'
import type { TrafficState } from '../rollout/traffic-state.ts'
import type { StateStore } from '../store/state-store.ts'
import { ControlMetrics } from '../telemetry/control-metrics.ts'
import { ControlTicker } from '../telemetry/control-ticker.ts'
import { CounterBook } from '../telemetry/counter-book.ts'
import { openLogFile } from '../telemetry/log-file.ts'
import { LogWriter } from '../telemetry/log-writer.ts'
import { ObservedShares } from '../telemetry/observed-share.ts'
import type { ProcessLogger } from '../telemetry/process-logger.ts'
import { PromCollector } from '../telemetry/prom-collector.ts'
import { SharedScrape } from '../telemetry/shared-scrape.ts'
import { ThrottledLogger } from '../telemetry/throttled-logger.ts'
import { AdminPorts } from '../admin/admin-ports.ts'
import { AuthorityFiles } from '../certificates/authority-files.ts'
import type { CertificateStore } from '../certificates/certificate-store.ts'
import { bufferShare, bufferWarning, memoryFacts } from '../net/buffer-share.ts'
import { createDiscovery } from './create-discovery.ts'
import { createProber } from '../control/create-prober.ts'
import { dataPlaneOptions, routeSpecs } from '../routes/data-plane-options.ts'
import { openFilesLimit, openFilesWarning } from '../net/open-files.ts'
import { DrainReport } from '../control/drain-report.ts'
import { HealthBook } from '../control/health-book.ts'
import { instanceId } from './instance-id.ts'
import type { HealthProber } from '../control/health-prober.ts'
import { logTraffic } from '../control/log-traffic.ts'
import { openCertificates } from '../certificates/open-certificates.ts'
import { openStore } from './open-store.ts'
import { packageVersion } from './package-version.ts'
import { probeListeners } from './probe-listeners.ts'
import { readinessOf } from '../control/readiness.ts'
import { RequestRecaller } from '../control/request-recaller.ts'
import { RouteDescriber } from '../control/route-describer.ts'
import { RouteExplainer } from '../control/route-explainer.ts'
import { StartGate } from '../control/start-gate.ts'
import type { StopPatience } from './stop-signals.ts'
import { VersionDrain } from '../control/version-drain.ts'
import { WorkerPool } from '../control/worker-pool.ts'
import { WorkerThread } from '../control/worker-thread.ts'

export interface ControlPlaneDeps {
  readonly clock: Clock
  readonly log: ProcessLogger
  /** Where the configuration came from, for reloads. */
  readonly sources: ConfigSources
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
  readonly #authorities: AuthorityFiles
  #certificates: CertificateStore | undefined
  #config: Config
  #store: StateStore<TrafficState> | undefined
  #traffic: TrafficControl | undefined
  #admin: AdminPorts | undefined
  #watcher: ConfigWatcher | undefined
  #reloading: Promise<void> = Promise.resolve()
  /** Not ready any more, though all goes on as usual until it drains. */
  #stopping = false
  #draining = false

  constructor (loaded: LoadedConfig, deps: ControlPlaneDeps) {
    const { clock, log } = deps
    const config = loaded.config
    this.#deps = deps
    this.#config = config
    this.#throttled = new ThrottledLogger(log, clock)
    this.#book = new CounterBook(clock)
    this.#shares = new ObservedShares(clock)
    this.#metrics = new ControlMetrics(clock, { version: packageVersion(), node: process.versions.node })
    this.#ticker = new ControlTicker(clock, this.#book, this.#shares)
    this.#accessLog = new LogWriter({ path: config.accessLog.path, open: openLogFile, clock, logger: this.#throttled })
    this.#tokens = new TokenBook(config.admin.tokens, clock, log)
    this.#authorities = new AuthorityFiles({ clock, log, onChange: () => { this.#resendRoutes() } })
    this.#health = new HealthBook(this.#throttled, clock)
    this.#pool = this.#createPool(config)
    this.#discovery = this.#createDiscovery(config)
    this.#gate = new StartGate({ clock, log, waitMs: parseDurationMs(config.kubernetes.startTimeout), versions: () => this.#discovery.all() })
    this.#prober = createProber({
      clock,
      log: this.#throttled,
      endpointsOf: (route, version) => this.#discovery.endpointsOf(route, version),
      onChange: (route, version, failing) => { this.#pool.sendChecks(route, version, failing) },
      onProbed: (route, version, passed) => { this.#metrics.endpointProbed(route, version, passed) },
      onLeft: (route, version) => { this.#metrics.forgetProbes(route, version) }
    })
    for (const fault of loaded.warnings) log.warn('the configuration is odd', { fault: formatFault(fault) })
  }

  #createPool (config: Config): WorkerPool {
    const { clock, log } = this.#deps
    const sharing = process.platform === 'linux'
    const wanted = config.workers === 'auto' ? availableParallelism() : config.workers
    if (!sharing && wanted > 1) log.warn('this system does not spread connections over workers: there is one', { platform: process.platform, wanted })
    const count = sharing ? wanted : 1
    const shortage = openFilesWarning({ maxConnections: config.limits.maxConnections, workers: count }, openFilesLimit())
    if (shortage !== undefined) log.warn('there are not enough descriptors for the connections that limits.maxConnections allows', shortage)
    const shortOfMemory = bufferWarning(this.#bufferBytes(config, count), memoryFacts(), count)
    if (shortOfMemory !== undefined) log.warn('the workers may keep more for slow clients than the memory limit leaves', shortOfMemory)
    return new WorkerPool({
      clock,
      log: this.#throttled,
      book: this.#book,
      spawn: (data, startedMs, events) => new WorkerThread(data, startedMs, events),
      appendAccessLog: (lines, done) => { this.#accessLog.append(lines, done) },
      health: this.#health,
      onRestart: () => { this.#metrics.workerRestarted() },
      onIo: mode => { this.#metrics.ioDecided(mode) }
    }, { count, listeners: config.listeners, reusePort: count > 1, io: config.io, instance: instanceId() }, dataPlaneOptions(config, this.#bufferBytes(config, count)))
  }

  /** What each of so many workers may keep for its clients and endpoints. */
  #bufferBytes ({ limits }: Config, workers: number): number {
    return limits.maxBufferedBytes ?? bufferShare(memoryFacts(), workers)
  }

  #createDiscovery (config: Config): EndpointRegistry {
    const { clock, log } = this.#deps
    return createDiscovery(config, {
      clock,
      log,
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
   * @throws Error when a listener, the admin API or the store can't be opened
   */
  async start (digest: string): Promise<void> {
    const { clock, log, sources } = this.#deps
    const config = this.#config
    // The workers load while this thread goes on. They listen last.
    this.#pool.start()
    await probeListeners(config.listeners, sources.text?.portOption)
    this.#store = await openStore(config.state, clock, log)
    this.#traffic = await TrafficControl.open({ store: this.#store, publisher: this.#pool, clock, log })
    logTraffic(this.#traffic, log)
    await this.#tokens.load()
    await this.#authorities.load(config, configFileOf(sources))
    this.#certificates = await openCertificates({
      listeners: config.listeners,
      clock,
      log,
      metrics: this.#metrics,
      onMaterial: (listener, material) => { this.#pool.sendCertificates(listener, material) },
      onTicketKeys: keys => { this.#pool.sendTicketKeys(keys) }
    }, configFileOf(sources))
    this.#gate.start()
    await this.#apply(config)
    this.#admin = await AdminPorts.open(config.admin, this.#adminDeps(this.#traffic))
    await this.#pool.listen()
    this.#ticker.start()
    this.#metrics.configLoaded()
    // What came from the command line can't change.
    if (sources.text === undefined) this.#watchConfig(digest)
    log.info('weir is running', {
      version: packageVersion(),
      workers: this.#pool.workerCount,
      maxBufferedBytes: this.#bufferBytes(config, this.#pool.workerCount),
      listeners: config.listeners.map(({ address, port }) => `${address}:${port}`).join(' '),
      admin: `${config.admin.address}:${config.admin.port}`,
      ...(config.admin.probes === undefined ? {} : { probes: `${config.admin.probes.address}:${config.admin.probes.port}` })
    })
  }

  #watchConfig (digest: string): void {
    const { clock, log, sources } = this.#deps
    this.#watcher = createConfigWatcher(sources, clock, {
      digest,
      onChange: loaded => { this.#reload(loaded) },
      onError: error => {
        // It may be the one that is in force.
        if (error.exhausted) {
          log.error('the configuration can\'t be looked at; the one in force stays', { faults: error.message })
          return
        }
        this.#metrics.configReloaded('failure')
        log.error('the new configuration is wrong; the last good one stays in force', { faults: error.message })
      }
    })
    this.#watcher.start()
  }

  /** Puts routes and options in force: endpoints and splits first, so that new routes are whole from their first request. */
  async #apply (config: Config): Promise<void> {
    this.#discovery.update(config.routes)
    for (const { route, version, endpoints } of this.#discovery.all()) {
      if (endpoints !== undefined && !this.#pool.knowsEndpoints(route, version)) this.#pool.sendEndpoints(route, version, endpoints)
    }
    await this.#traffic?.configure(config.routes.map(({ name, versions }) => ({
      name, weights: Object.fromEntries(versions.map(version => [version.name, version.weight]))
    })))
    const versions = config.routes.flatMap(route => route.versions.map(({ name }) => ({ route: route.name, version: name })))
    this.#book.retain(versions)
    this.#health.retain(versions)
    this.#sendRoutes(config)
    this.#authorities.retain(config)
  }

  #sendRoutes (config: Config): void {
    const options = dataPlaneOptions(config, this.#bufferBytes(config, this.#pool.workerCount))
    const specs = routeSpecs(config.routes, options, (route, version) => this.#book.slotFor(route, version), file => this.#authorities.of(file))
    this.#pool.sendRoutes(options, specs)
    this.#prober.configure(config.routes, specs)
  }

  /** What the routes name has changed, not the routes. */
  #resendRoutes (): void {
    this.#reloading = this.#reloading.then(() => {
      if (!this.#draining) this.#sendRoutes(this.#config)
    })
  }

  #reload (loaded: LoadedConfig): void {
    this.#reloading = this.#reloading.then(async () => {
      if (this.#draining) return
      const { log } = this.#deps
      const before = this.#config
      const needRestart = findRestartOnlyChanges(before, loaded.config)
      // What was opened at the start stays as it is, and so do the options that say so.
      const { listeners, workers, state, kubernetes } = before
      const { address, port, probes } = before.admin
      const admin = { tokens: loaded.config.admin.tokens, address, port, ...(probes === undefined ? {} : { probes }) }
      const config = { ...loaded.config, listeners, workers, state, kubernetes, admin }
      try {
        await this.#authorities.load(config, configFileOf(this.#deps.sources))
        await this.#tokens.configure(config.admin.tokens)
        this.#config = config
        log.setLevel(config.log.level)
        await this.#apply(config)
        this.#metrics.configReloaded('success')
        for (const fault of loaded.warnings) log.warn('the configuration is odd', { fault: formatFault(fault) })
        if (needRestart.length > 0) log.warn('some changes of the configuration take effect at the next start', { options: needRestart.join(', ') })
        log.info('the configuration was reloaded', { routes: config.routes.length })
      } catch (error) {
        this.#config = before
        this.#metrics.configReloaded('failure')
        log.error('the new configuration could not be applied; the last good one stays in force', { error: error instanceof Error ? error.message : String(error) })
      }
    })
  }

  #adminDeps (traffic: TrafficControl): AdminDeps {
    const { clock, log } = this.#deps
    const explainer = new RouteExplainer({
      config: () => this.#config,
      epoch: route => traffic.route(route)?.epoch ?? 0,
      endpoints: (route, version) => this.#discovery.endpointsOf(route, version),
      ask: async question => await this.#pool.explain(question)
    })
    const recaller = new RequestRecaller({ config: () => this.#config, recall: async requestId => await this.#pool.recall(requestId) })
    const describer = new RouteDescriber({
      config: () => this.#config,
      clock,
      discovery: this.#discovery,
      book: this.#book,
      shares: this.#shares,
      health: this.#health,
      workers: () => this.#pool.workers().length,
      traffic: route => traffic.route(route)
    })
    const drains = new VersionDrain({
      config: () => this.#config,
      traffic: route => traffic.route(route),
      book: this.#book,
      workers: () => this.#pool.workers(),
      endpoints: (route, version) => this.#discovery.endpointsOf(route, version)
    })
    const collector = new PromCollector({
      clock,
      book: this.#book,
      shares: this.#shares,
      control: this.#metrics,
      routes: () => describer.states(),
      workers: () => this.#pool.workers(),
      controlLoop: () => this.#ticker.loop,
      writerDropped: () => this.#accessLog.droppedLines
    })
    const scrape = new SharedScrape(() => collector.chunks())
    return {
      clock,
      log,
      tokens: this.#tokens,
      traffic,
      details: name => describer.details(name),
      drain: (route, version) => drains.status(route, version),
      readiness: () => readinessOf({ stopping: this.#stopping, accepting: this.#pool.accepting, gateOpen: this.#gate.isOpen, discovery: this.#discovery }),
      metrics: async () => ({ contentType: collector.contentType, body: scrape.read() }),
      explain: async query => await explainer.explain(query),
      explainRequest: async (route, requestId) => await recaller.explain(route, requestId)
    }
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
    await patience.delay(parseDurationMs(this.#config.drain.delay))
    this.#draining = true
    const report = new DrainReport({ clock: this.#deps.clock, log, config: () => this.#config, book: this.#book })
    report.start()
    this.#watcher?.stop()
    await this.#reloading
    void patience.insisted.then(() => { this.#pool.hurry() })
    const cut = await this.#pool.drain(parseDurationMs(this.#config.drain.timeout))
    report.stop()
    if (cut > 0) log.warn('connections were cut because the drain was over', { connections: cut })
    await this.#close(patience.insisted)
    log.info('weir has stopped')
  }

  /** Closes what a failed start may have left open. */
  async abandon (): Promise<void> {
    this.#draining = true
    await this.#pool.stop()
    await this.#close(Promise.resolve())
  }

  /** @param insisted resolves when nobody is to be waited for */
  async #close (insisted: Promise<void>): Promise<void> {
    this.#ticker.stop()
    this.#gate.stop()
    this.#authorities.stop()
    this.#certificates?.stop()
    await this.#prober.stop()
    await this.#discovery.stop()
    await this.#admin?.close(insisted)
    await this.#traffic?.close()
    await this.#store?.close()
    await this.#accessLog.close()
  }
}
