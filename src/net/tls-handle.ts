/**
 * The handle below a TLS socket, used to leave out what a Node stream does for each chunk. Node documents none of it, so it
 * is used only where a trial has shown that it does what is said here (try-tls.ts).
 */
import net from 'node:net'
import type tls from 'node:tls'
import { constants } from 'node:os'

/** What TlsStream writes to. */
export interface TlsHandle {
  /**
   * Encrypts bytes, which are free after the call, and sends them. The process ends when the write before is not over.
   * @returns an error number, or a write that goes on
   */
  writeBuffer (request: null, bytes: Buffer): number | TlsWrite
}

/** A write. It is over in a later turn, even when the kernel has taken everything. */
interface TlsWrite {
  /** An error number when the write has failed already; then `oncomplete` is not called. */
  readonly writeStatus: number | null
  /** To be set. Called with 0 or an error number. */
  oncomplete: ((status: number) => void) | null
}

interface ReadableHandle extends TlsHandle {
  useUserBuffer (buffer: Uint8Array): void
}

const NOTHING = Buffer.alloc(0)

/** The handle of a TLS socket whose handshake is over; undefined when it is not as expected. */
export function tlsHandleOf (socket: tls.TLSSocket): TlsHandle | undefined {
  const handle = handleOf(socket)
  return isTlsHandle(handle) ? handle : undefined
}

/** Bytes that the kernel has not taken yet of what was written to a connection below TLS. */
export function unsentBytes (transport: net.Socket): number {
  const handle = handleOf(transport)
  const bytes: unknown = handle === undefined ? 0 : Reflect.get(handle, 'writeQueueSize')
  return typeof bytes === 'number' ? bytes : 0
}

/** A write of nothing to a connection below TLS: it sends nothing, and fails on one that is gone. */
export function isResetBelow (transport: net.Socket): boolean {
  const handle = handleOf(transport)
  return isWritable(handle) && unsentBytes(transport) === 0 && handle.writeBuffer(null, NOTHING) !== 0
}

function isWritable (handle: object | undefined): handle is { writeBuffer (request: null, bytes: Buffer): unknown } {
  return handle !== undefined && typeof Reflect.get(handle, 'writeBuffer') === 'function'
}

/**
 * Gives what a socket decrypts to `onRead`, instead of a 'data' event with a buffer of its own for each record.
 * @param onRead gets the number of bytes in `memory`, which are valid during the call; says false when reading has to stop.
 *   Records that have been received already come nevertheless.
 * @param memory shared by all sockets
 */
export function readDirectly (socket: tls.TLSSocket, memory: Buffer, onRead: (length: number) => boolean): void {
  const handle = handleOf(socket)
  if (READING === undefined || !isTlsHandle(handle)) return
  Reflect.set(socket, READING.buffer, memory)
  Reflect.set(socket, READING.callback, onRead)
  handle.useUserBuffer(memory)
}

function handleOf (socket: net.Socket): object | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

function isTlsHandle (handle: object | undefined): handle is ReadableHandle {
  return handle !== undefined && typeof Reflect.get(handle, 'writeBuffer') === 'function' &&
    typeof Reflect.get(handle, 'useUserBuffer') === 'function' && typeof Reflect.get(handle, 'destroySSL') === 'function'
}

/** Where a socket keeps what the option `onread` of net.connect says, which a TLS socket over another one does not take. */
const READING = readingKeys()

function readingKeys (): { readonly buffer: symbol, readonly callback: symbol } | undefined {
  const keys = Object.getOwnPropertySymbols(new net.Socket())
  const buffer = keys.find(key => key.description === 'kBuffer')
  const callback = keys.find(key => key.description === 'kBufferCb')
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback }
}

/**
 * How a TLS connection has ended. RFC 8446 section 6.1: the end of the TCP connection alone can be anybody's doing, so what
 * ends with it may be cut short; the end of the data is told by a close_notify. Node reports both as 'end'.
 */

/** libuv: the stream is being read already. */
const ALREADY = -constants.errno.EALREADY

/**
 * Watches for the end of what the peer sends. It uses parts of Node that are not documented: reading from the TCP
 * connection goes on behind a close_notify and is over after a FIN, and its handle says which it is when it is asked to read.
 * @param transport what `secure` runs over
 * @returns tells, once `secure` has emitted 'end', whether a close_notify was received; false when the handles are not as expected
 */
export function watchTlsEnd (secure: tls.TLSSocket, transport: net.Socket): () => boolean {
  let told: boolean | undefined
  const { push } = secure
  // At 'end' it would be too late: a paused socket emits it after everything else has changed.
  secure.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) told ??= goesOn(secure, transport)
    return push.call(secure, chunk, encoding)
  }
  return () => told ?? false
}

function goesOn (secure: tls.TLSSocket, transport: net.Socket): boolean {
  const above: unknown = Reflect.get(secure, '_handle')
  const below: unknown = Reflect.get(transport, '_handle')
  if (!isReadable(above) || !isReadable(below)) return false
  // While nothing is read no FIN can be noticed, so it was a close_notify that had come before.
  if (above.reading === false || below.readStart() === ALREADY) return true
  below.readStop()
  return false
}

interface PausableHandle {
  readonly reading?: boolean
  readStart (): number
  readStop (): number
}

function isReadable (handle: unknown): handle is PausableHandle {
  return typeof handle === 'object' && handle !== null &&
    typeof Reflect.get(handle, 'readStart') === 'function' && typeof Reflect.get(handle, 'readStop') === 'function'
}
