/**
 * The origin where there is no nginx: `GET /N` answers with N bytes. Arguments: the ports.
 */
import { createServer } from 'node:http'

const MAX_BYTES = 64 * 2 ** 20
const bodies = new Map<number, Buffer>()

for (const port of process.argv.slice(2).map(Number)) {
  createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const size = Number((request.url ?? '').slice(1))
    if (!Number.isInteger(size) || size < 0 || size > MAX_BYTES) {
      response.writeHead(404).end()
      return
    }
    const body = bodies.get(size) ?? Buffer.alloc(size, 'weir bench body\n')
    bodies.set(size, body)
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size }).end(body)
  }).listen({ host: '127.0.0.1', port, backlog: 4096 })
}
