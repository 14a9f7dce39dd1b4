/**
 * One endpoint as a worker uses it: its idle connections and the number of requests in flight. It lives as long as any
 * version of any route names the address and reaches it in the same way, whatever is reloaded meanwhile.
 */
import type { Candidate } from '../balancing/balancer.ts'
import { endpointKey } from '../core/endpoint.ts'
import { hashString } from '../core/hash.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { ConnectionHome } from './connection-home.ts'
import type { Dialer, DialTarget, Transport } from './transport.ts'
import { UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamContext } from './upstream-context.ts'

export class EndpointPool implements Candidate, ConnectionHome<UpstreamConnection> {
  /** `address:port`, as in logs. Endpoints that are reached in different ways may have the same. */
  readonly key: string
  readonly transport: Transport
  readonly address: string
  readonly port: number
  readonly dialer: Dialer
  readonly hash: number
  inFlight = 0
  available = true
  readonly #context: UpstreamContext
  /** Idle connections; the warmest is last and is used first, so that the others can time out. */
  readonly #idle: UpstreamConnection[] = []
  #retired = false

  constructor (target: DialTarget, transport: Transport, context: UpstreamContext) {
    const key = endpointKey(target)
    this.key = key
    this.transport = transport
    this.address = target.address
    this.port = target.port
    this.dialer = transport.dialerTo(target)
    this.hash = hashString(key)
    this.#context = context
  }

  /** An idle connection, or null. */
  takeIdle (): UpstreamConnection | null {
    const connection = this.#idle.pop()
    if (connection === undefined) return null
    this.#countIdle(-1)
    return connection
  }

  /** Opens a connection. */
  connect (): UpstreamConnection {
    return new UpstreamConnection(this, this.#context)
  }

  /** Keeps an idle connection; false when there is no place for it. */
  park (connection: UpstreamConnection): boolean {
    if (this.#retired || this.#idle.length >= this.#context.maxIdleUpstream) return false
    this.#idle.push(connection)
    this.#countIdle(1)
    return true
  }

  /** Forgets an idle connection that has ended. */
  unpark (connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index < 0) return
    this.#idle.splice(index, 1)
    this.#countIdle(-1)
  }

  /** Nobody names the endpoint any more: idle connections end now, those in use after their answer. */
  retire (): void {
    this.#retired = true
    for (const connection of [...this.#idle]) connection.destroy()
  }

  #countIdle (change: number): void {
    const { page } = this.#context
    page[WORKER.upstreamIdle] = (page[WORKER.upstreamIdle] ?? 0) + change
  }
}
