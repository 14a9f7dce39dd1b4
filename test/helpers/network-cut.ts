import net from 'node:net'

/**
 * The network between a client and a server, which can be cut: nothing goes through then, in either direction, and nobody is told; new
 * connections are made and stay silent. Mended, it passes on what was kept back.
 */
export class NetworkCut {
  readonly #target: number
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #isCut = false

  constructor (target: number) {
    this.#target = target
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, near => { this.#join(near) })
  }

  static async start (target: number): Promise<NetworkCut> {
    const cut = new NetworkCut(target)
    await new Promise<void>(resolve => { cut.#server.listen(0, '127.0.0.1', resolve) })
    return cut
  }

  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  cut (): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  mend (): void {
    this.#isCut = false
    for (const socket of this.#sockets) socket.resume()
  }

  async close (): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }

  #join (near: net.Socket): void {
    const far = net.connect({ host: '127.0.0.1', port: this.#target, noDelay: true, allowHalfOpen: true })
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.#sockets.add(from)
      if (this.#isCut) from.pause()
      from.on('data', bytes => { to.write(bytes) })
      from.on('end', () => { to.end() })
      from.on('error', () => { to.destroy() })
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
