/**
 * A TLS connection as a ByteStream. The protocol is node:tls's; loading this file loads it, so import it only where TLS is
 * used.
 *
 * The bytes of a write are encrypted at once, or copied while an earlier write goes on. So the caller's buffer is free after
 * the call. A write says false when enough is queued: back-pressure works as with TcpStream, and the promise made there,
 * that the buffer is free after onDrain, holds all the more.
 *
 * With `io: 'direct'` writes and reads go past the stream machinery, to Node's handles (tls-handle.ts). With `events` the same class
 * works on 'data' events and socket.write(), and can't tell a close_notify from a FIN alone.
 */
import net from 'node:net'
import tls from 'node:tls'
import { type ByteStream, type ByteStreamHandler, type ReadBuffer, ReadFeed, type ReadSource } from './byte-stream.ts'
import { isResetBelow, readDirectly, type TlsHandle, tlsHandleOf, unsentBytes, watchTlsEnd } from './tls-handle.ts'
import { endsOf, type SocketEnds } from './socket-ends.ts'
import type { IoMode } from '../contract/data-plane-options.ts'

/** Bytes written that the kernel has not taken, from which on a write says false. */
const MAX_QUEUED_BYTES = 65_536

/** The longest record. */
const RECORD_BYTES = 16_384

/**
 * Memory that records are read into first: what follows a record can't be kept from coming, so it must not come to a buffer in use.
 * All streams of a thread may share it.
 */
export function createRecordBuffer (): Buffer {
  return Buffer.allocUnsafeSlow(RECORD_BYTES)
}

/** How a connection to a server is made secure. */
interface TlsClientOptions {
  /** The trusted authorities, versions and ciphers. */
  readonly secureContext: tls.SecureContext
  /** The name sent by SNI and looked for in the server's certificate; without it the certificate has to name the address. */
  readonly servername?: string
  /** Is a certificate that does not verify an error? */
  readonly rejectUnauthorized: boolean
  /** What is offered by ALPN. */
  readonly ALPNProtocols?: string[]
  /** A session to resume. */
  readonly session?: Buffer
  /** A session that a later connection may resume; called once or more, for TLS 1.3 after the handshake. */
  readonly onSession?: (session: Buffer) => void
}

export class TlsStream implements ByteStream, ReadSource {
  /** What was encrypted and not taken is not known. */
  readonly writeRefused = false
  readonly #feed: ReadFeed
  readonly #socket: tls.TLSSocket
  /** The connection below. */
  readonly #transport: net.Socket
  readonly #endedInOrder: () => boolean
  readonly #record: Buffer
  #secured = false
  #handle: TlsHandle | undefined
  /** A write to the handle goes on. */
  #writing = false
  /** What the kernel may not have taken of that write. */
  #unsentBytes = 0
  /** Copies of what was written meanwhile. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Without a handle: something was written since the last onDrain. */
  #undrained = false
  /** Nothing more is written. */
  #ending = false
  #closed = false
  #failure: string | undefined

  /** Use accept() or connect(). */
  constructor (sockets: TlsSockets, handler: ByteStreamHandler, buffer: ReadBuffer) {
    this.#feed = new ReadFeed(this, handler, buffer)
    this.#record = sockets.record
    this.#socket = sockets.secure
    this.#transport = sockets.transport
    this.#endedInOrder = sockets.endedInOrder ?? (() => true)
    this.#attach(sockets.secure)
  }

  /**
   * Takes over a connection of a client whose handshake is over.
   * @param sockets the transport has to be created with `allowHalfOpen`
   */
  static accept (sockets: TlsSockets, handler: ByteStreamHandler, buffer: ReadBuffer): TlsStream {
    const stream = new TlsStream(sockets, handler, buffer)
    if (sockets.io === 'direct') stream.#useHandle()
    stream.#socket.resume()
    return stream
  }

  /**
   * Opens a connection. `onConnect` is called when it is there, its handshake over and the server's certificate verified;
   * the handler's onClose when that failed, with a code such as ECONNREFUSED or CERT_HAS_EXPIRED.
   */
  static connect (target: TlsTarget, handler: ByteStreamHandler, buffer: ReadBuffer, onConnect: () => void): TlsStream {
    const { address, port, record, io, tls: { onSession, ...options } } = target
    const direct = io === 'direct'
    const transport = net.connect({ host: address, port, noDelay: true, allowHalfOpen: true })
    // `host` is what the certificate has to name when there is no servername.
    const secure = tls.connect({ ...options, socket: transport, host: address })
    if (onSession !== undefined) secure.on('session', onSession)
    const stream = new TlsStream({
      secure, transport, record, io, endedInOrder: direct ? watchTlsEnd(secure, transport) : () => false
    }, handler, buffer)
    secure.once('secureConnect', () => {
      stream.#secured = true
      if (direct) stream.#useHandle()
      const protocol = secure.alpnProtocol ?? false
      if (protocol === false || options.ALPNProtocols?.includes(protocol) === true) onConnect()
      else stream.#abandon('ALPN_NOT_OFFERED')
    })
    return stream
  }

  /** The handshake is over. */
  #useHandle (): void {
    this.#handle = tlsHandleOf(this.#socket)
    readDirectly(this.#socket, this.#record, length => this.#onRecord(length))
  }

