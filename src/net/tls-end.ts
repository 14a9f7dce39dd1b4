/**
 * How a TLS connection has ended. RFC 8446 section 6.1: the end of the TCP connection alone can be anybody's doing, so what
 * ends with it may be cut short; the end of the data is told by a close_notify. Node reports both as 'end'.
 */
import type net from 'node:net'
import { constants } from 'node:os'
import type tls from 'node:tls'

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

interface ReadableHandle {
  readonly reading?: boolean
  readStart (): number
  readStop (): number
}

function isReadable (handle: unknown): handle is ReadableHandle {
  return typeof handle === 'object' && handle !== null &&
    typeof Reflect.get(handle, 'readStart') === 'function' && typeof Reflect.get(handle, 'readStop') === 'function'
}
