/**
 * What runs in a pod of the chaos tests: an HTTP server as a process of its own, with a journal of what it has executed.
 *
 * SIGTERM: it stops accepting, closes idle connections, answers what is in flight, and exits, as Node's server does. A connection on
 * which something lay unread is reset by that.
 * A message of the parent changes what it does with requests.
 */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { flushCompileCache } from 'node:module'
import type { Socket } from 'node:net'
import type { PodBehaviour, PodSpec } from './pod.ts'
import { noteClose, noteExecution } from './pod-journal.ts'

/** No answer takes so long. */
const EXIT_AFTER_MS = 3_000

const spec: PodSpec = Object(JSON.parse(process.argv[2] ?? '{}'))
let behaviour: PodBehaviour = 'ok'
let closing = false
const connections = new WeakMap<Socket, number>()
let accepted = 0

/** What is not named here is never answered. */
function misbehave (request: http.IncomingMessage, response: http.ServerResponse): void {
  if (behaviour === 'unavailable') response.writeHead(503, { 'content-length': 0 }).end()
  else if (behaviour === 'reset') request.socket.resetAndDestroy()
  else if (behaviour === 'garbage') request.socket.end('this is not HTTP\r\n\r\n')
}

function answer (response: http.ServerResponse): void {
  if (closing) response.setHeader('connection', 'close')
  response.writeHead(200, { 'content-length': spec.name.length })
  response.end(spec.name)
}

const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  response.on('error', () => {})
  request.on('error', () => {})
  request.resume()
  request.once('end', () => {
    if (behaviour !== 'ok') return misbehave(request, response)
    if (request.method === 'POST') noteExecution(spec.journal, { path: request.url ?? '', pod: spec.name, connection: connections.get(request.socket) ?? 0 })
    if (spec.workMs === 0) answer(response)
    else setTimeout(answer, spec.workMs, response)
  })
})

server.on('connection', socket => { connections.set(socket, ++accepted) })

/** Resets that this machine has sent: of all its processes, so what is counted here is never too little. */
function resetsSent (): number {
  const [names = '', values = ''] = readFileSync('/proc/net/snmp', 'utf8').split('\n').filter(line => line.startsWith('Tcp:'))
  return Number(values.split(' ')[names.split(' ').indexOf('OutRsts')])
}

function close (): void {
  closing = true
  const before = resetsSent()
  // Listener and idle connections are closed before it returns.
  server.close(() => { process.exit(0) })
  noteClose(spec.journal, spec.name, resetsSent() - before)
  setTimeout(() => { process.exit(0) }, EXIT_AFTER_MS)
}

process.on('SIGTERM', close)
process.on('message', (message: PodBehaviour) => {
  behaviour = message
  process.send?.(message)
})
process.on('disconnect', () => { process.exit(0) })
server.listen({ port: spec.port, host: spec.address, backlog: 1_024 }, () => {
  process.send?.('listening')
  // Most pods are killed: that would leave nothing in the cache.
  flushCompileCache()
})
