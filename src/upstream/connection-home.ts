/**
 * The endpoint as its connections know it: where to dial, and where they rest between requests.
 */
export interface ConnectionHome<Connection> {
  /** `address:port`, as in logs. */
  readonly key: string
  readonly address: string
  readonly port: number
  /** Keeps an idle connection; false when there is no place for it. */
  park (connection: Connection): boolean
  /** Forgets an idle connection that has ended. */
  unpark (connection: Connection): void
}
