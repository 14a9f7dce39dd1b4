/**
 * What runs in a pod of the chaos tests: an HTTP server as a process of its own. It appends the id of every POST that it
 * executes to a journal, so that what was executed is known however it dies.
 *
 * SIGTERM: it goes on for `lateMs`, then stops accepting, closes idle connections, answers what is in flight, and exits.
 * A message of the parent changes what it does with requests.
 */
import { appendFileSync } from 'node:fs'
import http from 'node:http'
import type { PodBehaviour, PodSpec } from './pod.ts'

/** No answer takes so long. */
const EXIT_AFTER_MS = 3_000

const spec: PodSpec = Object(JSON.parse(process.argv[2] ?? '{}'))
let behaviour: PodBehaviour = 'ok'
let closing = false

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
    if (request.method === 'POST') appendFileSync(spec.journal, `${request.url ?? ''} ${spec.name}\n`)
    if (spec.workMs === 0) answer(response)
    else setTimeout(answer, spec.workMs, response)
  })
})

process.on('SIGTERM', () => {
  setTimeout(() => {
    closing = true
    server.close(() => { process.exit(0) })
    setTimeout(() => { process.exit(0) }, EXIT_AFTER_MS)
  }, spec.lateMs)
})
process.on('message', (message: PodBehaviour) => { behaviour = message })
process.on('disconnect', () => { process.exit(0) })
server.listen({ port: spec.port, host: spec.address, backlog: 1_024 }, () => { process.send?.('listening') })
