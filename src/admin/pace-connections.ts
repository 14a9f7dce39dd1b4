import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { ConnectionRoom, RequestTurns } from './connection-room.ts'
import { PacedConnection } from './paced-connection.ts'

export interface PaceLimits {
  /** A newcomer beyond it takes the place of an idle connection, or is closed at once. */
  readonly maxConnections: number
  /** The same for one address (IPv6: one /64). */
  readonly maxConnectionsPerPeer: number
  /** Requests of connections without a token that are begun in 10 ms, over all connections. */
  readonly unprovenPerWindow: number
}

/** Read ahead of what is handed over, at most, beside the 64 KiB of one read. */
export const READ_AHEAD_BYTES = 16_384

/** Puts a PacedConnection between every socket of a server that does not listen yet and the server. */
export function paceConnections (server: Server, limits: PaceLimits, clock: Clock): void {
  const room = new ConnectionRoom(limits)
  const pace = { clock, turns: new RequestTurns(clock, limits.unprovenPerWindow) }
  // The server's own; documented: a 'connection' may carry any duplex stream.
  const serve = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const connection = new PacedConnection(socket, pace, () => { room.refresh(connection) })
    connection.once('close', () => { room.leave(connection) })
    if (!room.admit(connection)) {
      connection.destroy()
      return
    }
    for (const listener of serve) Reflect.apply(listener, server, [connection])
  })
  // Before the listener that answers, and for each way in which a request is announced.
  server.prependListener('request', follow)
  server.on('checkContinue', (request, response) => { server.emit('request', request, response) })
  // Expect is a list (RFC 9110 section 10.1.1): one without a member asks for nothing.
  server.on('checkExpectation', (request, response) => {
    if (/^[ \t,]*$/.test(request.headers.expect ?? '')) server.emit('request', request, response)
    else response.writeHead(417, { connection: 'close' }).end()
  })
  server.prependListener('connect', (request: IncomingMessage) => { connectionOf(request)?.begin(request) })
}

function follow (request: IncomingMessage, response: ServerResponse): void {
  const connection = connectionOf(request)
  if (connection === undefined) return
  connection.begin(request)
  response.once('close', () => { connection.finish() })
}

/** The connection that a request came on; undefined for one that came on none, as in tests. */
export function connectionOf ({ socket }: Pick<IncomingMessage, 'socket'>): PacedConnection | undefined {
  const stream: unknown = socket
  return stream instanceof PacedConnection ? stream : undefined
}

/** Who asks has shown that they may ask more than everybody, or has not. */
export function tellProven (request: Pick<IncomingMessage, 'socket'>, isProven: boolean): void {
  connectionOf(request)?.prove(isProven)
}
