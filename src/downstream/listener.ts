/**
 * An address and port that accepts client connections, in one worker.
 */
import net from 'node:net'
import type { ByteStream, ByteStreamHandler } from '../net/byte-stream.ts'
import { parseIp } from '../core/socket-address.ts'
import { TcpStream } from '../net/tcp-stream.ts'
import { CLOSED, REFUSED } from '../telemetry/counter-layout.ts'
import type { CloseReason } from '../telemetry/counter-layout.ts'
import { Admission } from './admission.ts'
import type { ClientFacts, DownstreamContext, ListenerSettings } from './downstream-context.ts'
import type { ConnectionLedger } from './connection-ledger.ts'
import { DownstreamHttp1 } from './downstream-http1.ts'
import { count } from '../exchange/finish.ts'
import { Forwarding } from './forwarding.ts'
import { ProxyHeaderStage } from './proxy-header-stage.ts'
import type { TlsTerminator } from './tls-terminator.ts'

/** Connections that the kernel makes and keeps for Node, at most. */
const BACKLOG = 4_096

export class Listener {
  readonly #context: DownstreamContext
  readonly #ledger: ConnectionLedger
  readonly #settings: ListenerSettings
  readonly #tls: TlsTerminator | undefined
  readonly #server: net.Server
  #accepted = 0
  /** The port that is open. */
  #openPort = 0

  /** @param tls undefined on a listener without TLS */
  constructor (context: DownstreamContext, ledger: ConnectionLedger, settings: ListenerSettings, tls?: TlsTerminator) {
    this.#context = context
    this.#ledger = ledger
    this.#settings = settings
    this.#tls = tls
    this.#server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, socket => { this.#accept(socket) })
  }

  get name (): string { return this.#settings.name }

  /**
   * Opens the listener.
   * @param where `reusePort` lets several workers share the port, with the kernel spreading connections over them
   * @throws the error of listen(), such as EADDRINUSE
   */
  async listen (where: { readonly address: string, readonly port: number, readonly reusePort: boolean }): Promise<void> {
    const { address, port, reusePort } = where
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: address, port, reusePort, backlog: BACKLOG }, () => {
        this.#server.off('error', reject)
        this.#openPort = this.port
        // EMFILE and the like while accepting: the connection is lost, the listener is not.
        this.#server.on('error', () => { count(this.#context.page, REFUSED.system, 1) })
        resolve()
      })
    })
  }

  /** The port that is open; for tests that asked for any. */
  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /**
   * Accepts no more. The kernel has made connections already that Node has not taken, one in each turn of the event loop, and would reset
   * them: they are taken first. That is over when a turn brings none, or when as many have come as the kernel can have kept: then the rest
   * came later. No time bounds it, because a turn takes as long as a busy machine makes it take.
   * @returns when the listener is closed
   */
  async close (): Promise<void> {
    const first = this.#accepted
    let accepted: number
    do {
      await this.#endOfTurn()
      accepted = this.#accepted
      await this.#endOfTurn()
    } while (accepted < this.#accepted && accepted - first <= BACKLOG)
    this.#server.close()
  }

  async #endOfTurn (): Promise<void> {
    await new Promise<void>(resolve => { this.#context.afterReads(resolve) })
  }

  #accept (socket: net.Socket): void {
    this.#accepted++
    const peer = canonical(socket.remoteAddress)
    // Without a peer it was gone before it was accepted.
    const admission = peer === undefined ? undefined : Admission.open(this.#context, this.#ledger, this.#settings)
    if (peer === undefined || admission === undefined) {
      socket.destroy()
      return
    }
    if (this.#settings.proxyPeers.has(peer)) this.#readProxyHeader(socket, admission, peer)
    else this.#admitClient(socket, admission, peer)
  }

  /** The peer is a load balancer that says who the client is. */
  #readProxyHeader (socket: net.Socket, admission: Admission, peer: string): void {
    const stage = new ProxyHeaderStage(this.#context, socket, {
      onHeader: source => {
        // Without a source the load balancer speaks for itself, and nobody limits its connections.
        if (source === undefined) this.#serve(socket, admission, this.#clientAt(peer))
        else this.#admitClient(socket, admission, source)
      },
      onFailed: reason => { this.#drop(socket, admission, reason) }
    })
    stage.start()
  }

  #admitClient (socket: net.Socket, admission: Admission, address: string): void {
    if (admission.enterClient(address)) this.#serve(socket, admission, this.#clientAt(address))
    else this.#drop(socket, admission, undefined)
  }

  /** @param reason what the closing is counted as, if it is */
  #drop (socket: net.Socket, admission: Admission, reason: CloseReason | undefined): void {
    if (reason !== undefined) count(this.#context.page, CLOSED[reason], 1)
    socket.destroy()
    admission.close()
  }

  #serve (socket: net.Socket, admission: Admission, client: ClientFacts): void {
    const tls = this.#tls
    if (tls === undefined) {
      const { sharedBuffer, io } = this.#context
      return this.#serveHttp(admission, client, handler => TcpStream.accept(socket, handler, sharedBuffer, io.tcp))
    }
    tls.accept(socket, client, {
      secured: (facts, open) => { this.#serveHttp(admission, facts, open) },
      failed: () => { admission.close() }
    })
  }

  /** A client of whom nothing but its address is known. */
  #clientAt (address: string): ClientFacts {
    return { address, secure: false, certificateSubject: undefined, port: this.#openPort }
  }

  #serveHttp (admission: Admission, client: ClientFacts, open: (handler: ByteStreamHandler) => ByteStream): void {
    const context = this.#context
    const connection = new DownstreamHttp1(context, new Forwarding(client, context.trustedProxies, context.loops.name), admission)
    connection.start(open(connection))
    // It may have waited for its header or handshake.
    if (context.draining) connection.drain(false)
  }
}

/** The one spelling of a peer's address: a socket that listens on `::` names IPv4 peers `::ffff:192.0.2.1`, and adds zones. */
function canonical (address: string | undefined): string | undefined {
  return address === undefined ? undefined : parseIp(address)?.address ?? address
}
