/**
 * A TCP connection as a ByteStream.
 *
 * Reading uses `onread`, public API of net.connect. Three things here are not documented by Node and live in this file only:
 * adopting the handle of an accepted socket, so that `onread` serves there too; writing to the handle directly, which
 * saves the queueing of stream.Writable when the kernel takes everything at once (it nearly always does); and asking the handle
 * for a reset behind a FIN. They are used with `io: 'direct'`, which a worker decides at its start (worker-io.ts, try-tcp.ts); with
 * `events` the same class works on 'data' events and socket.write(), and knows of no such reset.
 */
import net from 'node:net'
import { type ByteStream, type ByteStreamHandler, type ReadBuffer, ReadFeed, type ReadSource } from './byte-stream.ts'
import { endsOf, type SocketEnds } from './socket-ends.ts'
import type { IoMode } from '../contract/data-plane-options.ts'

/** What libuv's stream handle offers in Node 26. */
interface StreamHandle {
  /** @returns 0 or an error number when the write is over; an object with `oncomplete` to set when it goes on */
  writeBuffer (request: null, bytes: Buffer): number | PendingWrite
  useUserBuffer (buffer: Uint8Array): void
  readStop (): void
  /** Node's own note that the handle reads. */
  reading: boolean
}

interface PendingWrite {
  handle: unknown
  buffer: Buffer
  oncomplete: (status: number) => void
}

const NOTHING = Buffer.alloc(0)

/** Where to connect to, and how. */
export interface TcpTarget {
  readonly address: string
  readonly port: number
  readonly io: IoMode
}

/** The handle behind a socket, if it is to be used and has what is needed. */
function handleOf (socket: net.Socket, io: IoMode): StreamHandle | undefined {
  if (io === 'events') return undefined
  const handle: unknown = Reflect.get(socket, '_handle')
  return isStreamHandle(handle) ? handle : undefined
}

function isStreamHandle (handle: unknown): handle is StreamHandle {
  return typeof handle === 'object' && handle !== null &&
    typeof Reflect.get(handle, 'writeBuffer') === 'function' && typeof Reflect.get(handle, 'useUserBuffer') === 'function' &&
    typeof Reflect.get(handle, 'readStop') === 'function'
}

export class TcpStream implements ByteStream, ReadSource {
  writeRefused = false
  readonly #feed: ReadFeed
  #socket: net.Socket
  #handle: StreamHandle | undefined
  /** Where Node reads to. It asks for a change only right after a read, so one that was wanted in between comes a read later. */
  #reading: ReadBuffer | null = null
  #pendingWrites = 0
  /** The FIN waits for the writes before it. */
  #ending = false
  #closed = false
  #failure: string | undefined

  /** Use accept() or connect(). */
  constructor (handler: ByteStreamHandler, buffer: ReadBuffer) {
    this.#feed = new ReadFeed(this, handler, buffer)
    this.#socket = new net.Socket()
  }

