import type net from 'node:net'
import { TcpBetween } from './tcp-between.ts'

/** Somebody in between, who sees bytes and may end or hold a connection, but has no key. */
export class TcpRelay extends TcpBetween {
  /** Connections that were accepted. */
  accepted = 0
  /** Bytes that went from the far end to the near one, over all connections. */
  bytesBack = 0
  readonly #near = new Set<net.Socket>()
  readonly #far = new Set<net.Socket>()

  static async start (target: number): Promise<TcpRelay> {
    return await new TcpRelay(target).listen()
  }

  protected override join (near: net.Socket, far: net.Socket): void {
    this.accepted++
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
}
