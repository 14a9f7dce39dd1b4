/**
 * The endpoint as its connections know it: how to open them, and where they rest between requests.
 */
import type { Dialer } from './transport.ts'

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
