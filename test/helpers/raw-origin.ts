import net from 'node:net'
import tls from 'node:tls'
import { PATIENCE_MS } from './patience.ts'
import { RawPeer } from './raw-peer.ts'
import type { RawMessage } from './raw-http.ts'

/** A connection as the origin has it. */
export class OriginConnection extends RawPeer {
  /** An end of the other side is not the end of the connection. */
  staysOpen = false

  constructor (socket: net.Socket) {
    super('the origin', socket, 'request')
  }
}

/** Answers a request, if it wants to. */
export type OriginHandler = (request: RawMessage, connection: OriginConnection) => void

/** An origin that answers exactly what the test tells it to, and keeps what it got. */
export class RawOrigin {
  readonly connections: OriginConnection[] = []
  readonly #server: net.Server
  readonly #handler: OriginHandler | undefined
  /** What TLS runs over. */
  readonly #transports: net.Socket[] = []
  readonly #waiting = new Set<() => void>()

  constructor (handler?: OriginHandler, secure?: tls.TlsOptions) {
    this.#handler = handler
    const options = { noDelay: true, allowHalfOpen: true }
    const accept = (socket: net.Socket): void => { this.#accept(socket) }
    this.#server = secure === undefined ? net.createServer(options, accept) : tls.createServer({ ...options, ...secure }, accept)
    // Node forgets those whose handshake the client has given up.
    if (secure !== undefined) this.#server.on('connection', (socket: net.Socket) => { this.#transports.push(socket) })
  }

  /** One that speaks TLS; its connections are those whose handshake has succeeded. */
  static async startSecure (secure: tls.TlsOptions, handler?: OriginHandler): Promise<RawOrigin> {
    const origin = new RawOrigin(handler, secure)
    await origin.listen(0)
    return origin
  }

  /** Without a handler the test itself takes the requests from the connections. */
  static async start (handler?: OriginHandler, port = 0): Promise<RawOrigin> {
    const origin = new RawOrigin(handler)
    await origin.listen(port)
    return origin
  }

  async listen (port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
  }

  #accept (socket: net.Socket): void {
    const connection = new OriginConnection(socket)
    this.connections.push(connection)
    // As servers do: an end of the other side is the end of the connection.
    socket.on('end', () => { if (!connection.staysOpen) socket.end() })
    for (const check of [...this.#waiting]) check()
    void this.#serve(connection)
  }

  async #serve (connection: OriginConnection): Promise<void> {
    const handler = this.#handler
    if (handler === undefined) return
    for (let index = 0; ; index++) {
      await connection.until('a request', () => connection.reader.messages.length > index || connection.ended || connection.closed).catch(() => {})
      const request = connection.reader.messages[index]
      if (request !== undefined) handler(request, connection)
      else if (connection.ended || connection.closed) return
      else index--
    }
  }

  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** All requests that were complete, in the order of the connections. */
  get requests (): readonly RawMessage[] { return this.connections.flatMap(({ reader }) => reader.messages) }

  /** What was wrong with the bytes that came. */
  get faults (): readonly string[] { return this.connections.flatMap(({ fault }) => fault === undefined ? [] : [fault.message]) }

  /** The connection with this number, when it is there. */
  async connection (index = 0): Promise<OriginConnection> {
    for (;;) {
      const connection = this.connections[index]
      if (connection !== undefined) return connection
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => { reject(new Error(`the origin waited in vain for connection ${index}`)) }, PATIENCE_MS)
        const check = (): void => {
          clearTimeout(timer)
          this.#waiting.delete(check)
          resolve()
        }
        this.#waiting.add(check)
      })
    }
  }

  /** Ends everything. */
  async close (): Promise<void> {
    for (const connection of this.connections) connection.destroy()
    for (const transport of this.#transports) transport.destroy()
    if (!this.#server.listening) return
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }
}

/** A response with a Content-Length. */
export function ok (body: string | Buffer = 'ok', fields = ''): string {
  return `HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: ${body.length}\r\n${fields}\r\n${typeof body === 'string' ? body : body.toString('latin1')}`
}
