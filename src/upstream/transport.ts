/**
 * How the endpoints of a version are reached: the port between connections and what they run over.
 */
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../core/byte-stream.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'

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

/** The way to all endpoints of a version. */
export interface Transport {
  /** Connections are shared only by versions with equal ones: they trust the same peers for the same reasons. */
  readonly identity: string
  dialerTo (target: DialTarget): Dialer
}

/** Certificates of authorities. One object for each file: many versions may name it, and a message carries it once. */
export interface Authorities {
  /** SHA-256 of `pem`. */
  readonly digest: string
  readonly pem: string
}

/** TLS to the endpoints of a version. */
export interface UpstreamTls {
  /** Who signs the certificates of the endpoints; those that Node ships with by default. */
  readonly ca?: Authorities
  /** The name sent by SNI and looked for in the certificate; without it the certificate has to name the endpoint's IP address. */
  readonly serverName?: string
  /** Is a certificate that does not verify refused? */
  readonly verify: boolean
}
