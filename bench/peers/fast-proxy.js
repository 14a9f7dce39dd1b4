import { createServer } from 'node:http'
import fastProxy from 'fast-proxy'
import { readArguments } from './arguments.js'

const { listen, origin } = readArguments()
const { proxy } = fastProxy({
  base: origin,
  undici: { connections: 256, pipelining: 1, keepAliveTimeout: 60_000 }
})
createServer({ keepAliveTimeout: 600_000 }, (request, response) => { proxy(request, response, request.url, {}) })
  .listen({ host: '127.0.0.1', port: listen, backlog: 4096 })
