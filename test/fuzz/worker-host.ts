/**
 * Workers in threads of their own, as Weir runs them, on the clock of the system and with short timeouts.
 */
import { planeOptions } from '../helpers/data-plane.ts'
import { freePorts } from '../helpers/free-port.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { testPolicy } from '../helpers/route-defaults.ts'
import { ThreadPool } from '../helpers/thread-pool.ts'
import type { ConversationHost } from './conversation-host.ts'

/** Above the tick of a worker, which all timeouts wait for. */
const PATIENCE_MS = 150
const TIMEOUT_MS = 100
const APPLIED_MS = 10_000
/** What a route may have times of its own for. */
const ROUTE_TIMEOUTS_MS = {
  requestBody: TIMEOUT_MS, upstreamConnect: APPLIED_MS, upstreamResponse: TIMEOUT_MS, tunnelIdle: TIMEOUT_MS, streamIdle: TIMEOUT_MS
} as const

export class WorkerHost implements ConversationHost {
  readonly patienceMs = PATIENCE_MS
  readonly port: number
  readonly #running: ThreadPool
  readonly #options = planeOptions({
    timeoutsMs: { ...ROUTE_TIMEOUTS_MS, firstByte: TIMEOUT_MS, requestHead: TIMEOUT_MS, keepAliveIdle: TIMEOUT_MS, upstreamIdle: 1 }
  })

  #epoch = 0
  #seen = 0

  /** Use `start`. */
  constructor (port: number) {
    this.port = port
    this.#running = new ThreadPool({ count: 1, listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: false }, this.#options)
  }

  static async start (): Promise<WorkerHost> {
    const [port = 0] = await freePorts(1)
    const host = new WorkerHost(port)
    host.#running.pool.start()
    await host.route(0, false)
    await host.#running.pool.listen()
    return host
  }

  async route (originPort: number, upgrades: boolean): Promise<void> {
    this.#running.pool.sendRoutes(this.#options, [{
      name: 'test',
      match: {},
      affinity: { by: 'none', level: 'version' },
      balancing: 'least-request',
      policy: testPolicy({ upgrades: upgrades ? ['websocket'] : [] }, { timeoutsMs: ROUTE_TIMEOUTS_MS, limits: { maxBodyBytes: 0 } }),
      placement: null,
      mirror: null,
      versions: [{ name: 'v1', slot: this.#running.book.slotFor('test', 'v1') }]
    }])
    this.#running.pool.sendEndpoints('test', 'v1', [{ address: '127.0.0.1', port: originPort, ready: true, serving: true, terminating: false }])
    // Messages come in order: with this one, the others have been acted on.
    await this.#running.pool.publish({ route: 'test', epoch: ++this.#epoch, weights: { v1: 1 }, salt: '' }, APPLIED_MS)
  }

  /** Time moves by itself. */
  toNextTimeout (): boolean { return false }

  /** Connections are accepted in the order in which they come: those before this one have been when it is refused. */
  async settle (): Promise<void> {
    const probe = await RawClient.connect(this.port)
    probe.expect('GET')
    probe.send('no request\r\n\r\n')
    await probe.untilEnded()
    probe.destroy()
  }

  left (): Readonly<Record<string, number>> {
    const { connectionsOpen, upstreamOpen, upstreamIdle } = this.#running.book.readWorker(0)
    return { connectionsOpen, upstreamOpen, upstreamIdle, inFlight: this.#running.book.read('test', 'v1')?.inFlight ?? 0 }
  }

  takeDefects (): readonly string[] {
    const errors = this.#running.log.lines.filter(({ level }) => level === 'error').map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`)
    const defects = errors.slice(this.#seen)
    this.#seen = errors.length
    return this.#running.restarts > 0 ? [...defects, 'the worker died'] : defects
  }

  cut (): void {}
  async end (): Promise<void> { await this.#running.pool.stop() }
}
