/**
 * A server that a webhook posts to, and what it has to know of signatures: an HMAC of its own (RFC 2104), so that nothing of `src` judges
 * itself.
 */
import { createHash } from 'node:crypto'
import http from 'node:http'
import type net from 'node:net'
import type { Test } from 'tap'
import { until } from './until.ts'

export interface ReceivedPost {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** Answers a post, or does not. @param index of the post, from 0 */
type PostAnswer = (response: http.ServerResponse, index: number) => void

export const takes: PostAnswer = response => { response.writeHead(204).end() }

export class WebhookReceiver {
  readonly posts: ReceivedPost[] = []
  readonly #sockets = new Set<net.Socket>()
  readonly #server: http.Server
  answer: PostAnswer
  connections = 0

  constructor (answer: PostAnswer) {
    this.answer = answer
    this.#server = http.createServer((request, response) => { void this.#receive(request, response) })
    this.#server.on('connection', socket => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => { this.#sockets.delete(socket) })
    })
  }

  static async start (t: Pick<Test, 'teardown'>, answer: PostAnswer = takes): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(answer)
    await receiver.listen()
    t.teardown(async () => { await receiver.close() })
    return receiver
  }

  get port (): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get url (): string { return `http://127.0.0.1:${this.port}/hook` }

  async listen (port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
  }

  /** Ends everything; it can listen again. */
  async close (): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }

  /** Resolves when so many posts have come. */
  async untilPosts (count: number): Promise<void> {
    await until(() => this.posts.length >= count)
  }

  async #receive (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on('error', () => {})
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(Buffer.from(piece))
    } catch {
      return
    }
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    this.posts.push({ method: request.method ?? '', path: request.url ?? '', headers, body: Buffer.concat(pieces).toString('utf8') })
    this.answer(response, this.posts.length - 1)
  }
}

function hmacSha256 (secret: string, text: string): string {
  const block = Buffer.alloc(64)
  Buffer.from(secret.length > 64 ? createHash('sha256').update(secret).digest() : secret).copy(block)
  const pad = (byte: number): Buffer => Buffer.from(block.map(value => value ^ byte))
  const inner = createHash('sha256').update(pad(0x36)).update(text).digest()
  return createHash('sha256').update(pad(0x5c)).update(inner).digest('hex')
}

/** The time of a post in seconds, if this secret has signed it. */
export function signedAt ({ headers, body }: ReceivedPost, secret: string): number | undefined {
  const parts = (headers['x-weir-signature'] ?? '').split(',')
  const time = /^t=([0-9]+)$/.exec(parts[0] ?? '')?.[1]
  if (time === undefined) return undefined
  return parts.slice(1).includes(`v1=${hmacSha256(secret, `${time}.${body}`)}`) ? Number(time) : undefined
}
