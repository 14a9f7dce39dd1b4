import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startProgram, type Peer } from './peer.ts'

const PEERS = new URL('../peers/', import.meta.url)

/** The proxies of bench/peers: plain forwarding to one origin over kept-alive connections, no split. */
export const nodePeers: readonly Peer[] = [
  nodePeer('@fastify/http-proxy', 'fastify-http-proxy.js'),
  nodePeer('fast-proxy', 'fast-proxy.js'),
  nodePeer('http-proxy-3', 'http-proxy-3.js')
]

function nodePeer (name: string, program: string): Peer {
  return {
    name,
    remedy: 'run `npm ci` in bench/peers',
    version: () => packageVersion(name),
    async start (options) {
      if (options.certificate !== undefined) throw new Error(`${name} is measured without TLS only`)
      const file = fileURLToPath(new URL(program, PEERS))
      const args = ['--listen', String(options.listenPort), '--origin', String(options.originPorts[0])]
      return await startProgram(options, name, [process.execPath, file, ...args])
    }
  }
}

function packageVersion (name: string): string | undefined {
  const file = new URL(`node_modules/${name}/package.json`, PEERS)
  if (!existsSync(file)) return undefined
  // A package.json has a version.
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
