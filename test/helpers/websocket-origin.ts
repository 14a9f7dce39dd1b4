import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from 'ws'
import { PATIENCE_MS } from './patience.ts'

const OPEN_BACKLOG = 4_096

/** A WebSocket server of the `ws` package, on a port of its own. */
export interface WebSocketOrigin {
  readonly port: number
  readonly server: WebSocketServer
}

/** What an origin does besides. */
export interface WebSocketOriginOptions extends ServerOptions {
  /** What it listens with, when it speaks TLS. */
  readonly secure?: TlsOptions
}

/** Starts one that ends with the test; without `onConnection` it echoes every message. */
export async function webSocketOrigin (t: Test, { secure, ...options }: WebSocketOriginOptions = {}, onConnection: (socket: WebSocket) => void = echo): Promise<WebSocketOrigin> {
  const answer: http.RequestListener = (_, response) => { response.end('plain') }
  const http1 = secure === undefined ? http.createServer(answer) : https.createServer(secure, answer)
  const server = new WebSocketServer({ server: http1, ...options })
  server.on('connection', socket => {
    // A reset is what some tests are about.
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>(resolve => { http1.listen({ port: 0, host: '127.0.0.1', backlog: OPEN_BACKLOG }, resolve) })
  t.teardown(async () => {
    for (const socket of server.clients) socket.terminate()
    http1.closeAllConnections()
    await new Promise<void>(resolve => { http1.close(() => { resolve() }) })
  })
  return { port: (http1.address() as AddressInfo).port, server } // it listens on TCP, so an AddressInfo
}

/** Sends every message back as it came. */
export function echo (socket: WebSocket): void {
  socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
}

/** Opens a connection, and collects what it gets. */
export class WebSocketClient {
  readonly socket: WebSocket
  readonly messages: Array<{ readonly data: Buffer, readonly isBinary: boolean }> = []
  closed: { readonly code: number, readonly reason: string } | undefined
  error: string | undefined
  readonly #waiting = new Set<() => void>()

  constructor (socket: WebSocket) {
    this.socket = socket
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data, isBinary) => {
      if (Buffer.isBuffer(data)) this.messages.push({ data, isBinary })
      this.#wake()
    })
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => { this.error = error.code ?? error.message })
  }

  /** One that is open. */
  static async open (url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WebSocketClient> {
    const client = new WebSocketClient(new WebSocket(url, protocols, options))
    await new Promise((resolve, reject) => { client.socket.once('open', resolve).once('error', reject) })
    return client
  }

  #wake (): void {
    for (const check of [...this.#waiting]) check()
  }

  /** Waits for something that a message or the close brings. */
  async until (condition: () => boolean): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`waited in vain: ${JSON.stringify({ messages: this.messages.length, closed: this.closed, error: this.error })}`)) }, PATIENCE_MS)
      const check = (): void => {
        if (!condition()) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
    })
  }

  /** The message with this number. */
  async message (index: number): Promise<Buffer> {
    await this.until(() => this.messages.length > index || this.closed !== undefined)
    const message = this.messages[index]
    if (message === undefined) throw new Error(`closed without message ${index}: ${JSON.stringify(this.closed)}`)
    return message.data
  }

  async closing (): Promise<{ readonly code: number, readonly reason: string } | undefined> {
    await this.until(() => this.closed !== undefined)
    return this.closed
  }
}
