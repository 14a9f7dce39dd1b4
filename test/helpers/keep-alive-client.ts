/**
 * A client of one connection, for tests that count every request: it sends the next request only after the whole answer to
 * the one before, keeps the connection as long as the answers allow, and tells a lost request from a refused connection.
 */
import { once } from 'node:events'
import net from 'node:net'

export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface ClientOptions {
  readonly port: number
  readonly host?: string
  /** The address that the client comes from. */
  readonly from?: string
}

export class KeepAliveClient {
  /** Has an answer said `Connection: close`, or has the other side closed? */
  closed = false
  readonly #socket: net.Socket
  #received: Buffer = Buffer.alloc(0)
  #ended = false
  /** Who waits for the next bytes or the end. */
  #waiting: Array<() => void> = []

  /** Use `connectClient`. */
  constructor (socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
      this.#notify()
    })
    const ended = (): void => {
      this.#ended = true
      this.closed = true
      this.#notify()
    }
    socket.on('error', ended)
    socket.on('end', ended)
    socket.on('close', ended)
  }

  /** @throws Error when the connection ends before the whole answer is there */
  async get (path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const answer = this.begin(path, headers)
    await answer.head
    return await answer.whole
  }

  /** Sends a request; the head and the whole of the answer can be waited for apart. */
  begin (path: string, headers: Readonly<Record<string, string>> = {}): { readonly head: Promise<void>, readonly whole: Promise<Answer> } {
    const fields = Object.entries({ host: 'hello.test', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    this.#socket.write(`GET ${path} HTTP/1.1\r\n${fields}\r\n`)
    const head = this.#readHead()
    const whole = head.then(async read => await this.#readBody(read))
    whole.catch(() => {})
    return { head: head.then(() => {}), whole }
  }

  /** Resolves when the other side has closed the connection. */
  async untilClosed (): Promise<void> {
    while (!this.#ended) await this.#change()
  }

  close (): void {
    this.#socket.destroy()
  }

  #notify (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  async #readHead (): Promise<Omit<Answer, 'body'>> {
    let end = this.#received.indexOf('\r\n\r\n')
    for (; end < 0; end = this.#received.indexOf('\r\n\r\n')) await this.#more('in the head')
    const [statusLine = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    this.#received = this.#received.subarray(end + 4)
    const headers = new Map(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    if (headers.get('connection') === 'close') this.closed = true
    return { status: Number(statusLine.split(' ')[1]), headers }
  }

  async #readBody (head: Omit<Answer, 'body'>): Promise<Answer> {
    if (head.headers.get('transfer-encoding') !== 'chunked') return { ...head, body: await this.#take(Number(head.headers.get('content-length'))) }
    let body = ''
    for (;;) {
      let end = this.#received.indexOf('\r\n')
      for (; end < 0; end = this.#received.indexOf('\r\n')) await this.#more('in a chunk')
      const length = Number.parseInt(this.#received.toString('latin1', 0, end), 16)
      await this.#take(end + 2)
      body += (await this.#take(length + 2)).slice(0, length)
      if (length === 0) return { ...head, body }
    }
  }

  async #take (length: number): Promise<string> {
    while (this.#received.length < length) await this.#more('in the body')
    const text = this.#received.toString('latin1', 0, length)
    this.#received = this.#received.subarray(length)
    return text
  }

  async #more (where: string): Promise<void> {
    if (this.#ended) throw new Error(`the connection ended ${where}, with ${this.#received.length} bytes unread`)
    await this.#change()
  }

  async #change (): Promise<void> {
    await new Promise<void>(resolve => { this.#waiting.push(resolve) })
  }
}

/**
 * Opens a connection.
 * @throws the system's error when it is refused
 */
export async function connectClient ({ port, host = '127.0.0.1', from }: ClientOptions): Promise<KeepAliveClient> {
  const socket = net.connect({ port, host, ...(from === undefined ? {} : { localAddress: from }) })
  await once(socket, 'connect')
  return new KeepAliveClient(socket)
}

/** One request on a connection of its own. */
export async function getOnce (options: ClientOptions, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const client = await connectClient(options)
  try {
    return await client.get(path, headers)
  } finally {
    client.close()
  }
}
