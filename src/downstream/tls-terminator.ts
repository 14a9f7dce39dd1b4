/**
 * TLS for the clients of one listener: handshakes, certificates chosen by name, client certificates, session tickets.
 *
 * node:tls does the work in a server that never listens: it is given the connections that the listener has accepted. This
 * file loads node:tls, so it is loaded only where a listener speaks TLS.
 */
import { constants, createHash, type X509Certificate } from 'node:crypto'
import type net from 'node:net'
import tls from 'node:tls'
import { createRecordBuffer, TlsStream } from '../net/tls-stream.ts'
import { CLOSED, WORKER } from '../telemetry/counter-layout.ts'
import { CertificateChoice, certificateSubject } from './certificate-choice.ts'
import type { ClientFacts, DownstreamContext } from './downstream-context.ts'
import { count } from '../exchange/finish.ts'
import type { TlsCertificate, TlsMaterial } from '../contract/listener-spec.ts'
import { serverContextOptions } from '../net/server-context.ts'
import type { ByteStream, ByteStreamHandler } from '../net/byte-stream.ts'
import type { Deadlined } from '../net/deadlines.ts'

/**
 * One handshake of a client: it ends with a secure connection, or in time.
 */

/** While the worker drains, handshakes that are under way may go on for so long. */
const DRAIN_HANDSHAKE_MS = 500

/** Who waits for the handshake. One of the two is called, once. */
export interface HandshakeEvents {
  /** The connection is secure. `open` makes it a stream; it has to be called at once. */
  secured (client: ClientFacts, open: (handler: ByteStreamHandler) => ByteStream): void
  /** The connection is gone. */
  failed (): void
}

export class TlsHandshake implements Deadlined {
  deadlineMs: number
  deadlineIndex = -1
  readonly transport: net.Socket
  /** What is known of the client without TLS. */
  readonly client: ClientFacts
  readonly events: HandshakeEvents
  readonly #context: DownstreamContext
  readonly #untilMs: number
  #over = false

  constructor (context: DownstreamContext, transport: net.Socket, client: ClientFacts, events: HandshakeEvents) {
    this.#context = context
    this.transport = transport
    this.client = client
    this.events = events
    const { firstByte, tlsHandshake } = context.settings.timeoutsMs
    const nowMs = context.clock.nowMs()
    this.#untilMs = nowMs + tlsHandshake
    this.deadlineMs = nowMs + Math.min(firstByte, tlsHandshake)
    context.deadlines.add(this)
    // After 'error' comes 'close'.
    transport.on('error', () => {})
    transport.once('close', () => { if (this.end()) events.failed() })
  }

  /** The handshake is over, in one way or the other. @returns was it not before? */
  end (): boolean {
    if (this.#over) return false
    this.#over = true
    this.#context.deadlines.remove(this)
    return true
  }

  onDeadline (): void {
    const silent = this.transport.bytesRead === 0
    if (!silent && this.#context.clock.nowMs() < this.#untilMs) {
      this.deadlineMs = this.#untilMs
      return
    }
    count(this.#context.page, silent ? CLOSED.first_byte_timeout : CLOSED.tls_handshake, 1)
    this.transport.destroy()
  }

  drain (): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#context.clock.nowMs() + DRAIN_HANDSHAKE_MS)
  }
}

/** What is spoken inside. The place for `h2`, with a choice by TLSSocket.alpnProtocol in #onSecure. */
const PROTOCOLS = ['http/1.1']
/** Node's own timer for handshakes must not be first: deadlines are ours. */
const NEVER_MS = 2_147_483_647
/** OpenSSL takes 32 bytes at most. */
const SESSION_CONTEXT_LENGTH = 32

export class TlsTerminator {
  readonly #context: DownstreamContext
  readonly #listener: string
  readonly #server: tls.Server
  readonly #record = createRecordBuffer()
  /** By the address of the client, until the handshake is over: the server tells of nothing else that is known outside. */
  readonly #handshakes = new Map<string, TlsHandshake>()
  #material: TlsMaterial
  #choice: CertificateChoice
  #ticketKeys: Buffer
  /** Contexts that were asked for. Few of many certificates may ever be. */
  #contexts = new Map<TlsCertificate, tls.SecureContext>()

  /**
   * @param listener its name
   * @throws Error when a certificate can't be used
   */
  constructor (context: DownstreamContext, listener: string, material: TlsMaterial, ticketKeys: Uint8Array) {
    this.#context = context
    this.#listener = listener
    this.#material = material
    this.#choice = new CertificateChoice(material.certificates)
    this.#ticketKeys = Buffer.from(ticketKeys)
    const { clientCertificates } = material
    this.#server = tls.createServer({
      ...this.#defaultOptions(),
      ALPNProtocols: PROTOCOLS,
      handshakeTimeout: NEVER_MS,
      SNICallback: (name, done) => { this.#onServerName(name, done) },
      requestCert: clientCertificates !== undefined,
      rejectUnauthorized: clientCertificates?.required === true
    })
    this.#server.on('secureConnection', socket => { this.#onSecure(socket) })
    this.#server.on('tlsClientError', (error, socket) => { this.#onClientError(error, socket) })
  }

