/**
 * How the endpoints of a version are reached: the port between connections and what they run over.
 */
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../net/byte-stream.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { EndpointCalls } from './upstream-call.ts'

/** Where to connect to. */
export interface DialTarget {
  readonly address: string
  readonly port: number
}

/** Opens connections to one endpoint. It lives as long as the endpoint's pool, and may learn from one connection for the next. */
export interface Dialer {
  /** Opens a connection; `onConnect` is called when it can be written to, the handler's onEnd or onClose when it could not be made. */
  dial (handler: ByteStreamHandler, buffer: ReadBuffer, onConnect: () => void): ByteStream
  /** Takes note that a connection could not be made, for the reason that its handler was told. @returns the code of that */
  failed (reason: string): ProxyErrorCode
}

/** An endpoint as its calls know it. They keep count of its connections. */
export interface CalledEndpoint extends DialTarget {
  /** `address:port`, as in logs. */
  readonly key: string
  /** Connections open or being opened, and those being opened. */
  open: number
  connecting: number
}

/** The way to all endpoints of a version: by which protocol, and over what. */
export interface Transport {
  /** Connections are shared only by versions with equal ones: they trust the same peers for the same reasons. */
  readonly identity: string
  /** The calls to an endpoint; asked once for each. */
  callsTo (endpoint: CalledEndpoint): EndpointCalls
}

/**
 * The endpoint as its connections know it: how to open them, and where they rest between requests.
 */

export interface ConnectionHome<Connection> {
  /** `address:port`, as in logs. */
  readonly key: string
  readonly dialer: Dialer
  /** A request of so many bytes arrives in one piece, or not at all. */
  readonly segmentBytes: number
  /** A connection is being opened; it is no longer; it is gone. */
  opening (): void
  opened (): void
  closed (): void
  /** A connection has become a tunnel, or a tunnel has ended. */
  tunnelChanged (connection: Connection, open: boolean): void
  /** Keeps an idle connection, until its deadline; false when there is no place for it. */
  park (connection: Connection): boolean
  /** Forgets an idle connection that has ended. */
  unpark (connection: Connection): void
}
