import type { Server } from 'node:http'
import { connectionOf } from './pace-connections.ts'
import { endWithProblem } from './send-problem.ts'

/** The methods that some resource of the API has. */
const ALLOW = 'GET, HEAD, PUT, POST, OPTIONS'

/** Answers CONNECT, which Node's server hands over as a bare connection and would close without a word. */
export function refuseConnect (server: Server): void {
  server.on('connect', request => {
    const connection = connectionOf(request)
    if (connection === undefined) return
    endWithProblem(connection, 'method_not_allowed', { fields: `Allow: ${ALLOW}\r\n`, detail: 'this is no proxy; GET / lists what there is' })
  })
}
