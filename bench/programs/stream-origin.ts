/**
 * The origin of `npm run bench:stream`. Arguments: the ports.
 *   GET /download?bytes=N[&chunked]   the body of N bytes
 *   PUT /upload?rate=N                reads at most N bytes a second and answers with {bytes, sha256}
 *   GET /64                           64 bytes
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bodyBlocks, readSlowly } from '../harness/stream-body.ts'

async function handle (request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://origin')
  if (url.pathname === '/64') {
    response.end(Buffer.alloc(64, 'weir bench body\n'))
  } else if (url.pathname === '/download') {
    const bytes = Number(url.searchParams.get('bytes'))
    if (!url.searchParams.has('chunked')) response.setHeader('Content-Length', bytes)
    await pipeline(Readable.from(bodyBlocks(bytes)), response)
  } else if (url.pathname === '/upload') {
    const digest = await readSlowly(request, Number(url.searchParams.get('rate')))
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(digest))
  } else {
    response.writeHead(404).end()
  }
}

for (const port of process.argv.slice(2).map(Number)) {
  createServer({ requestTimeout: 0, keepAliveTimeout: 600_000 }, (request, response) => {
    handle(request, response).catch(() => { response.destroy() })
  }).listen({ host: '127.0.0.1', port, backlog: 4096 })
}
