/** Origins of a route whose versions behave as a test says, and count what they see. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** How a version answers. */
export interface VersionManner {
  readonly latencyMs: number
  /** Every so-manieth request fails; 0: none does. */
  readonly failsEvery: number
  /** What a failure is answered with. */
  readonly status: number
  /** Answers nothing until it behaves in another way; then what waits is reset. */
  readonly hangs: boolean
}

const WELL: VersionManner = { latencyMs: 0, failsEvery: 0, status: 500, hangs: false }

/** A request with it is answered with 500 by every version. */
export const BROKEN_FIELD = 'x-broken'

/** The endpoints of a version, which answer with its name. */
export class VersionOrigins {
  readonly name: string
  /** Requests that have come, those that were never answered among them. */
  requests = 0
  #manner: VersionManner = WELL
  readonly #servers: readonly http.Server[]
  readonly #hanging = new Set<Socket>()

  /** Use `startVersion`. */
  constructor (name: string, count: number) {
    this.name = name
    this.#servers = Array.from({ length: count }, () => http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => { this.#answer(request, response) }))
  }

  get endpoints (): readonly string[] {
    return this.#servers.map(server => `127.0.0.1:${(server.address() as AddressInfo).port}`) // listens on TCP
  }

  /** From now on it behaves like this. */
  behave (manner: Partial<VersionManner>): void {
    this.#manner = { ...WELL, ...manner }
    for (const socket of this.#hanging) socket.resetAndDestroy()
    this.#hanging.clear()
  }

  async listen (): Promise<void> {
    await Promise.all(this.#servers.map(async server => {
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })
      await once(server, 'listening')
    }))
  }

  async close (): Promise<void> {
    await Promise.all(this.#servers.map(async server => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }))
  }

  #answer (request: http.IncomingMessage, response: http.ServerResponse): void {
    const { latencyMs, failsEvery, hangs, ...manner } = this.#manner
    this.requests++
    request.resume()
    if (hangs) {
      this.#hanging.add(request.socket)
      return
    }
    const fails = request.headers[BROKEN_FIELD] !== undefined || (failsEvery > 0 && this.requests % failsEvery === 0)
    const status = fails ? manner.status : 200
    const respond = (): void => {
      response.writeHead(status, { 'content-length': this.name.length })
      response.end(this.name)
    }
    if (latencyMs === 0) respond()
    else setTimeout(respond, latencyMs)
  }
}

/** Starts a version with so many endpoints. It ends with the test. */
export async function startVersion (t: Test, name: string, count: number): Promise<VersionOrigins> {
  const version = new VersionOrigins(name, count)
  await version.listen()
  t.teardown(async () => { await version.close() })
  return version
}
