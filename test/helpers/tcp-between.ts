import { once } from 'node:events'
import net from 'node:net'

/** What is between a client and a server: it takes the client's connection and opens one to the server for it. */
export abstract class TcpBetween {
  readonly #target: number
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  constructor (target: number) {
    this.#target = target
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, near => {
      const far = net.connect({ host: '127.0.0.1', port: this.#target, noDelay: true, allowHalfOpen: true })
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('close', () => { this.#sockets.delete(socket) })
      }
      this.join(near, far)
    })
  }

  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async close (): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }

  /** Both ends of all connections that are open. */
  protected get sockets (): ReadonlySet<net.Socket> { return this.#sockets }

  protected async listen (): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** Passes on what one end says to the other. */
  protected abstract join (near: net.Socket, far: net.Socket): void
}
