/**
 * Where a worker listens, and what a listener speaks TLS with, read and checked by the control plane.
 */

/** A listener as the configuration declares it. */
export interface ListenerSpec {
  readonly name: string
  readonly address: string
  readonly port: number
  /** The load balancers that begin with a PROXY header: addresses and CIDRs. */
  readonly proxyProtocol?: { readonly from: readonly string[] }
  /** Requests are sent to this port under https. */
  readonly redirectToHttps?: { readonly port: number }
  /** It speaks TLS, with material that comes in a message of its own. */
  readonly tls?: object
}

export interface TlsMaterial {
  /** The first is for clients that name no host, or an unknown one. */
  readonly certificates: readonly TlsCertificate[]
  readonly minVersion: '1.2' | '1.3'
  /** Whose certificates clients may show; undefined when they are not asked for one. */
  readonly clientCertificates: ClientAuthorities | undefined
}

/** A certificate with its key. */
export interface TlsCertificate {
  /** PEM; the chain behind it. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
  /** The host names it is for, in lower case; `*.example.com` stands for one label. */
  readonly names: readonly string[]
}

interface ClientAuthorities {
  /** PEM. */
  readonly ca: string
  /** Is a client without a certificate refused? One with a certificate that does not verify always is. */
  readonly required: boolean
}