  /** @returns is there to be more? */
  #onRecord (length: number): boolean {
    // Behind what waits already.
    if (this.#feed.paused || this.#socket.readableLength > 0) this.#socket.push(Buffer.from(this.#record.subarray(0, length)))
    else this.#feed.copy(this.#record, length)
    return !this.#feed.paused
  }

  #attach (socket: tls.TLSSocket): void {
    socket.on('data', (bytes: Buffer) => { this.#feed.copy(bytes, bytes.length) })
    socket.on('end', () => {
      if (this.#closed) return
      if (this.#endedInOrder()) this.#feed.guard(handler => { handler.onEnd() })
      else this.#abandon(this.#secured ? 'ENDED_WITHOUT_CLOSE_NOTIFY' : 'ENDED_IN_HANDSHAKE')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= error.code ?? error.name
      // After the handshake Node only tells of a broken record, or of a fatal alert.
      socket.destroy()
    })
    socket.on('close', () => {
      if (this.#closed) return
      this.#closed = true
      this.#feed.guard(handler => { handler.onClose(this.#failure) })
    })
  }

  #abandon (failure: string): void {
    this.#failure ??= failure
    this.#socket.destroy()
  }

  /** Does it work on the handle? */
  get direct (): boolean { return this.#handle !== undefined }

  /** Nothing is to be told any more but the close. */
  get gone (): boolean {
    return this.#closed || this.#socket.destroyed || this.#transport.destroyed
  }

  putBack (bytes: Buffer): void {
    // They lie in memory that the next record comes to.
    this.#socket.unshift(Buffer.from(bytes))
  }

  get writePending (): boolean {
    return !this.#closed && (this.#writing || this.#socket.writableLength > 0)
  }

  get ownBytes (): number {
    return this.gone ? 0 : this.#unsentBytes + this.#waitingBytes + this.#socket.writableLength + this.#socket.readableLength
  }

  /** Whoever is in between could have made it. */
  isReset (): boolean { return false }

  look (): SocketEnds | undefined {
    if (!this.#feed.paused || this.gone) return undefined
    if (this.#handle === undefined || this.#writing || this.#ending || !isResetBelow(this.#transport)) return endsOf(this.#transport)
    this.#abandon('ECONNRESET')
    return undefined
  }

  write (bytes: Buffer): boolean {
    const socket = this.#socket
    if (this.gone || this.#ending || bytes.length === 0) return true
    const handle = this.#handle
    if (handle === undefined) {
      this.#undrained = true
      socket.write(Buffer.from(bytes), this.#onWritten)
      return socket.writableLength < MAX_QUEUED_BYTES
    }
    if (this.#writing) {
      this.#waiting.push(Buffer.from(bytes))
      this.#waitingBytes += bytes.length
    } else {
      this.#encrypt(handle, bytes)
    }
    return this.#unsentBytes + this.#waitingBytes < MAX_QUEUED_BYTES
  }

  #encrypt (handle: TlsHandle, bytes: Buffer): void {
    const outcome = handle.writeBuffer(null, bytes)
    if (typeof outcome === 'number' || outcome.writeStatus !== null) return this.#abandon('EPIPE')
    outcome.oncomplete = this.#onEncrypted
    this.#writing = true
    // Of a small one it need not be known.
    this.#unsentBytes = bytes.length < MAX_QUEUED_BYTES ? bytes.length : unsentBytes(this.#transport)
  }

  /** A write to the handle is over. */
  readonly #onEncrypted = (status: number): void => {
    this.#writing = false
    this.#unsentBytes = 0
    if (this.gone) return
    if (status !== 0) return this.#abandon('EPIPE')
    if (this.#waiting.length > 0) return this.#writeWaiting()
    if (this.#ending) this.#socket.end()
    this.#feed.guard(handler => { handler.onDrain() })
  }

  #writeWaiting (): void {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    if (this.#handle !== undefined) this.#encrypt(this.#handle, bytes)
  }

  readonly #onWritten = (error: Error | null | undefined): void => {
    if (error != null || !this.#undrained || this.gone || this.#socket.writableLength > 0) return
    this.#undrained = false
    this.#feed.guard(handler => { handler.onDrain() })
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

  /** Sends a close_notify and a FIN after what has been written. */
  end (): void {
    if (this.#closed || this.#ending) return
    this.#ending = true
    if (!this.#writing) this.#socket.end()
  }

  /** Closes without a close_notify, which would tell the peer that it has got everything. */
  destroy (): void {
    this.#socket.destroy()
  }

  /** Resets the connection below: no close_notify either. */
  reset (): void {
    if (this.#closed) return
    // The secure socket follows. To destroy it here would tell its close during the call.
    this.#transport.resetAndDestroy()
  }
}

/** A TLS socket and the one that it runs over. */
export interface TlsSockets {
  readonly secure: tls.TLSSocket
  readonly transport: net.Socket
  /** Of createRecordBuffer. */
  readonly record: Buffer
  readonly io: IoMode
  /** After 'end': has the peer said so? An end that it has not told is no onEnd then, but an onClose with a code. */
  readonly endedInOrder?: () => boolean
}

/** The server to connect to. */
export interface TlsTarget {
  readonly address: string
  readonly port: number
  /** Of createRecordBuffer. */
  readonly record: Buffer
  readonly io: IoMode
  readonly tls: TlsClientOptions
}
