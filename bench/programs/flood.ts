/**
 * A flood, for `npm run bench:fair`. Arguments: what it is made of (bench/harness/flood.ts), the number of connections, Weir's port, and
 * the port where it is the origin of chunks. It prints a line when all clients have connected, and at the end of standard input the bytes a
 * second that they have sent and read.
 */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import type { FloodKind } from '../harness/flood.ts'

const PIECE_BYTES = 65_536

const kind = process.argv[2] as FloodKind // the harness says it
const [connections = 0, port = 0, chunkPort = 0] = process.argv.slice(3, 6).map(Number)

const HEADS: Readonly<Record<FloodKind, string>> = {
  options: 'OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nMax-Forwards: 0\r\n\r\n',
  missing: 'GET /nobody HTTP/1.1\r\nHost: nobody.test\r\n\r\n',
  redirect: 'GET / HTTP/1.1\r\nHost: redirect.test\r\n\r\n',
  'chunks-up': 'POST / HTTP/1.1\r\nHost: chunks.test\r\nTransfer-Encoding: chunked\r\n\r\n',
  'chunks-down': 'GET / HTTP/1.1\r\nHost: chunks.test\r\n\r\n'
}
const CHUNKS = repeated('1\r\nx\r\n')
let bytes = 0
const over = new AbortController()

function repeated (text: string): Buffer {
  return Buffer.from(text.repeat(Math.floor(PIECE_BYTES / text.length)))
}

/** Writes the same again and again, as fast as it is taken. */
function pour (socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (socket.writable && !over.signal.aborted) {
      bytes += piece.length
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', more)
  more()
}

async function connect (): Promise<void> {
  const socket = createConnection({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  socket.on('data', (read: Buffer) => { bytes += read.length })
  // After so many requests Weir closes a connection.
  socket.on('close', () => { if (!over.signal.aborted) void connect() })
  await once(socket, 'connect')
  if (kind === 'chunks-up' || kind === 'chunks-down') socket.write(HEADS[kind])
  if (kind !== 'chunks-down') pour(socket, kind === 'chunks-up' ? CHUNKS : repeated(HEADS[kind]))
}

/** Its answer has no end and is in chunks; what comes is thrown away. */
const origin = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', () => {
    socket.resume()
    if (kind !== 'chunks-down') return
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    pour(socket, CHUNKS)
  })
})
origin.listen({ host: '127.0.0.1', port: chunkPort })
await once(origin, 'listening')
for (let count = 0; count < connections; count++) await connect()
console.log('ready')
const startedMs = performance.now()
process.stdin.resume()
await once(process.stdin, 'end')
over.abort()
console.log(String(Math.round(bytes / (performance.now() - startedMs) * 1_000)))
process.exit()
