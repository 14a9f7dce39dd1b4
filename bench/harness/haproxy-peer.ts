import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine } from './machine.ts'
import { startProgram, type Peer, type PeerStart } from './peer.ts'

/** HAProxy: one thread, every idle upstream connection reusable, 64 KiB buffers, no log, client addresses split by weight. */
export const haproxyPeer: Peer = {
  name: 'haproxy',
  remedy: 'install the Debian package haproxy',
  version: () => /version (\S+)/.exec(firstLine('haproxy', ['-v']) ?? '')?.[1],
  async start (options) {
    const file = join(options.dir, 'haproxy.cfg')
    writeFileSync(file, haproxyConfig(options))
    return await startProgram(options, 'haproxy', ['haproxy', '-db', '-f', file])
  }
}

function haproxyConfig ({ listenPort, originPorts, certificate }: PeerStart): string {
  const tls = certificate === undefined ? '' : ` ssl crt ${certificate.pair} ssl-min-ver TLSv1.3`
  return `global
  nbthread 1
  tune.bufsize 65536

defaults
  mode http
  timeout connect 2s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  option http-keep-alive
  option forwardfor

frontend bench
  bind 127.0.0.1:${listenPort} backlog 4096${tls}
  http-request set-header X-Forwarded-Proto ${certificate === undefined ? 'http' : 'https'}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend versions

backend versions
  balance source
  hash-type consistent
  http-reuse always
  server stable 127.0.0.1:${originPorts[0]} weight 75
  server canary 127.0.0.1:${originPorts[1]} weight 25
`
}
