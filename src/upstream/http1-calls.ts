/**
 * The connections of HTTP/1.1 to one endpoint: one call at a time each, and where they rest in between.
 */
import { WORKER } from '../telemetry/counter-layout.ts'
import type { CalledEndpoint, ConnectionHome, Dialer } from './transport.ts'
import { type EndpointCalls, LOGIN } from './upstream-call.ts'
import { UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamContext } from './upstream-context.ts'
import { isLoopback } from '../core/socket-address.ts'

export class Http1Calls implements EndpointCalls, ConnectionHome<UpstreamConnection> {
  readonly endpoint: CalledEndpoint
  readonly dialer: Dialer
  readonly segmentBytes: number
  readonly #context: UpstreamContext
  /** Idle connections; the warmest is last and is used first, so that the others can time out. */
  readonly #idle: UpstreamConnection[] = []
  /** Idle connections that clients have to themselves. */
  readonly #own = new Set<UpstreamConnection>()
  readonly #tunnels = new Set<UpstreamConnection>()
  #retired = false

  constructor (endpoint: CalledEndpoint, dialer: Dialer, context: UpstreamContext) {
    this.endpoint = endpoint
    this.dialer = dialer
    this.segmentBytes = oneSegmentBytes(endpoint.address)
    this.#context = context
  }

  get key (): string { return this.endpoint.key }
  get hasIdle (): boolean { return this.#idle.length > 0 }

  opening (): void {
    this.endpoint.open++
    this.endpoint.connecting++
    this.#count(WORKER.upstreamOpen, 1)
  }

  opened (): void { this.endpoint.connecting-- }

  closed (): void {
    this.endpoint.open--
    this.#count(WORKER.upstreamOpen, -1)
  }

  tunnelChanged (connection: UpstreamConnection, open: boolean): void {
    if (open) this.#tunnels.add(connection)
    else this.#tunnels.delete(connection)
    if (open && this.#retired) connection.endTunnelAfter(this.#context.timeoutsMs.tunnelGrace)
  }

  takeIdle (): UpstreamConnection | null {
    const connection = this.#idle.pop()
    if (connection === undefined) return null
    const { page } = this.#context
    page[WORKER.upstreamIdle] = (page[WORKER.upstreamIdle] ?? 0) - 1
    return connection
  }

  open (timeoutMs = this.#context.timeoutsMs.upstreamConnect): UpstreamConnection {
    return new UpstreamConnection(this, this.#context, timeoutMs)
  }

  park (connection: UpstreamConnection): boolean {
    // What somebody may be logged in on is no connection for others.
    if (connection.login !== LOGIN.none || this.#retired || this.#idle.length >= this.#context.maxIdleUpstream) return false
    this.#idle.push(connection)
    const { page } = this.#context
    page[WORKER.upstreamIdle] = (page[WORKER.upstreamIdle] ?? 0) + 1
    return true
  }

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

  retire (): void {
    this.#retired = true
    for (const connection of [...this.#idle, ...this.#own]) connection.cancel()
    for (const connection of this.#tunnels) connection.endTunnelAfter(this.#context.timeoutsMs.tunnelGrace)
  }

  #count (index: number, change: number): void {
    const { page } = this.#context
    page[index] = (page[index] ?? 0) + change
  }
}

/** What is left of the smallest packet that every IPv6 path carries (RFC 8200 section 5), without headers and TCP options. */
const SMALLEST_BYTES = 1_200
/** The loopback interface has packets of 64 KiB; Linux keeps a segment to half of the window, which begins with as much. */
const LOOPBACK_BYTES = 16_384

/** How many bytes that are written at once reach an address in one piece: all of them, or none. */
export function oneSegmentBytes (address: string): number {
  return isLoopback(address) ? LOOPBACK_BYTES : SMALLEST_BYTES
}