  /**
   * Uses other certificates for handshakes that begin from now on. Whether clients are asked for certificates stays as it was.
   * @throws Error when a certificate can't be used; then everything stays as it was
   */
  use (material: TlsMaterial): void {
    const before = this.#material
    this.#material = material
    try {
      this.#server.setSecureContext(this.#defaultOptions())
    } catch (error) {
      this.#material = before
      throw error
    }
    this.#choice = new CertificateChoice(material.certificates)
    this.#contexts = new Map()
  }

  /** Uses other keys for session tickets. What clients hold under the old ones is worth nothing from then on. */
  useTicketKeys (ticketKeys: Uint8Array): void {
    this.#ticketKeys = Buffer.from(ticketKeys)
    this.#server.setTicketKeys(this.#ticketKeys)
  }

  #defaultOptions (): tls.SecureContextOptions & tls.TlsOptions {
    const [first] = this.#material.certificates
    if (first === undefined) throw new RangeError(`the listener "${this.#listener}" has no certificate`)
    return { ...this.#contextOptions(first), ticketKeys: this.#ticketKeys }
  }

  #contextOptions (certificate: TlsCertificate): tls.SecureContextOptions {
    return {
      ...serverContextOptions(certificate, this.#material.minVersion),
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: this.#sessionContext(),
      ...(this.#material.clientCertificates === undefined ? {} : { ca: this.#material.clientCertificates.ca })
    }
  }

  /**
   * A session is resumed only where it was made: on this listener, under the same authorities for clients. A resumed client
   * is not asked for its certificate again.
   */
  #sessionContext (): string {
    const { clientCertificates } = this.#material
    const text = JSON.stringify([this.#listener, clientCertificates?.ca ?? null, clientCertificates?.required ?? null])
    return createHash('sha256').update(text).digest('hex').slice(0, SESSION_CONTEXT_LENGTH)
  }

  #onServerName (name: string, done: (error: Error | null, context?: tls.SecureContext) => void): void {
    const certificate = this.#choice.choose(name)
    // Without a context the server uses the one of the first certificate.
    if (certificate === undefined || certificate === this.#material.certificates[0]) return done(null)
    try {
      let context = this.#contexts.get(certificate)
      if (context === undefined) {
        context = tls.createSecureContext(this.#contextOptions(certificate))
        this.#contexts.set(certificate, context)
      }
      done(null, context)
    } catch (error) {
      // The control plane has made the same context before.
      this.#context.reportDefect(error)
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Begins the handshake on an accepted connection. What was read of it already has to be back in its buffer. */
  accept (transport: net.Socket, client: ClientFacts, events: HandshakeEvents): void {
    const handshake = new TlsHandshake(this.#context, transport, client, events)
    const key = peerKey(transport)
    this.#handshakes.set(key, handshake)
    transport.once('close', () => { if (this.#handshakes.get(key) === handshake) this.#handshakes.delete(key) })
    // An end in mid-handshake is the end of the connection. The secure socket takes the setting over.
    transport.allowHalfOpen = false
    this.#server.emit('connection', transport)
  }

  #onSecure (secure: tls.TLSSocket): void {
    const key = peerKey(secure)
    const handshake = this.#handshakes.get(key)
    if (handshake === undefined) {
      // Gone meanwhile.
      secure.destroy()
      return
    }
    this.#handshakes.delete(key)
    secure.on('error', () => {})
    const subject = this.#subjectOf(secure)
    if (subject === null) {
      count(this.#context.page, CLOSED.tls_handshake, 1)
      secure.destroy()
      return
    }
    if (!handshake.end()) return
    const { page, sharedBuffer, io } = this.#context
    count(page, WORKER.tlsHandshakes, 1)
    if (secure.isSessionReused()) count(page, WORKER.tlsResumed, 1)
    const { transport, client, events } = handshake
    transport.allowHalfOpen = true
    secure.allowHalfOpen = true
    const facts = { ...client, secure: true, certificateSubject: subject }
    events.secured(facts, handler => TlsStream.accept({ secure, transport, record: this.#record, io: io.tls }, handler, sharedBuffer))
  }

  /** @returns the subject of the verified certificate; undefined when there is none and none is needed; null to refuse */
  #subjectOf (secure: tls.TLSSocket): string | undefined | null {
    const { clientCertificates } = this.#material
    if (clientCertificates === undefined) return undefined
    const certificate = secure.getPeerX509Certificate()
    if (certificate === undefined) return clientCertificates.required ? null : undefined
    // `authorized` of a resumed session is what it was when the session was made.
    if (!secure.authorized || !this.#isTimely(certificate)) return null
    return certificateSubject(certificate) ?? null
  }

  #isTimely ({ validFromDate, validToDate }: X509Certificate): boolean {
    const now = this.#context.clock.wallMs()
    return validFromDate.getTime() <= now && now <= validToDate.getTime()
  }

  #onClientError (error: NodeJS.ErrnoException, secure: tls.TLSSocket): void {
    // A client that only went away is not counted: those are also port scans and health checks.
    const left = error.code === 'ECONNRESET' && !isRefusedCertificate(secure)
    if (!left) count(this.#context.page, CLOSED.tls_handshake, 1)
    secure.destroy()
  }
}

/** With `rejectUnauthorized` Node closes on a certificate that does not verify, and says so only here. */
function isRefusedCertificate (secure: tls.TLSSocket): boolean {
  const reason: unknown = secure.authorizationError
  return reason !== undefined && reason !== null
}

/** What tells a connection from all others of the listener that are open. */
function peerKey ({ remoteAddress, remotePort, localAddress }: net.Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''}`
}
