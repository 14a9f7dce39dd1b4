/**
 * Origins for tests with the whole Weir: HTTP servers on loopback that say which version they are.
 *
 * `/` and any other path answer `<name>` at once; `/slow?ms=N` answers after N milliseconds; `/held` answers when the test says so;
 * `/stream` answers in chunks until the test ends them; `/echo` answers with the body of the request.
 */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface Origin {
  /** What it answers. */
  readonly name: string
  /** `address:port` for a configuration. */
  readonly endpoint: string
  readonly port: number
  /** Requests that have come. */
  readonly requests: number
  /** Requests that have come and are not answered yet. */
  readonly inFlight: number
  /** Answers every request for `/held` that waits. */
  answerHeld (): void
  /** Requests for `/held` that wait. */
  readonly held: number
  /** Sends a piece to every open stream. */
  sendToStreams (text: string): void
  /** Ends every open stream. */
  endStreams (): void
}

class HttpOrigin implements Origin {
  readonly name: string
  readonly #server: http.Server
  readonly #streams = new Set<http.ServerResponse>()
  readonly #held = new Set<http.ServerResponse>()
  requests = 0
  inFlight = 0

  constructor (name: string) {
    this.name = name
    // Longer than Weir keeps an idle connection.
    this.#server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => { this.#answer(request, response) })
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port // listens on TCP, so an AddressInfo
  }

  get endpoint (): string { return `127.0.0.1:${this.port}` }

  async listen (): Promise<void> {
    // Room for a connection of every client at once: what does not fit waits a second for the next attempt of the kernel.
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })
    await once(this.#server, 'listening')
  }

  async close (): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer (request: http.IncomingMessage, response: http.ServerResponse): void {
    this.requests++
    this.inFlight++
    response.once('close', () => {
      this.inFlight--
      this.#streams.delete(response)
      this.#held.delete(response)
    })
    const url = new URL(request.url ?? '/', 'http://origin')
    if (url.pathname === '/echo') {
      response.writeHead(200)
      request.pipe(response)
      return
    }
    request.resume()
    if (url.pathname === '/stream') {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write(`${this.name}\n`)
      this.#streams.add(response)
    } else if (url.pathname === '/held') {
      this.#held.add(response)
    } else if (url.pathname === '/slow') {
      setTimeout(() => { this.#say(response) }, Number(url.searchParams.get('ms')))
    } else {
      this.#say(response)
    }
  }

  #say (response: http.ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(this.name) })
    response.end(this.name)
  }

  get held (): number { return this.#held.size }

  answerHeld (): void {
    for (const response of this.#held) this.#say(response)
    this.#held.clear()
  }

  sendToStreams (text: string): void {
    for (const response of this.#streams) response.write(text)
  }

  endStreams (): void {
    for (const response of this.#streams) response.end()
  }
}

/** Starts origins with these names; they end with the test. */
export async function startOrigins<const Names extends readonly string[]> (t: Test, names: Names): Promise<{ readonly [Index in keyof Names]: Origin }> {
  const origins = await Promise.all(names.map(async name => {
    const origin = new HttpOrigin(name)
    await origin.listen()
    t.teardown(async () => { await origin.close() })
    return origin
  }))
  return origins as { readonly [Index in keyof Names]: Origin } // map keeps the length
}
