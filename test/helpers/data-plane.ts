import t, { type Test } from 'tap'
import type { RouteConfig } from '../../src/config/schema.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { PROXY_ERROR_INDEX, type ProxyErrorCode } from '../../src/core/proxy-error.ts'
import { Random } from '../../src/core/random.ts'
import { DataPlane, type DataPlaneSettings } from '../../src/proxy/data-plane.ts'
import { DownstreamHttp1 } from '../../src/proxy/downstream-http1.ts'
import { Listener } from '../../src/proxy/listener.ts'
import type { DataPlaneOptions, RouteSpec } from '../../src/snapshot/messages.ts'
import { WorkerRoutes } from '../../src/snapshot/worker-routes.ts'
import { AccessLog } from '../../src/telemetry/access-log.ts'
import { SEGMENT_BYTES, SLOT, slotView, WORKER, WORKER_LENGTH } from '../../src/telemetry/counter-layout.ts'
import { versionCounters, workerCounters, type VersionCounters, type WorkerCounters } from '../../src/telemetry/version-counters.ts'
import { EndpointPools } from '../../src/upstream/endpoint-pools.ts'
import { RawClient } from './raw-client.ts'
import { RawOrigin, type OriginHandler } from './raw-origin.ts'

/** Deadlines are met to this precision. */
const TICK_MS = 5
const PATIENCE_MS = 8_000

/** Options that a test wants different from the usual. */
export interface BenchOptions {
  readonly timeoutsMs?: Partial<DataPlaneOptions['timeoutsMs']>
  readonly limits?: Partial<DataPlaneOptions['limits']>
  readonly trustedProxies?: readonly string[]
  readonly accessLog?: DataPlaneOptions['accessLog']
}

/** A route for tests: versions get slots in the order in which they are named first. */
export interface TestRoute {
  readonly name?: string
  readonly match?: RouteSpec['match']
  readonly affinity?: RouteSpec['affinity']
  readonly balancing?: RouteConfig['balancing']
  readonly whenEmpty?: RouteConfig['whenEmpty']
  /** Weights by version. */
  readonly weights: Readonly<Record<string, number>>
}

/** The options of the data plane with long timeouts and the usual limits. */
export function planeOptions (options: BenchOptions = {}): DataPlaneOptions {
  return {
    trustedProxies: options.trustedProxies ?? [],
    timeoutsMs: {
      requestHead: 30_000,
      requestBody: 30_000,
      keepAliveIdle: 30_000,
      upstreamConnect: 30_000,
      upstreamResponse: 30_000,
      upstreamIdle: 30_000,
      streamIdle: 30_000,
      ...options.timeoutsMs
    },
    limits: {
      maxHeadBytes: 32_768,
      maxHeaderFields: 128,
      maxUriBytes: 16_384,
      maxBodyBytes: 0,
      maxConcurrentRequests: 0,
      maxConnections: 0,
      maxIdleUpstream: 256,
      ...options.limits
    },
    accessLog: options.accessLog ?? { mode: 'off', sampleRate: 0 }
  }
}

/** A worker's data plane in the thread of the test, with clients and origins around it. */
export class ProxyBench {
  readonly plane: DataPlane
  readonly pools: EndpointPools
  readonly routes: WorkerRoutes
  readonly page = new Float64Array(new SharedArrayBuffer(WORKER_LENGTH * Float64Array.BYTES_PER_ELEMENT))
  readonly segments: readonly SharedArrayBuffer[] = [new SharedArrayBuffer(SEGMENT_BYTES)]
  readonly logLines: string[] = []
  readonly #options: DataPlaneOptions
  readonly #listener: Listener
  readonly #slots = new Map<string, number>()
  readonly #clients: RawClient[] = []
  readonly #origins: RawOrigin[] = []
  #epoch = 0
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
    this.plane = new DataPlane(clock, this.page, accessLog, settings)
    this.pools = new EndpointPools(this.plane)
    this.routes = new WorkerRoutes(this.plane, this.pools, new Random(7))
    this.#listener = new Listener(this.plane)
  }

  static async start (options: BenchOptions = {}): Promise<ProxyBench> {
    const bench = new ProxyBench(options, systemClock)
    await bench.#listener.listen({ address: '127.0.0.1', port: 0, reusePort: false })
    bench.#ticker = setInterval(() => {
      bench.plane.deadlines.sweep(bench.plane.readClock())
      bench.plane.accessLog.flush()
    }, TICK_MS)
    return bench
  }

  /** Where clients connect to. */
  get port (): number { return this.#listener.port }
  get counters (): WorkerCounters { return workerCounters(this.page) }

  /** Puts routes in force, with other options if there are any. */
  route (routes: readonly TestRoute[], options: DataPlaneOptions = this.#options): void {
    for (const { name, weights } of routes) this.split(weights, name)
    this.routes.applyRoutes({
      type: 'routes',
      options,
      segments: this.segments,
      routes: routes.map(({ name = 'test', match = {}, affinity = { by: 'none', level: 'version' }, balancing = 'least-request', whenEmpty = 'fallback', weights }) => ({
        name, match, affinity, balancing, whenEmpty, versions: Object.keys(weights).map(version => ({ name: version, slot: this.#slotOf(name, version) }))
      }))
    })
  }

  #slotOf (route: string, version: string): number {
    const key = `${route}/${version}`
    const slot = this.#slots.get(key) ?? this.#slots.size
    this.#slots.set(key, slot)
    return slot
  }

  split (weights: Readonly<Record<string, number>>, route = 'test'): void {
    this.routes.applySplit({ type: 'split', route, epoch: ++this.#epoch, weights })
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

  async client (localAddress?: string): Promise<RawClient> {
    const client = await RawClient.connect(this.port, localAddress)
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

  /** What a worker does at the beginning of a drain. */
  drain (): void {
    this.plane.draining = true
    this.#listener.close()
    for (const member of this.plane.deadlines.snapshot()) {
      if (member instanceof DownstreamHttp1) member.drain()
    }
  }

  /** Ends everything and sees to it that nothing is left. */
  async close (t: Test): Promise<void> {
    const { plane, page } = this
    this.#listener.close()
    for (const client of this.#clients) client.destroy()
    const left = (): Readonly<Record<string, number>> => ({
      inFlight: plane.inFlight,
      connectionsOpen: page[WORKER.connectionsOpen] ?? NaN,
      upstreamOpen: page[WORKER.upstreamOpen] ?? NaN,
      upstreamIdle: page[WORKER.upstreamIdle] ?? NaN,
      deadlines: plane.deadlines.size,
      versionsInFlight: [...this.#slots.values()].reduce((sum, slot) => sum + Math.abs(versionCounters(slotView(this.segments, slot)).inFlight), 0)
    })
    await this.until('the clients\' connections to end', () => left()['connectionsOpen'] === 0 && plane.inFlight === 0).catch(() => {})
    this.pools.retireAll()
    await this.until('the last resource', () => Object.values(left()).every(count => count === 0)).catch(() => {})
    clearInterval(this.#ticker)
    await Promise.all(this.#origins.map(async origin => { await origin.close() }))
    t.strictSame(left(), { inFlight: 0, connectionsOpen: 0, upstreamOpen: 0, upstreamIdle: 0, deadlines: 0, versionsInFlight: 0 }, 'nothing is left')
  }
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
