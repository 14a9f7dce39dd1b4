/**
 * What is known of a client from its connection alone.
 */
export interface ClientFacts {
  /** The address of the peer, or the one that a trusted load balancer has named in its PROXY header. */
  readonly address: string
  /** The connection is a TLS connection. */
  readonly secure: boolean
  /** The subject of the client's verified certificate, ready for a header field; undefined without one. */
  readonly certificateSubject: string | undefined
}
