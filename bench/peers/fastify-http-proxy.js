import Fastify from 'fastify'
import httpProxy from '@fastify/http-proxy'
import { readArguments } from './arguments.js'

const { listen, origin } = readArguments()
const app = Fastify({ logger: false, keepAliveTimeout: 600_000 })
await app.register(httpProxy, {
  upstream: origin,
  undici: { connections: 256, pipelining: 1, keepAliveTimeout: 60_000 }
})
await app.listen({ host: '127.0.0.1', port: listen, backlog: 4096 })
