/** The trial of what TcpStream uses undocumented: a connection over loopback, taken over, read, written and reset. A millisecond. */
import { errorText } from '../core/error-text.ts'
import net from 'node:net'
import { type ByteStream, type ByteStreamHandler, createReadBuffer, type ReadBuffer } from './byte-stream.ts'
import { TcpStream } from './tcp-stream.ts'

/** One end of a connection that is tried out: it keeps what it reads. */

/** Only a trial that fails takes so long. */
const LIMIT_MS = 5_000

export class TrialReader<Stream extends ByteStream> implements ByteStreamHandler {
  stream: Stream | undefined
  received: Buffer = Buffer.alloc(0)
  ended = false
  /** Why the connection has gone; '' for no reason. */
  closed: string | undefined
  readonly #limitMs: number
  #defect: Error | undefined

  /** @param limitMs how long it waits for anything, in milliseconds */
  constructor (limitMs = LIMIT_MS) {
    this.#limitMs = limitMs
  }

  onBytes (memory: Buffer, start: number, end: number): void {
    this.received = Buffer.concat([this.received, memory.subarray(start, end)])
  }

  onEnd (): void { this.ended = true }
  onClose (error: string | undefined): void { this.closed = error ?? '' }
  onDrain (): void {}
  onDefect (error: unknown): void { this.#defect = error instanceof Error ? error : new Error(String(error)) }

  /**
   * Looks once in each turn of the event loop.
   * @param what goes into the error
   * @throws Error when the connection goes meanwhile, the stream throws, or it takes too long
   */
  async until (what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + this.#limitMs
    while (!condition()) {
      if (this.#defect !== undefined) throw this.#defect
      if (this.closed !== undefined) throw new Error(`the connection has gone before ${what}: ${this.closed}`)
      if (performance.now() > deadlineMs) throw new Error(`${what} does not come`)
      await new Promise<void>(resolve => { setImmediate(resolve) })
    }
  }
}

const LOOPBACK = '127.0.0.1'

/** A server for connections that are tried out. Close it. @throws the system's error when loopback can't be listened on */
export async function openTrialServer (): Promise<{ readonly server: net.Server, readonly address: string, readonly port: number }> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, LOOPBACK, resolve)
  })
  const address = server.address()
  return { server, address: LOOPBACK, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

const BUFFER_BYTES = 64
/** More than a buffer, so that it is read in turns. */
const QUESTION = Buffer.alloc(BUFFER_BYTES * 3 + 1, 'question ')
const ANSWER = Buffer.from('answer')

const buffer = (): ReadBuffer => createReadBuffer(0, BUFFER_BYTES, 0)

/**
 * @param limitMs how long it waits for what does not come, in milliseconds
 * @returns what does not do as expected; undefined when all does
 */
export async function tryTcp (limitMs?: number): Promise<string | undefined> {
  const near = new TrialReader<TcpStream>(limitMs)
  const far = new TrialReader<TcpStream>(limitMs)
  const { server, address, port } = await openTrialServer()
  try {
    let accepted: net.Socket | undefined
    let connected = false
    server.once('connection', socket => { accepted = socket })
    near.stream = TcpStream.connect({ address, port, io: 'direct' }, near, buffer(), () => { connected = true })
    await near.until('the connection', () => connected && accepted !== undefined)
    far.stream = TcpStream.accept(accepted ?? new net.Socket(), far, buffer(), 'direct')
    return await judge(near, far)
  } catch (error) {
    return errorText(error)
  } finally {
    near.stream?.destroy()
    far.stream?.destroy()
    server.close()
  }
}

async function judge (near: TrialReader<TcpStream>, far: TrialReader<TcpStream>): Promise<string | undefined> {
  const [client, server] = [near.stream, far.stream]
  if (client?.direct !== true || server?.direct !== true) return 'the handle of a socket is not as expected'
  if (!client.write(QUESTION)) return 'a write that the kernel has room for is not over at once'
  await far.until('what was written', () => far.received.length >= QUESTION.length)
  if (!far.received.equals(QUESTION)) return 'what was written is not what is read'
  if (!server.write(ANSWER)) return 'a write to a handle that was taken over is not over at once'
  await near.until('what a handle that was taken over has written', () => near.received.length >= ANSWER.length)
  if (!near.received.equals(ANSWER)) return 'what a handle that was taken over has written is not what is read'
  // A FIN, and then a reset for what comes to who has gone.
  server.destroy()
  await near.until('a FIN', () => near.ended)
  if (client.isReset()) return 'a FIN is taken for a reset'
  client.write(QUESTION)
  await near.until('a reset behind a FIN', () => client.isReset())
  return undefined
}
