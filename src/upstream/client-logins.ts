/**
 * The connections to endpoints that belong to one client connection alone, because NTLM, Negotiate and the like log in a TCP connection:
 * whoever gets it next would be served as that user.
 *
 * Such a connection is never pooled, a request on it never goes to another one, and it ends with its client's. When a client has sent
 * credentials, the way back holds too: with the endpoint's connection the login is gone, and only the end of its own tells the client so.
 */
import type { Split } from '../routing/split.ts'
import { CLOSED } from '../telemetry/counter-layout.ts'
import type { ConnectionHome, Dialer } from './transport.ts'
import type { EndpointPool } from './endpoint-pools.ts'
import { Http1Calls } from './http1-calls.ts'
import { LOGIN, type UpstreamCall } from './upstream-call.ts'
import { UpstreamConnection } from './upstream-connection.ts'
import type { VersionPool } from './version-pool.ts'

/** A version that somebody may log in to. */
export interface LoginVersion {
  readonly name: string
  readonly pool: VersionPool
}

/** The route of a request, with its versions. */
export interface LoginRoute<Version extends LoginVersion> {
  readonly name: string
  readonly versions: readonly Version[]
  readonly split: Split
}

/** More endpoints than this nobody logs in to on one connection: the oldest connection has to go. */
const MAX_OWN = 8

/** Where a client that has logged in goes on. */
export interface Login<Version extends LoginVersion> {
  readonly version: Version
  readonly endpoint: EndpointPool
  /** Takes the connection for a request. */
  take (): UpstreamCall
}

export class ClientLogins {
  /** A login has ended with its connection: the client's connection has to end too. */
  ended = false
  /** There are connections of the client's own. */
  any = false
  readonly #onEnded: () => void
  readonly #page: Float64Array
  #own: OwnConnection[] = []

  /**
   * @param onEnded a login has ended with its connection
   * @param page the worker page of the shared counters
   */
  constructor (onEnded: () => void, page: Float64Array) {
    this.#onEnded = onEnded
    this.#page = page
  }

  /** Where the client has logged in for the route: its version and its connection, whatever the weights and the sticky key say. */
  resume<Version extends LoginVersion> (route: LoginRoute<Version>): Login<Version> | null {
    const own = this.#own.find(({ versions }) => versions.has(route.name))
    if (own === undefined) return null
    const version = route.versions.find(({ name }) => name === own.versions.get(route.name))
    const endpoint = version?.pool.member(own.key, own.calls)
    if (version !== undefined && endpoint !== undefined) return { version, endpoint, take: () => own.take() }
    // The version is not the route's any more, or the endpoint not the version's.
    own.connection.cancel()
    return null
  }

  /** The idle connection that the client has to an endpoint, or null. */
  connectionTo (endpoint: EndpointPool): UpstreamCall | null {
    return this.#own.find(own => own.calls === endpoint.calls)?.take() ?? null
  }

  /** Makes a connection whose answer is complete the client's own, if somebody may be logged in on it; to be called before its release. */
  keep (connection: UpstreamCall, route: { readonly name: string } | null, version: LoginVersion | null): void {
    if (connection.login === LOGIN.none || !(connection instanceof UpstreamConnection)) return
    const own = this.#ownOf(connection)
    if (own !== null && connection.login === LOGIN.sent && route !== null && version !== null) own.versions.set(route.name, version.name)
  }

  #ownOf (connection: UpstreamConnection): OwnConnection | null {
    const { home } = connection
    if (home instanceof OwnConnection) return home
    if (!(home instanceof Http1Calls)) return null
    const own = new OwnConnection(connection, home, ended => { this.#connectionEnded(ended) })
    this.any = true
    if (this.#own.push(own) > MAX_OWN) this.#own[0]?.connection.cancel()
    return own
  }

  #connectionEnded (own: OwnConnection): void {
    this.#own = this.#own.filter(other => other !== own)
    if (own.connection.login !== LOGIN.sent || this.ended) return
    this.ended = true
    this.#page[CLOSED.login_ended] = (this.#page[CLOSED.login_ended] ?? 0) + 1
    this.#onEnded()
  }

  /**
   * May the client's connection stay open behind the answer that begins on `connection`? Not when a login ends with it; and not when the
   * version has lost its weight: the client has to log in where it belongs.
   */
  mayStay<Version extends LoginVersion> (
    connection: UpstreamCall | null, route: LoginRoute<Version> | null, version: Version | null
  ): boolean {
    if (this.ended) return false
    if (connection?.login !== LOGIN.sent || !(connection instanceof UpstreamConnection)) return true
    if (!connection.keep) return false
    const { home } = connection
    if (!(home instanceof OwnConnection) || route === null || version === null) return true
    return version.pool.member(home.key, home.calls) !== undefined && route.split.weightOf(route.versions.indexOf(version)) > 0
  }

  /** The client has gone, or there will be no more answers for it. */
  end (): void {
    const own = this.#own
    this.#own = []
    this.ended = true
    for (const { connection } of own) connection.cancel()
  }
}

/** Must a request on the connection not go to another one? A login does not either, and a part of one is worth nothing elsewhere. */
export function isOnce (call: UpstreamCall): boolean {
  return call.login !== LOGIN.none && (call.sent || (call instanceof UpstreamConnection && call.home instanceof OwnConnection))
}

/** One connection of a client's own, which rests here and not in the pool of its endpoint. */
class OwnConnection implements ConnectionHome<UpstreamConnection> {
  readonly connection: UpstreamConnection
  readonly calls: Http1Calls
  /** By route, the version that the client has logged in to. */
  readonly versions = new Map<string, string>()
  readonly #onEnded: (own: OwnConnection) => void

  constructor (connection: UpstreamConnection, calls: Http1Calls, onEnded: (own: OwnConnection) => void) {
    this.connection = connection
    this.calls = calls
    this.#onEnded = onEnded
    connection.home = this
  }

  get key (): string { return this.calls.key }
  get dialer (): Dialer { return this.calls.dialer }
  get segmentBytes (): number { return this.calls.segmentBytes }

  take (): UpstreamConnection {
    this.calls.noLongerApart(this.connection)
    return this.connection
  }

  /** As long as a login may be worth something, the client and the endpoint say how long it lasts. */
  park (connection: UpstreamConnection): boolean {
    if (!this.calls.keepApart(connection)) return false
    if (connection.login === LOGIN.sent) connection.deadlineMs = 0
    return true
  }

  unpark (connection: UpstreamConnection): void { this.calls.noLongerApart(connection) }
  opening (): void { this.calls.opening() }
  opened (): void { this.calls.opened() }
  tunnelChanged (connection: UpstreamConnection, open: boolean): void { this.calls.tunnelChanged(connection, open) }

  closed (): void {
    this.calls.closed()
    this.#onEnded(this)
  }
}
