/**
 * An address and port that accepts client connections, in one worker.
 */
import net from 'node:net'
import { TcpStream } from '../core/tcp-stream.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { DataPlane } from './data-plane.ts'
import { DownstreamHttp1 } from './downstream-http1.ts'
import { count } from './finish.ts'
import { Forwarding } from './forwarding.ts'

const BACKLOG = 4_096

export class Listener {
  readonly #plane: DataPlane
  readonly #server: net.Server

  constructor (plane: DataPlane) {
    this.#plane = plane
    this.#server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, socket => { this.#accept(socket) })
  }

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
        // EMFILE and the like while accepting: the connection is lost, the listener is not.
        this.#server.on('error', () => { count(this.#plane.page, WORKER.connectionsRefused, 1) })
        resolve()
      })
    })
  }

  /** The port that is open; for tests that asked for any. */
  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Accepts no more. */
  close (): void {
    this.#server.close()
  }

  #accept (socket: net.Socket): void {
    const plane = this.#plane
    const { maxConnections } = plane.settings.limits
    if (maxConnections > 0 && (plane.page[WORKER.connectionsOpen] ?? 0) >= maxConnections) {
      count(plane.page, WORKER.connectionsRefused, 1)
      socket.destroy()
      return
    }
    const peer = socket.remoteAddress
    if (peer === undefined) {
      // Gone before it was accepted.
      socket.destroy()
      return
    }
    const connection = new DownstreamHttp1(plane, new Forwarding(peer, plane.trustedProxies))
    connection.start(TcpStream.accept(socket, connection, plane.sharedBuffer))
  }
}
