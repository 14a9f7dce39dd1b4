import type net from 'node:net'
import { TcpBetween } from './tcp-between.ts'

/**
 * The network between a client and a server, which can be cut: nothing goes through then, in either direction, and nobody is told; new
 * connections are made and stay silent. Mended, it passes on what was kept back.
 */
export class NetworkCut extends TcpBetween {
  #isCut = false

  static async start (target: number): Promise<NetworkCut> {
    return await new NetworkCut(target).listen()
  }

  cut (): void {
    this.#isCut = true
    for (const socket of this.sockets) socket.pause()
  }

  mend (): void {
    this.#isCut = false
    for (const socket of this.sockets) socket.resume()
  }

  protected override join (near: net.Socket, far: net.Socket): void {
    for (const [from, to] of [[near, far], [far, near]] as const) {
      if (this.#isCut) from.pause()
      from.on('data', bytes => { to.write(bytes) })
      from.on('end', () => { to.end() })
      from.on('error', () => { to.destroy() })
      from.on('close', () => { to.destroy() })
    }
  }
}
