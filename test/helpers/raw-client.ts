import net from 'node:net'
import { RawPeer } from './raw-peer.ts'
import { statusOf, type RawMessage } from './raw-http.ts'

/** A client that says exactly what the test tells it to. It does not answer a FIN with one of its own. */
export class RawClient extends RawPeer {
  constructor (socket: net.Socket) {
    super('the client', socket, 'response')
  }

  static async connect (port: number, localAddress?: string): Promise<RawClient> {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) })
    const client = new RawClient(socket)
    await client.until('the connection', () => !socket.connecting || client.closed)
    return client
  }

  /** Sends a request and reads its final response. */
  async ask (request: string | Buffer, method?: string): Promise<RawMessage> {
    this.expect(method ?? (typeof request === 'string' ? request.slice(0, 32) : request.toString('latin1', 0, 32)).split(' ')[0] ?? '')
    this.send(request)
    return await this.answer()
  }

  /** Says that a request with this method has been or will be sent by send(). */
  expect (...methods: readonly string[]): void {
    for (const method of methods) this.reader.expect(method)
  }

  /** The next final response. */
  async answer (): Promise<RawMessage> {
    for (;;) {
      const message = await this.next()
      if (statusOf(message) >= 200) return message
    }
  }
}

/** A GET without anything special. */
export function get (path = '/', fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: example.test\r\n${fields}\r\n`
}

/** A POST with a Content-Length. */
export function post (path: string, body: string | Buffer, fields = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: example.test\r\nContent-Length: ${body.length}\r\n${fields}\r\n${typeof body === 'string' ? body : body.toString('latin1')}`
}
