import type net from 'node:net'
import { PATIENCE_MS } from './patience.ts'
import { MessageReader, type RawMessage } from './raw-http.ts'

const TAIL_BYTES = 65_536

/** One end of a TCP connection in a test: raw bytes out, messages in. */
export class RawPeer {
  readonly socket: net.Socket
  readonly reader: MessageReader
  /** The other side has sent a FIN. */
  ended = false
  /** The connection is gone. */
  closed = false
  /** Why it went, such as ECONNRESET. */
  error: string | undefined
  /** What was wrong with the bytes that came. */
  fault: Error | undefined
  bytesReceived = 0
  readonly #label: string
  #taken = 0
  #tail = ''
  readonly #waiting = new Set<() => void>()

  constructor (label: string, socket: net.Socket, kind: 'request' | 'response') {
    this.#label = label
    this.socket = socket
    this.reader = new MessageReader(kind)
    socket.on('data', (bytes: Buffer) => { this.#onData(bytes) })
    socket.on('end', () => {
      this.ended = true
      this.reader.end()
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => { this.error = error.code ?? error.message })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
    socket.on('drain', () => { this.#wake() })
    socket.on('connect', () => { this.#wake() })
  }

  /** The last bytes that came, for tests that look at them as they are. */
  get tail (): string { return this.#tail.slice(-TAIL_BYTES) }

  #onData (bytes: Buffer): void {
    this.bytesReceived += bytes.length
    // Cut now and then: to cut at each read would copy all of it each time.
    this.#tail += bytes.toString('latin1', Math.max(0, bytes.length - TAIL_BYTES))
    if (this.#tail.length > 4 * TAIL_BYTES) this.#tail = this.tail
    if (this.fault === undefined) {
      try {
        this.reader.push(bytes)
      } catch (error) {
        this.fault = error instanceof Error ? error : new Error(String(error))
      }
    }
    this.#wake()
  }

  #wake (): void {
    for (const check of [...this.#waiting]) check()
  }

  /**
   * Waits until the condition holds; it is looked at after everything that happens on the connection.
   * @throws Error with the state of the connection when that takes too long
   */
  until (what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`${this.#label} waited in vain for ${what}: ${this.#state()}`))
      }, PATIENCE_MS)
      const check = (): void => {
        if (!condition()) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  #state (): string {
    const { ended, closed, error, fault, bytesReceived } = this
    return JSON.stringify({ ended, closed, error, fault: fault?.message, bytesReceived, messages: this.reader.messages.length, tail: this.tail.slice(-400) })
  }

  /** The next message. */
  async next (): Promise<RawMessage> {
    const index = this.#taken++
    await this.until(`message ${index}`, () => this.reader.messages.length > index || this.ended || this.closed || this.fault !== undefined)
    const message = this.reader.messages[index]
    if (message === undefined) throw new Error(`${this.#label} got no message ${index}: ${this.#state()}`)
    return message
  }

  /** Waits for the head of the message with this number, from 0. */
  async head (index = 0): Promise<void> {
    await this.until(`head ${index}`, () => this.reader.heads > index || this.closed || this.fault !== undefined)
    if (this.reader.heads <= index) throw new Error(`${this.#label} got no head ${index}: ${this.#state()}`)
  }

  /** Writes bytes; text is Latin-1. */
  send (data: string | Buffer): boolean {
    return this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** Writes pieces, each in a packet of its own as far as a sender can see to that. */
  async sendPieces (pieces: Iterable<string | Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.closed) return
      await new Promise<void>(resolve => {
        this.socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece, () => { setImmediate(resolve) })
      })
    }
  }

  /** Sends a FIN. */
  end (): void { this.socket.end() }
  /** Closes in the ordinary way: the kernel sends a FIN, and a reset for what still comes. */
  destroy (): void { this.socket.destroy() }
  reset (): void { this.socket.resetAndDestroy() }

  async untilEnded (): Promise<void> { await this.until('the end', () => this.ended || this.closed) }
  async untilClosed (): Promise<void> { await this.until('the close', () => this.closed) }
}
