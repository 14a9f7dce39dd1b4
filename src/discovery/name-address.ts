/** An address of a name. */
export interface NameAddress {
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
  /** How long it holds, in seconds, as the server says. */
  readonly ttlS: number
}
