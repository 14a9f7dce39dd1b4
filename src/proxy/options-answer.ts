/**
 * Weir's own answer to an OPTIONS request that may not be forwarded (RFC 9110 section 9.3.7).
 */

/** What Allow says. Origins may allow more or less. */
export const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** @param minor the client's minor version: a 1.0 client has to be told that its connection is kept */
export function optionsAnswer (date: string, keep: boolean, minor: number): Buffer {
  const connection = keep ? (minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
  return Buffer.from(`HTTP/1.1 200 OK\r\nDate: ${date}\r\nAllow: ${ALLOWED_METHODS}\r\nContent-Length: 0\r\n${connection}\r\n`, 'latin1')
}
