import net from 'node:net'

/** Somebody in between, who sees bytes and may end or hold a connection, but has no key. */
export class TcpRelay {
  /** Connections that were accepted. */
  accepted = 0
  /** Bytes that went from the far end to the near one, over all connections. */
  bytesBack = 0
  readonly #target: number
  readonly #server: net.Server
  readonly #near = new Set<net.Socket>()
  readonly #far = new Set<net.Socket>()

  constructor (target: number) {
    this.#target = target
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, near => { this.#join(near) })
  }

  static async start (target: number): Promise<TcpRelay> {
    const relay = new TcpRelay(target)
    await new Promise<void>(resolve => { relay.#server.listen(0, '127.0.0.1', resolve) })
    return relay
  }

  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  #join (near: net.Socket): void {
    this.accepted++
    const far = net.connect({ host: '127.0.0.1', port: this.#target, noDelay: true, allowHalfOpen: true })
    this.#near.add(near)
    this.#far.add(far)
    far.on('data', (bytes: Buffer) => { this.bytesBack += bytes.length })
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.pipe(to)
      from.on('error', () => { to.destroy() })
      from.on('close', () => { if (from.errored !== null) to.destroy() })
    }
    near.on('close', () => { this.#near.delete(near) })
    far.on('close', () => { this.#far.delete(far) })
  }

  /** Keeps back what the far ends say from now on. */
  hold (): void {
    for (const far of this.#far) far.unpipe()
    for (const far of this.#far) far.pause()
  }

  /** Passes on what was kept back, so that it comes at once. */
  release (): void {
    const nears = [...this.#near]
    for (const [index, far] of [...this.#far].entries()) {
      const near = nears[index]
      if (near !== undefined) far.pipe(near)
    }
  }

  /** Ends what the near ends get, as anybody in between can: a FIN behind what has gone by. */
  finish (): void {
    for (const far of this.#far) far.unpipe()
    for (const near of this.#near) near.end()
  }

  async close (): Promise<void> {
    for (const socket of [...this.#near, ...this.#far]) socket.destroy()
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }
}
