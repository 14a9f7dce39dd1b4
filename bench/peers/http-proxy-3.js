import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy-3'
import { readArguments } from './arguments.js'

const { listen, origin } = readArguments()
const proxy = httpProxy.createProxyServer({ target: origin, xfwd: true, agent: new Agent({ keepAlive: true, maxFreeSockets: 256 }) })
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  proxy.web(request, response, {}, () => { response.writeHead(502).end() })
}).listen({ host: '127.0.0.1', port: listen, backlog: 4096 })
