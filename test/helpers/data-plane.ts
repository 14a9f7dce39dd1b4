import { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { ListenerConfig, RouteConfig, VersionConfig } from '../../src/config/schema.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { PROXY_ERROR_INDEX, type ProxyErrorCode } from '../../src/core/proxy-error.ts'
import { Random } from '../../src/core/random.ts'
import { Admission } from '../../src/downstream/admission.ts'
import { ConnectionLedger, createLedgerMemory } from '../../src/downstream/connection-ledger.ts'
import { DataPlane } from '../../src/worker/data-plane.ts'
import { Listener } from '../../src/downstream/listener.ts'
import { type ListenerSettings, listenerSettings } from '../../src/downstream/downstream-context.ts'
import { MemoryWatch } from '../../src/worker/memory-watch.ts'
import { PausedLook } from '../../src/downstream/paused-look.ts'
import type { TlsMaterial } from '../../src/contract/listener-spec.ts'
import { TlsTerminator } from '../../src/downstream/tls-terminator.ts'
import { messageChanges, routeActions } from '../../src/routes/configured-actions.ts'
import { WorkerRoutes } from '../../src/worker/worker-routes.ts'
import { AccessLog } from '../../src/telemetry/access-log.ts'
import { SEGMENT_BYTES, SLOT, slotView, WORKER, WORKER_LENGTH } from '../../src/telemetry/counter-layout.ts'
import { versionCounters, workerCounters, type VersionCounters, type WorkerCounters } from '../../src/telemetry/version-counters.ts'
import { type EndpointPool, EndpointPools } from '../../src/upstream/endpoint-pools.ts'
import { FakeClock } from './fake-clock.ts'
import { PATIENCE_MS } from './patience.ts'
import { RawClient } from './raw-client.ts'
import { RawOrigin, type OriginHandler } from './raw-origin.ts'
import { testPolicy } from './route-defaults.ts'
import { workerIo } from './test-io.ts'
import type { RouteSpec, VersionSpec } from '../../src/contract/route-spec.ts'
import type { DataPlaneOptions, DataPlaneSettings } from '../../src/contract/data-plane-options.ts'

/** Deadlines are met to this precision. */
const TICK_MS = 5
const SETTLED_TICKS = 4

/** Options that a test wants different from the usual. */
export interface BenchOptions {
  readonly timeoutsMs?: Partial<DataPlaneOptions['timeoutsMs']>
  readonly limits?: Partial<DataPlaneOptions['limits']>
  readonly shadow?: Partial<DataPlaneOptions['shadow']>
  readonly trustedProxies?: readonly string[]
  readonly accessLog?: DataPlaneOptions['accessLog']
  readonly responseFields?: DataPlaneOptions['responseFields']
  /** Tells the data plane from others; nothing does by default. */
  readonly instance?: string
  /** What the listener is to do besides. */
  readonly listener?: Pick<ListenerConfig, 'proxyProtocol' | 'redirectToHttps'>
  /** What the listener speaks TLS with. */
  readonly tls?: TlsMaterial
}

/** A route for tests: versions get slots in the order in which they are named first. */
export interface TestRoute {
  readonly name?: string
  readonly match?: RouteSpec['match']
  readonly affinity?: RouteSpec['affinity']
  /** Needs `bench.routes.placements.load()` before. */
  readonly placement?: RouteSpec['placement']
  readonly balancing?: RouteConfig['balancing']
  readonly whenEmpty?: RouteConfig['whenEmpty']
  readonly upgrades?: RouteConfig['upgrades']
  /** What else is different from the defaults of a route. */
  readonly policy?: Partial<RouteConfig>
  readonly mirror?: RouteSpec['mirror']
  /** Weights by version. */
  readonly weights: Readonly<Record<string, number>>
  /** Of a rollout. */
  readonly salt?: string
  /** How the endpoints of a version are reached, when it is not plain TCP; load `routes.transports` before. */
  readonly tls?: Readonly<Record<string, VersionSpec['tls']>>
  readonly filters?: NonNullable<RouteConfig['filters']>
  /** By version. */
  readonly versionFilters?: Readonly<Record<string, NonNullable<VersionConfig['filters']>>>
  readonly versionMaxBodyBytes?: Readonly<Record<string, number>>
}

/** The options of the data plane with long timeouts and the usual limits. */
export function planeOptions (options: BenchOptions = {}): DataPlaneOptions {
  return {
    trustedProxies: options.trustedProxies ?? [],
    responseFields: options.responseFields ?? { requestId: false, version: false },
    timeoutsMs: {
      firstByte: 30_000,
      tlsHandshake: 30_000,
      requestHead: 30_000,
      requestBody: 30_000,
      keepAliveIdle: 30_000,
      upstreamConnect: 30_000,
      upstreamResponse: 30_000,
      upstreamIdle: 30_000,
      tunnelIdle: 30_000,
      tunnelGrace: 30_000,
      streamIdle: 30_000,
      ...options.timeoutsMs
    },
    limits: {
      maxHeadBytes: 32_768,
      maxHeaderFields: 128,
      maxUriBytes: 16_384,
      maxBodyBytes: 0,
      minBodyRate: 0,
      maxConcurrentRequests: 0,
      maxRequestsPerConnection: 0,
      maxConnections: 0,
      maxConnectionsPerListener: 0,
      maxConnectionsPerClient: 0,
      maxIdleUpstream: 256,
      maxBufferedBytes: 268_435_456,
      maxPasses: 1,
      ...options.limits
    },
    shadow: { maxRequests: 64, maxBytes: 8_388_608, maxLoopLagMs: 0, maxLoopUtilization: 1, ...options.shadow },
    accessLog: options.accessLog ?? { mode: 'off', sampleRate: 0 }
  }
}

/** A worker's data plane in the thread of the test, with clients and origins around it. */
export class ProxyBench {
  readonly plane: DataPlane
  readonly pools: KnownPools
  readonly routes: WorkerRoutes
  readonly page = new Float64Array(new SharedArrayBuffer(WORKER_LENGTH * Float64Array.BYTES_PER_ELEMENT))
  readonly segments: readonly SharedArrayBuffer[] = [new SharedArrayBuffer(SEGMENT_BYTES)]
  readonly logLines: string[] = []
  readonly #options: DataPlaneOptions
  readonly ledger = new ConnectionLedger(createLedgerMemory(1, 1, new Random(3)), 0)
  readonly #settings: ListenerSettings
  readonly terminator: TlsTerminator | undefined
  readonly #listener: Listener
  readonly #paused: PausedLook
  readonly #memory: MemoryWatch
  /** After drain(): nobody can connect any more. */
  listenerClosed: Promise<void> = Promise.resolve()
  readonly #slots = new Map<string, number>()
  readonly #clients: RawClient[] = []
  readonly #origins: RawOrigin[] = []
  #epoch = 0
  #ticks = 0
  #ticker: NodeJS.Timeout | undefined

  constructor (options: BenchOptions, clock: Clock) {
    this.#options = planeOptions(options)
    const settings: DataPlaneSettings = this.#options
    const accessLog = new AccessLog({
      policy: this.#options.accessLog,
      random: () => 0.5,
      send: lines => { this.logLines.push(...Buffer.from(lines).toString('latin1').split('\n').slice(0, -1)) },
      page: this.page
    })
    this.plane = new DataPlane({ clock, page: this.page, accessLog, io: workerIo(), instance: options.instance ?? '' }, settings)
    this.#paused = new PausedLook(clock)
    this.#memory = new MemoryWatch(this.plane)
    this.pools = new KnownPools(this.plane)
    this.routes = new WorkerRoutes(this.plane, this.pools, new Random(7))
    this.#settings = listenerSettings({ name: 'test', ...options.listener }, 0)
    this.terminator = options.tls === undefined ? undefined : new TlsTerminator(this.plane, 'test', options.tls, new Uint8Array(48))
    this.#listener = new Listener(this.plane, this.ledger, this.#settings, this.terminator)
  }

  static async start (options: BenchOptions = {}, clock: Clock = systemClock): Promise<ProxyBench> {
    const bench = new ProxyBench(options, clock)
    await bench.plane.io.decideTls()
    await bench.#listener.listen({ address: '127.0.0.1', port: 0, reusePort: false })
    bench.#ticker = setInterval(() => {
      bench.plane.deadlines.sweep(bench.plane.readClock())
      bench.#paused.tick(bench.plane.recentMs, () => bench.plane.deadlines.snapshot())
      bench.routes.tick(bench.plane.recentMs)
      bench.#memory.tick(bench.plane.recentMs)
      bench.plane.accessLog.flush()
      bench.#ticks++
    }, TICK_MS)
    return bench
  }

  /** Where clients connect to. */
  get port (): number { return this.#listener.port }
  get counters (): WorkerCounters { return workerCounters(this.page) }

  /** Puts routes in force, with other options if there are any. */
  route (routes: readonly TestRoute[], options: DataPlaneOptions = this.#options): void {
    for (const { name, weights, salt } of routes) this.split(weights, name, salt)
    this.routes.applyRoutes({
      type: 'routes',
      options,
      segments: this.segments,
      routes: routes.map(({ name = 'test', match = {}, affinity = { by: 'none', level: 'version' }, balancing = 'least-request', whenEmpty = 'fallback', upgrades = ['websocket'], policy = {}, placement = null, mirror = null, weights, filters, ...versions }) => ({
        name,
        match,
        affinity,
        balancing,
        policy: testPolicy({ whenEmpty, upgrades, ...policy }, options),
        placement,
        mirror,
        ...(filters === undefined ? {} : { actions: routeActions(filters, match) }),
        versions: Object.keys(weights).map(version => this.#versionSpec(name, version, { ...versions, match }))
      }))
    })
  }

  #versionSpec (
    route: string, version: string, { tls, versionFilters, versionMaxBodyBytes, match }: Pick<TestRoute, 'tls' | 'versionFilters' | 'versionMaxBodyBytes' | 'match'>
  ): VersionSpec {
    const ownTls = tls?.[version]
    const filters = versionFilters?.[version]
    return {
      name: version,
      slot: this.#slotOf(route, version),
      ...(ownTls === undefined ? {} : { tls: ownTls }),
      ...(filters === undefined ? {} : { actions: messageChanges(filters, match) }),
      maxBodyBytes: versionMaxBodyBytes?.[version] ?? 0
    }
  }

  #slotOf (route: string, version: string): number {
    const key = `${route}/${version}`
    const slot = this.#slots.get(key) ?? this.#slots.size
    this.#slots.set(key, slot)
    return slot
  }

  split (weights: Readonly<Record<string, number>>, route = 'test', salt = ''): void {
    this.routes.applySplit({ type: 'split', route, epoch: ++this.#epoch, weights, salt })
  }

  /** Sets the endpoints of a version, by port. */
  endpoints (version: string, ports: readonly number[], route = 'test'): void {
    const endpoints = ports.map(port => ({ address: '127.0.0.1', port, ready: true, serving: true, terminating: false }))
    this.routes.applyEndpoints({ type: 'endpoints', route, version, endpoints })
  }

  /** An origin as the only endpoint of a route's only version, `v1`. */
  async origin (handler?: OriginHandler): Promise<RawOrigin> {
    const origin = await this.extraOrigin(handler)
    this.route([{ weights: { v1: 1 } }])
    this.endpoints('v1', [origin.port])
    return origin
  }

  /** An origin that no route knows yet. */
  async extraOrigin (handler?: OriginHandler): Promise<RawOrigin> {
    const origin = await RawOrigin.start(handler)
    this.#origins.push(origin)
    return origin
  }

  /** A place for a connection that a test makes by itself. */
  admit (): Admission {
    const admission = Admission.open(this.plane, this.ledger, this.#settings)
    if (admission === undefined) throw new Error('there is no place for another connection')
    return admission
  }

  async client (localAddress?: string): Promise<RawClient> {
    return this.keep(await RawClient.connect(this.port, localAddress))
  }

  /** Ends a client with the bench. */
  keep (client: RawClient): RawClient {
    this.#clients.push(client)
    return client
  }

  /** What was counted for a version. */
  version (version = 'v1', route = 'test'): VersionCounters {
    return versionCounters(slotView(this.segments, this.#slotOf(route, version)))
  }

  /** How often a version's requests have failed with this code. */
  errors (code: ProxyErrorCode, version = 'v1', route = 'test'): number {
    return slotView(this.segments, this.#slotOf(route, version))[SLOT.errors + PROXY_ERROR_INDEX[code]] ?? 0
  }

  /** How often requests without a version have failed with this code. */
  unroutedErrors (code: ProxyErrorCode): number {
    return this.page[WORKER.unroutedErrors + PROXY_ERROR_INDEX[code]] ?? 0
  }

  /** Waits for something that no connection tells of. */
  async until (what: string, condition: () => boolean): Promise<void> {
    const deadline = systemClock.nowMs() + PATIENCE_MS
    while (!condition()) {
      if (systemClock.nowMs() > deadline) throw new Error(`waited in vain for ${what}`)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }

  /**
   * Lets the event loop turn for as long as it takes to read, to answer and to close what was on its way. Everybody is in this thread, so it
   * is turns that count, not time: a machine that is slow makes them longer.
   */
  async settle (): Promise<void> {
    const until = this.#ticks + SETTLED_TICKS
    await this.until('some turns', () => this.#ticks >= until)
  }

  /** What a worker does at the beginning of a drain. */
  drain (): void {
    this.plane.draining = true
    this.listenerClosed = this.#listener.close()
    this.#tellToDrain(false)
  }

  /** What a worker does when the time of a drain is over. */
  cutOff (): void {
    this.#tellToDrain(true)
  }

  #tellToDrain (over: boolean): void {
    for (const member of this.plane.deadlines.snapshot()) member.drain?.(over)
  }

  /** Everything that is in use now, each by its number; all are 0 when nothing happens any more. */
  left (): Readonly<Record<string, number>> {
    const { plane, page } = this
    return {
      inFlight: plane.inFlight,
      connectionsOpen: page[WORKER.connectionsOpen] ?? NaN,
      connectionsOfListener: this.ledger.listenerCount(0),
      upstreamOpen: page[WORKER.upstreamOpen] ?? NaN,
      upstreamIdle: page[WORKER.upstreamIdle] ?? NaN,
      deadlines: plane.deadlines.size,
      bufferedBytes: plane.budget.used,
      endpointsInFlight: [...this.pools.known].reduce((sum, { inFlight, trials }) => sum + Math.abs(inFlight) + Math.abs(trials), 0),
      versionsInFlight: [...this.#slots.values()].reduce((sum, slot) => sum + Math.abs(versionCounters(slotView(this.segments, slot)).inFlight), 0)
    }
  }

  /** Ends everything. */
  async end (): Promise<void> {
    await this.#listener.close()
    for (const client of this.#clients) leave(client)
    await this.until('the clients\' connections to end', () => this.left()['connectionsOpen'] === 0 && this.plane.inFlight === 0).catch(() => {})
    this.pools.retireAll()
    await this.until('the last resource', () => Object.values(this.left()).every(count => count === 0)).catch(() => {})
    clearInterval(this.#ticker)
    await Promise.all(this.#origins.map(async origin => { await origin.close() }))
  }

  /** Ends everything and sees to it that nothing is left. */
  async close (t: Test): Promise<void> {
    await this.end()
    t.strictSame(this.left(), {
      inFlight: 0,
      connectionsOpen: 0,
      connectionsOfListener: 0,
      upstreamOpen: 0,
      upstreamIdle: 0,
      deadlines: 0,
      bufferedBytes: 0,
      endpointsInFlight: 0,
      versionsInFlight: 0
    }, 'nothing is left')
  }
}

/** Knows every endpoint that there ever was. */
class KnownPools extends EndpointPools {
  readonly known = new Set<EndpointPool>()

  override acquire (...target: Parameters<EndpointPools['acquire']>): EndpointPool {
    const pool = super.acquire(...target)
    this.known.add(pool)
    return pool
  }
}

/**
 * Ends a connection so that nobody takes it for half-closed: in the middle of a request, Weir waits two seconds behind a FIN.
 * Node can't reset TLS, and behind a FIN of its own a reset would leave the socket open.
 */
function leave (client: RawClient): void {
  if (client.socket instanceof TLSSocket || client.socket.writableEnded) client.destroy()
  else client.reset()
}

/** A test with a data plane of its own, which has to be clean at the end. */
export function proxyTest (name: string, run: (t: Test, bench: ProxyBench) => Promise<void>, options: BenchOptions = {}): void {
  t.test(name, async t => {
    const bench = await ProxyBench.start(options)
    try {
      await run(t, bench)
    } finally {
      await bench.close(t)
    }
  })
}

/** Moves the time of a data plane on, and waits until it has seen to what has fallen due. */
export type Advance = (ms: number) => Promise<void>

/** As proxyTest, on a clock that stands still until the test moves it. */
export function timedProxyTest (name: string, run: (t: Test, bench: ProxyBench, advance: Advance) => Promise<void>, options: BenchOptions = {}): void {
  t.test(name, async t => {
    const clock = new FakeClock()
    const bench = await ProxyBench.start(options, clock)
    try {
      await run(t, bench, async ms => {
        clock.advance(ms)
        await bench.until('a tick', () => bench.plane.recentMs === clock.nowMs())
      })
    } finally {
      await bench.close(t)
    }
  })
}
