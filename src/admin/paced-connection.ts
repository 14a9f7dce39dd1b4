/**
 * Where the messages of a connection end, as far as it takes to hand a parser no byte of the next one. It trusts nothing to be
 * HTTP: what is none is cut somewhere, and the parser refuses it.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { Guest, RequestTurns } from './connection-room.ts'

const CR = 0x0d
const LF = 0x0a
/** CR LF CR LF: the end of a head, and of a body in chunks with its trailers. */
const END_LENGTH = 4

/** Line feeds before a request that are left out (RFC 9112 section 2.2); a client that sends more of them sends nothing else. */
const MAX_BLANKS = 64

export class MessageCutter {
  /** How much of CR LF CR LF the bytes so far end with. */
  #matched = 0
  /** Bytes of a body of known length that are to come; null where only an empty line can end the message. */
  #left: number | null = null

  /** A request begins: what comes next is its head. */
  reset (): void {
    this.#matched = 0
    this.#left = null
  }

  /** A head has ended, and a body of so many bytes follows; of undefined: in chunks. */
  beginBody (length: number | undefined): void {
    this.#matched = 0
    this.#left = length ?? null
  }

  /** How many of the bytes may be handed over: up to the next place where a message can end, which they may not reach. */
  take (bytes: Uint8Array): number {
    if (this.#left === null) return this.#toEmptyLine(bytes)
    const taken = Math.min(this.#left, bytes.length)
    this.#left -= taken
    return taken
  }

  #toEmptyLine (bytes: Uint8Array): number {
    for (const [index, byte] of bytes.entries()) {
      const wanted = this.#matched % 2 === 0 ? CR : LF
      if (byte === wanted) this.#matched++
      else this.#matched = byte === CR ? 1 : 0
      if (this.#matched < END_LENGTH) continue
      this.#matched = 0
      return index + 1
    }
    return bytes.length
  }
}

/** How many CR and LF the bytes begin with. */
export function countBlanks (bytes: Uint8Array): number {
  const first = bytes.findIndex(byte => byte !== CR && byte !== LF)
  return first === -1 ? bytes.length : first
}

/** Taken from the socket at a time. What lies behind it stays where it is, and the client waits. */
const READ_BYTES = 16_384
/** What is still read of a client that has had its last answer, so that a reset does not destroy the answer. */
const LINGER_BYTES = 262_144
const LINGER_MS = 1_000

/** What the connections of a server have in common. */
interface Pace {
  readonly clock: Clock
  readonly turns: RequestTurns
}

/**
 * A connection of the admin API, between the socket and Node's HTTP server, which by itself parses all that has arrived and
 * begins every request in it. Here the server gets the bytes of one request, and nothing of the next one before it has
 * answered; the socket is not read meanwhile. A body is handed over when somebody wants it, and a connection that has shown no
 * token waits for its turn with each request.
 */
export class PacedConnection extends Duplex implements Guest {
  readonly peer: string
  readonly #socket: Socket
  readonly #pace: Pace
  readonly #cutter = new MessageCutter()
  readonly #onIdle: () => void
  /** Read from the socket and not handed over. */
  #carried: Buffer = Buffer.alloc(0)
  /** The server takes more. */
  #wanted = false
  #scheduled = false
  /** The request that has begun and is not answered. */
  #request: IncomingMessage | undefined
  #bodyWanted = false
  #bodyPending = false
  #turn: 'none' | 'waiting' | 'given' = 'none'
  #leaveTurn = (): void => {}
  #blanks = 0
  #proven = false
  #lingering: TimerHandle | undefined

  /** @param onIdle called when a request is over */
  constructor (socket: Socket, pace: Pace, onIdle: () => void) {
    // With 0, the server's stream asks for more only when it has handed on what it had.
    super({ readableHighWaterMark: 0, allowHalfOpen: true })
    this.#socket = socket
    this.#pace = pace
    this.#onIdle = onIdle
    this.peer = socket.remoteAddress ?? ''
    socket.on('readable', () => { this.#schedule() })
    socket.on('end', () => { this.#schedule() })
    socket.on('timeout', () => { this.emit('timeout') })
    socket.on('error', error => { this.destroy(error) })
    socket.on('close', () => { this.destroy() })
  }

  get state (): Guest['state'] {
    if (this.#request === undefined) return this.#turn === 'waiting' ? 'unproven' : 'idle'
    return this.#proven ? 'busy' : 'unproven'
  }

  /** The names that node:http and fastify know from a socket. */
  get remoteAddress (): string | undefined { return this.#socket.remoteAddress }
  get remotePort (): number | undefined { return this.#socket.remotePort }
  get localAddress (): string | undefined { return this.#socket.localAddress }
  get localPort (): number | undefined { return this.#socket.localPort }

  setTimeout (timeoutMs: number): this {
    this.#socket.setTimeout(timeoutMs)
    return this
  }

  setKeepAlive (...settings: Parameters<Socket['setKeepAlive']>): this {
    this.#socket.setKeepAlive(...settings)
    return this
  }

  setNoDelay (...settings: Parameters<Socket['setNoDelay']>): this {
    this.#socket.setNoDelay(...settings)
    return this
  }

  /** The head of a request has been parsed. Its body, if it has one, waits until `allowBody`. */
  begin (request: IncomingMessage): void {
    this.#request = request
    this.#turn = 'none'
    this.#bodyWanted = false
    const length = bodyLength(request)
    this.#bodyPending = length !== 0
    if (this.#bodyPending) this.#cutter.beginBody(length)
  }

  /** The body of the request is wanted. */
  allowBody (): void {
    this.#bodyWanted = true
    this.#schedule()
  }

  /** Who asks has shown that they may, or has not. */
  prove (isProven: boolean): void {
    this.#proven = isProven
  }

  /** The request is answered, and the next one may begin; not behind a body that nobody has read. */
  finish (): void {
    if (this.#request?.complete === false) this.destroySoon()
    this.#request = undefined
    this.#cutter.reset()
    this.#onIdle()
    this.#schedule()
  }

  override _read (): void {
    this.#wanted = true
    this.#schedule()
  }

  #schedule (): void {
    if (this.#scheduled || this.destroyed) return
    this.#scheduled = true
    // Not at once: what is handed over while the server asks for it would lie in a buffer behind this one's back.
    process.nextTick(() => {
      this.#scheduled = false
      this.#handOver()
    })
  }

  #handOver (): void {
    if (!this.#wanted || this.destroyed || this.writableEnded) return
    if (this.#carried.length === 0 && !this.#take()) {
      if (this.#socket.readableEnded) this.#giveEnd()
      return
    }
    if (this.#request === undefined) {
      if (!this.#mayBegin()) return
    } else if (this.#request.complete || !this.#bodyPending || !this.#bodyWanted) {
      return
    }
    const length = this.#cutter.take(this.#carried)
    const piece = this.#carried.subarray(0, length)
    this.#carried = this.#carried.subarray(length)
    this.#wanted = false
    this.push(piece)
  }

  #giveEnd (): void {
    this.#wanted = false
    this.push(null)
  }

  /** Reads what is there, up to READ_BYTES. @returns false when there is nothing */
  #take (): boolean {
    const waiting = this.#socket.readableLength
    const chunk: unknown = waiting > READ_BYTES ? this.#socket.read(READ_BYTES) : this.#socket.read()
    if (!Buffer.isBuffer(chunk)) return false
    this.#carried = chunk
    return true
  }

  /** A request begins with what is carried: has it the right to, and is it its turn? */
  #mayBegin (): boolean {
    if (this.#turn === 'given') return true
    if (this.#turn === 'waiting' || !this.#skipBlanks()) return false
    if (this.#proven) {
      this.#turn = 'given'
      return true
    }
    this.#turn = 'waiting'
    this.#leaveTurn = this.#pace.turns.enter(() => {
      this.#turn = 'given'
      this.#schedule()
    })
    return false
  }

  #skipBlanks (): boolean {
    const blanks = countBlanks(this.#carried)
    this.#carried = this.#carried.subarray(blanks)
    this.#blanks += blanks
    if (this.#blanks > MAX_BLANKS) this.destroy()
    else if (this.#carried.length === 0) this.#schedule()
    else this.#blanks = 0
    return this.#carried.length > 0 && !this.destroyed
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev (chunks: ReadonlyArray<{ readonly chunk: Buffer }>, done: (error?: Error | null) => void): void {
    this.#socket.cork()
    for (const [index, { chunk }] of chunks.entries()) {
      if (index === chunks.length - 1) this.#socket.write(chunk, done)
      else this.#socket.write(chunk)
    }
    this.#socket.uncork()
  }

  override _final (done: (error?: Error | null) => void): void {
    this.#socket.end(() => { done() })
  }

  /** What node:http calls behind the last answer. */
  destroySoon (): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.#linger()
    else this.once('finish', () => { this.#linger() })
  }

  /** Drops what the client still sends, for a moment and within bounds: closing at once would reset what it has not read yet. */
  #linger (): void {
    if (this.destroyed || this.#lingering !== undefined) return
    if (this.#socket.readableEnded) {
      this.destroy()
      return
    }
    let left = LINGER_BYTES
    this.#carried = Buffer.alloc(0)
    this.#lingering = this.#pace.clock.after(LINGER_MS, () => { this.destroy() })
    this.#socket.removeAllListeners('readable')
    this.#socket.on('end', () => { this.destroy() })
    this.#socket.on('data', (bytes: Buffer) => {
      left -= bytes.length
      if (left < 0) this.destroy()
    })
    this.#socket.resume()
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#leaveTurn()
    this.#lingering?.cancel()
    this.#carried = Buffer.alloc(0)
    this.#socket.destroy()
    done(error)
  }
}

/** Does the message announce a body, and of what length? 0 for none, undefined for chunks. */
function bodyLength ({ headers }: IncomingMessage): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined
  return Number(headers['content-length'] ?? 0)
}