  /**
   * Takes over an accepted socket. The server has to be created with `pauseOnConnect` and `allowHalfOpen`. The socket may have
   * been read from: what it has buffered and has not given out is delivered first.
   */
  static accept (socket: net.Socket, handler: ByteStreamHandler, buffer: ReadBuffer, io: IoMode): TcpStream {
    const stream = new TcpStream(handler, buffer)
    const handle = handleOf(socket, io)
    if (handle === undefined) {
      stream.#attach(socket)
      socket.on('data', (bytes: Buffer) => { stream.#feed.copy(bytes, bytes.length) })
      socket.resume()
      return stream
    }
    const rest = stopReading(socket, handle)
    const options: net.SocketConstructorOpts = { allowHalfOpen: true, onread: stream.#onread() }
    Object.assign(options, { handle })
    stream.#attach(new net.Socket(options))
    stream.#handle = handle
    if (rest !== undefined) stream.#redeliver(rest)
    stream.#socket.resume()
    return stream
  }

  /** Opens a connection; `onConnect` is called when it is there, the handler's onClose when it could not be made. */
  static connect (target: TcpTarget, handler: ByteStreamHandler, buffer: ReadBuffer, onConnect: () => void): TcpStream {
    const stream = new TcpStream(handler, buffer)
    const where = { host: target.address, port: target.port, noDelay: true, allowHalfOpen: true }
    const direct = target.io === 'direct'
    stream.#attach(net.connect({ ...where, ...(direct ? { onread: stream.#onread() } : {}) }))
    if (!direct) stream.#socket.on('data', (bytes: Buffer) => { stream.#feed.copy(bytes, bytes.length) })
    stream.#socket.once('connect', () => {
      stream.#handle = handleOf(stream.#socket, target.io)
      onConnect()
    })
    return stream
  }

  #onread (): net.OnReadOpts {
    return {
      // Called once before the first read and after each one; null keeps the buffer that is in use.
      buffer: () => {
        const { buffer } = this.#feed
        if (this.#reading === buffer) return NO_CHANGE
        this.#reading = buffer
        return buffer.window
      },
      callback: (length: number) => {
        const feed = this.#feed
        const reading = this.#reading
        if (reading === feed.buffer || reading === null) feed.deliver(length)
        // What the reader has left may be longer, and somebody else's when it is read into again.
        else feed.copy(length > feed.buffer.window.length ? Buffer.from(reading.window.subarray(0, length)) : reading.window, length)
        return !feed.paused
      }
    }
  }

  #attach (socket: net.Socket): void {
    this.#socket = socket
    socket.on('end', () => { if (!this.#closed) this.#feed.guard(handler => { handler.onEnd() }) })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure = error.code ?? error.name
      // 'close' would come after what waits for the end of this turn, such as a request that is about to be sent.
      this.#ended()
    })
    socket.on('close', () => { this.#ended() })
  }

  #ended (): void {
    if (this.#closed) return
    this.#closed = true
    this.#feed.guard(handler => { handler.onClose(this.#failure) })
  }

  /** Bytes that were read before the stream was there: the socket gives them out when it resumes, ahead of its first read. */
  #redeliver (bytes: Buffer): void {
    // In this order, or it would give them out at once, before the handler knows of the stream.
    this.#socket.unshift(bytes)
    this.#socket.on('data', (piece: Buffer) => { this.#feed.copy(piece, piece.length) })
  }

  /** Does it work on the handle? */
  get direct (): boolean { return this.#handle !== undefined }

  get gone (): boolean { return this.#socket.destroyed }

  putBack (bytes: Buffer): void {
    if (this.#handle !== undefined && this.#socket.listenerCount('data') === 0) this.#redeliver(bytes)
    else this.#socket.unshift(bytes)
  }

  get writePending (): boolean {
    return this.#pendingWrites > 0
  }

  /** What waits to be written lies in the caller's buffers. */
  get ownBytes (): number { return this.#socket.readableLength }

  /** A write of nothing: it sends nothing, and fails on a connection that is gone. */
  isReset (): boolean {
    return this.#handle !== undefined && this.#pendingWrites === 0 && this.#handle.writeBuffer(null, NOTHING) !== 0
  }

  look (): SocketEnds | undefined {
    if (!this.#feed.paused || this.#closed) return undefined
    // Behind a FIN of its own every write fails.
    if (this.#socket.writableEnded || !this.isReset()) return endsOf(this.#socket)
    this.#failure ??= 'ECONNRESET'
    this.#socket.destroy()
    return undefined
  }

  write (bytes: Buffer): boolean {
    if (this.#closed || this.writeRefused) return true
    const handle = this.#handle
    if (handle === undefined) return this.#writeThroughStream(bytes)
    const outcome = handle.writeBuffer(null, bytes)
    if (outcome === 0) return true
    if (typeof outcome === 'number') {
      // The peer is gone. Had a part been taken, the rest would be pending. What was received before can still be read, and may be an
      // answer.
      this.writeRefused = true
      this.#failure ??= 'EPIPE'
      setImmediate(() => { setImmediate(() => { this.#socket.destroy() }) })
      return true
    }
    this.#pendingWrites++
    outcome.handle = handle
    outcome.buffer = bytes
    outcome.oncomplete = status => { this.#onWritten(status) }
    return false
  }

  #writeThroughStream (bytes: Buffer): boolean {
    this.#pendingWrites++
    this.#socket.write(bytes, error => { this.#onWritten(error == null ? 0 : -1) })
    return this.#socket.writableLength === 0
  }

  #onWritten (status: number): void {
    this.#pendingWrites--
    if (this.#closed) return
    if (status < 0) {
      this.#failure ??= 'EPIPE'
      this.#socket.destroy()
    } else if (this.#pendingWrites === 0) {
      if (this.#ending) this.#socket.end()
      this.#feed.guard(handler => { handler.onDrain() })
    }
  }

  readInto (buffer: ReadBuffer): void {
    this.#feed.buffer = buffer
  }

  pause (): void {
    if (this.#feed.paused) return
    this.#feed.paused = true
    this.#socket.pause()
  }

  resume (): void {
    if (!this.#feed.paused) return
    this.#feed.paused = false
    if (!this.#closed) this.#socket.resume()
  }

  end (): void {
    if (this.#closed) return
    // As long as the kernel has not taken everything, a reset must be possible.
    if (this.#pendingWrites > 0) this.#ending = true
    else this.#socket.end()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  /** After a FIN there is nothing more that could seem complete. While libuv sends it, it refuses to reset, and Node loses the handle. */
  reset (): void {
    const { writableEnded, writableFinished } = this.#socket
    if (writableEnded && !writableFinished) this.#socket.destroy()
    else if (!this.#closed) this.#socket.resetAndDestroy()
  }
}

/**
 * Ends the reading of a socket whose handle is about to be adopted. Even the end of the stream is read again by the next one.
 * @returns what the socket has read and not given out
 */
function stopReading (socket: net.Socket, handle: StreamHandle): Buffer | undefined {
  if (socket.bytesRead === 0) return undefined
  const rest: unknown = socket.readableLength > 0 ? socket.read() : null
  handle.readStop()
  handle.reading = false
  // What it has still in its queue must not make the handle read when the next one has paused it.
  Reflect.set(socket, '_handle', null)
  return Buffer.isBuffer(rest) ? rest : undefined
}

/** What the generator gives to keep the buffer in use: Node takes only a Uint8Array for a change. */
const NO_CHANGE: Uint8Array = Object.create(null)
