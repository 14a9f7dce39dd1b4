/**
 * TLS to the endpoints of a version. Loading this file loads node:tls: workers do so when the first version asks for it.
 */
import tls from 'node:tls'
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../net/byte-stream.ts'
import { isLocalShortage } from '../net/open-files.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { createRecordBuffer, TlsStream } from '../net/tls-stream.ts'
import { Http1Calls } from './http1-calls.ts'
import type { CalledEndpoint, Dialer, DialTarget, Transport } from './transport.ts'
import type { UpstreamContext } from './upstream-context.ts'
import type { Authorities, UpstreamTls } from '../contract/route-spec.ts'

/**
 * How long a session is offered again. A resumed session is not verified anew, so this is how long the connections of a
 * worker may go on trusting a certificate after it has expired.
 */
export const SESSION_LIFE_MS = 600_000
/** What TCP reports of a connection that was not made. Anything else comes from the handshake, an end or a reset in it as well. */
const CONNECT_ERRORS = /^E(?!CONNRESET$|PIPE$|PROTO$)[A-Z]+$/

/**
 * What verifies certificates: TLS 1.2 at least. Authorities that are not self-signed are trusted as they are, because
 * whoever names an intermediate means it.
 * @param ca undefined takes the authorities that Node ships with
 * @throws Error when `ca` is not PEM
 */
export function createClientContext (ca: Authorities | undefined): tls.SecureContext {
  return tls.createSecureContext({ minVersion: 'TLSv1.2', allowPartialTrustChain: true, ...(ca === undefined ? {} : { ca: ca.pem }) })
}

/** Tells apart what must not share connections: other authorities, another name, another strictness. */
export function tlsIdentity ({ ca, serverName, verify }: UpstreamTls): string {
  return JSON.stringify([ca?.digest ?? null, serverName ?? null, verify])
}

export class TlsTransport implements Transport {
  readonly identity: string
  readonly #settings: UpstreamTls
  readonly #secureContext: tls.SecureContext
  readonly #context: UpstreamContext
  readonly #record = createRecordBuffer()

  /** @param secureContext made of the authorities of `settings`; many transports may share one */
  constructor (settings: UpstreamTls, secureContext: tls.SecureContext, context: UpstreamContext) {
    this.identity = tlsIdentity(settings)
    this.#settings = settings
    this.#secureContext = secureContext
    this.#context = context
  }

  callsTo (endpoint: CalledEndpoint): Http1Calls {
    return new Http1Calls(endpoint, this.dialerTo(endpoint), this.#context)
  }

  dialerTo (target: DialTarget): Dialer {
    const { serverName, verify } = this.#settings
    return new TlsDialer(target, {
      secureContext: this.#secureContext,
      rejectUnauthorized: verify,
      ALPNProtocols: ['http/1.1'],
      // RFC 6066 section 3: an address is not sent by SNI.
      ...(serverName === undefined ? {} : { servername: serverName })
    }, this.#context, this.#record)
  }
}

type DialOptions = Pick<Parameters<typeof TlsStream.connect>[0]['tls'], 'secureContext' | 'rejectUnauthorized' |
  'ALPNProtocols' | 'servername'>

/** Keeps the endpoint's latest session, so that the next handshake is a short one. */
class TlsDialer implements Dialer {
  readonly #target: DialTarget
  readonly #options: DialOptions
  readonly #context: UpstreamContext
  readonly #record: Buffer
  #session: Buffer | undefined
  #sessionMs = 0
  readonly #keepSession = (session: Buffer): void => {
    this.#session = session
    this.#sessionMs = this.#context.clock.nowMs()
  }

  constructor (target: DialTarget, options: DialOptions, context: UpstreamContext, record: Buffer) {
    this.#target = target
    this.#options = options
    this.#context = context
    this.#record = record
  }

  dial (handler: ByteStreamHandler, buffer: ReadBuffer, onConnect: () => void): ByteStream {
    const { address, port } = this.#target
    const { clock, io } = this.#context
    if (clock.nowMs() - this.#sessionMs > SESSION_LIFE_MS) this.#session = undefined
    const session = this.#session === undefined ? {} : { session: this.#session }
    const target = {
      address, port, record: this.#record, io: io.tls, tls: { ...this.#options, ...session, onSession: this.#keepSession }
    }
    return TlsStream.connect(target, handler, buffer, onConnect)
  }

  failed (reason: string): ProxyErrorCode {
    if (isLocalShortage(reason)) return 'connections_exhausted'
    // The session may have been the reason.
    this.#session = undefined
    return CONNECT_ERRORS.test(reason) ? 'upstream_connect_failed' : 'upstream_tls_failed'
  }
}
