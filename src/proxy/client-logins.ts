/**
 * The connections to endpoints that belong to one client connection alone, because NTLM, Negotiate and the like log in a TCP connection:
 * whoever gets it next would be served as that user.
 *
 * Such a connection is never pooled, a request on it never goes to another one, and it ends with its client's. When a client has sent
 * credentials, the way back holds too: with the endpoint's connection the login is gone, and only the end of its own tells the client so.
 */
import { CLOSED } from '../telemetry/counter-layout.ts'
import type { ConnectionHome } from '../upstream/connection-home.ts'
import { EndpointPool } from '../upstream/endpoint-pool.ts'
import { LOGIN } from '../upstream/login.ts'
import type { Dialer } from '../upstream/transport.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import type { Downstream } from './downstream.ts'
import { count } from './finish.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** More endpoints than this nobody logs in to on one connection: the oldest connection has to go. */
const MAX_OWN = 8

/** Where a client that has logged in goes on. */
export interface Login {
  readonly version: VersionRuntime
  readonly endpoint: EndpointPool
  /** Takes the connection for a request. */
  take (): UpstreamConnection
}

export class ClientLogins {
  /** A login has ended with its connection: the client's connection has to end too. */
  ended = false
  readonly #downstream: Pick<Downstream, 'endIdle'>
  readonly #page: Float64Array
  #own: OwnConnection[] | null = null

  /** @param page the worker page of the shared counters */
  constructor (downstream: Pick<Downstream, 'endIdle'>, page: Float64Array) {
    this.#downstream = downstream
    this.#page = page
  }

  /** Where the client has logged in for the route: its version and its connection, whatever the weights and the sticky key say. */
  resume (route: RouteRuntime): Login | null {
    const own = this.#own?.find(({ versions }) => versions.has(route.name))
    if (own === undefined) return null
    const version = route.versions.find(({ name }) => name === own.versions.get(route.name))
    if (version?.pool.has(own.endpoint) === true) return { version, endpoint: own.endpoint, take: () => own.take() }
    // The version is not the route's any more, or the endpoint not the version's.
    own.connection.destroy()
    return null
  }

  /** The idle connection that the client has to an endpoint, or null. */
  connectionTo (endpoint: EndpointPool): UpstreamConnection | null {
    if (this.#own === null) return null
    return this.#own.find(own => own.endpoint === endpoint)?.take() ?? null
  }

  /** Makes a connection whose answer is complete the client's own, if somebody may be logged in on it; to be called before its release. */
  keep (connection: UpstreamConnection, route: RouteRuntime | null, version: VersionRuntime | null): void {
    if (connection.login === LOGIN.none) return
    const own = this.#ownOf(connection)
    if (own !== null && connection.login === LOGIN.sent && route !== null && version !== null) own.versions.set(route.name, version.name)
  }

  #ownOf (connection: UpstreamConnection): OwnConnection | null {
    const { endpoint } = connection
    if (endpoint instanceof OwnConnection) return endpoint
    if (!(endpoint instanceof EndpointPool)) return null
    const own = new OwnConnection(connection, endpoint, ended => { this.#onEnded(ended) })
    const list = this.#own ??= []
    if (list.push(own) > MAX_OWN) list[0]?.connection.destroy()
    return own
  }

  #onEnded (own: OwnConnection): void {
    this.#own = this.#own?.filter(other => other !== own) ?? null
    if (own.connection.login !== LOGIN.sent || this.ended) return
    this.ended = true
    count(this.#page, CLOSED.login_ended, 1)
    this.#downstream.endIdle()
  }

  /**
   * May the client's connection stay open behind the answer that begins on `connection`? Not when a login ends with it; and not when the
   * version has lost its weight: the client has to log in where it belongs.
   */
  mayStay (connection: UpstreamConnection | null, route: RouteRuntime | null, version: VersionRuntime | null): boolean {
    if (this.ended) return false
    if (connection?.login !== LOGIN.sent) return true
    if (!connection.keep) return false
    const { endpoint } = connection
    if (!(endpoint instanceof OwnConnection) || route === null || version === null) return true
    return version.pool.has(endpoint.endpoint) && route.split.weightOf(route.versions.indexOf(version)) > 0
  }

  /** The client has gone, or there will be no more answers for it. */
  end (): void {
    const own = this.#own
    this.#own = null
    this.ended = true
    if (own !== null) for (const { connection } of own) connection.destroy()
  }
}

/** Must a request on the connection not go to another one? A login does not either, and a part of one is worth nothing elsewhere. */
export function isOnce ({ endpoint, login, sent }: UpstreamConnection): boolean {
  return endpoint instanceof OwnConnection || (login !== LOGIN.none && sent)
}

/** One connection of a client's own, which rests here and not in the pool of its endpoint. */
class OwnConnection implements ConnectionHome<UpstreamConnection> {
  readonly connection: UpstreamConnection
  readonly endpoint: EndpointPool
  /** By route, the version that the client has logged in to. */
  readonly versions = new Map<string, string>()
  readonly #onEnded: (own: OwnConnection) => void

  constructor (connection: UpstreamConnection, endpoint: EndpointPool, onEnded: (own: OwnConnection) => void) {
    this.connection = connection
    this.endpoint = endpoint
    this.#onEnded = onEnded
    connection.endpoint = this
  }

  get key (): string { return this.endpoint.key }
  get dialer (): Dialer { return this.endpoint.dialer }
  get segmentBytes (): number { return this.endpoint.segmentBytes }

  take (): UpstreamConnection {
    this.endpoint.noLongerApart(this.connection)
    return this.connection
  }

  /** As long as a login may be worth something, the client and the endpoint say how long it lasts. */
  park (connection: UpstreamConnection): boolean {
    if (!this.endpoint.keepApart(connection)) return false
    if (connection.login === LOGIN.sent) connection.deadlineMs = 0
    return true
  }

  unpark (connection: UpstreamConnection): void { this.endpoint.noLongerApart(connection) }
  opening (): void { this.endpoint.opening() }
  opened (): void { this.endpoint.opened() }
  tunnelChanged (connection: UpstreamConnection, open: boolean): void { this.endpoint.tunnelChanged(connection, open) }

  closed (): void {
    this.endpoint.closed()
    this.#onEnded(this)
  }
}
