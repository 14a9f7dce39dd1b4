/**
 * One endpoint as a worker uses it: its idle connections and the number of requests in flight. It lives as long as any
 * version of any route names the address and reaches it in the same way, whatever is reloaded meanwhile.
 */
import type { Candidate } from '../balancing/balancer.ts'
import { endpointKey } from '../core/endpoint.ts'
import { hashString } from '../core/hash.ts'
import { EndpointHealth } from '../health/endpoint-health.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { ConnectionHome } from './connection-home.ts'
import { LOGIN } from './login.ts'
import { oneSegmentBytes } from './one-segment.ts'
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
  readonly segmentBytes: number
  readonly hash: number
  inFlight = 0
  /** Of these, requests that came while it was on trial. */
  trials = 0
  /** Connections open or being opened, and those being opened. */
  open = 0
  connecting = 0
  /** What this worker knows of the endpoint's health; it survives reloads and updates of the endpoints. */
  readonly health: EndpointHealth
  available = true
  readonly #context: UpstreamContext
  /** Idle connections; the warmest is last and is used first, so that the others can time out. */
  readonly #idle: UpstreamConnection[] = []
  /** Idle connections that clients have to themselves. */
  readonly #own = new Set<UpstreamConnection>()
  readonly #tunnels = new Set<UpstreamConnection>()
  #retired = false

  constructor (target: DialTarget, transport: Transport, context: UpstreamContext) {
    const key = endpointKey(target)
    this.key = key
    this.transport = transport
    this.address = target.address
    this.port = target.port
    this.dialer = transport.dialerTo(target)
    this.segmentBytes = oneSegmentBytes(target.address)
    this.hash = hashString(key)
    this.health = new EndpointHealth(key)
    this.#context = context
  }

  get hasIdle (): boolean { return this.#idle.length > 0 }

  /** A connection is being opened. */
  opening (): void {
    this.open++
    this.connecting++
    this.#count(WORKER.upstreamOpen, 1)
  }

  /** It is no longer being opened. */
  opened (): void { this.connecting-- }

  closed (): void {
    this.open--
    this.#count(WORKER.upstreamOpen, -1)
  }

  /** A connection has become a tunnel, or a tunnel has ended. */
  tunnelChanged (connection: UpstreamConnection, open: boolean): void {
    if (open) this.#tunnels.add(connection)
    else this.#tunnels.delete(connection)
    if (open && this.#retired) connection.endTunnelAfter(this.#context.timeoutsMs.tunnelGrace)
  }

  /** An idle connection, or null. */
  takeIdle (): UpstreamConnection | null {
    const connection = this.#idle.pop()
    if (connection === undefined) return null
    this.#count(WORKER.upstreamIdle, -1)
    return connection
  }

  /** Opens a connection. @param timeoutMs how long that may take; what holds for all routes by default */
  connect (timeoutMs = this.#context.timeoutsMs.upstreamConnect): UpstreamConnection {
    return new UpstreamConnection(this, this.#context, timeoutMs)
  }

  /** Keeps an idle connection; false when there is no place for it. */
  park (connection: UpstreamConnection): boolean {
    // What somebody may be logged in on is no connection for others.
    if (connection.login !== LOGIN.none || this.#retired || this.#idle.length >= this.#context.maxIdleUpstream) return false
    this.#idle.push(connection)
    this.#count(WORKER.upstreamIdle, 1)
    return true
  }

  /** Forgets an idle connection that has ended. */
  unpark (connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index < 0) return
    this.#idle.splice(index, 1)
    this.#count(WORKER.upstreamIdle, -1)
  }

  /** An idle connection is kept for one client alone; false when the endpoint is not used any more. */
  keepApart (connection: UpstreamConnection): boolean {
    if (this.#retired) return false
    this.#own.add(connection)
    this.#count(WORKER.upstreamIdle, 1)
    return true
  }

  /** It is used again, or has ended. */
  noLongerApart (connection: UpstreamConnection): void {
    if (this.#own.delete(connection)) this.#count(WORKER.upstreamIdle, -1)
  }

  /** Nobody names the endpoint any more: idle connections end now, those in use after their answer, tunnels after a while. */
  retire (): void {
    this.#retired = true
    for (const connection of [...this.#idle, ...this.#own]) connection.destroy()
    for (const connection of this.#tunnels) connection.endTunnelAfter(this.#context.timeoutsMs.tunnelGrace)
  }

  #count (index: number, change: number): void {
    const { page } = this.#context
    page[index] = (page[index] ?? 0) + change
  }
}
