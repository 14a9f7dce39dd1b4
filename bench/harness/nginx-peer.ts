import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import { firstLine } from './machine.ts'
import { startProgram, type Peer, type PeerStart } from './peer.ts'

/** nginx: one worker, kept-alive upstream connections, 64 KiB buffers, no access log, 25 % of the client addresses to the canary. */
export const nginxPeer: Peer = {
  name: 'nginx',
  remedy: 'install the Debian package nginx',
  version: () => nginxVersion(),
  async start (options) {
    const file = join(options.dir, 'nginx.conf')
    writeFileSync(file, nginxConfig(options))
    return await startProgram(options, 'nginx', ['nginx', '-c', file])
  }
}

/** `1.22.1`, or undefined when there is no nginx. */
export function nginxVersion (): string | undefined {
  return /nginx\/(\S+)/.exec(firstLine('nginx', ['-v']) ?? '')?.[1]
}

/** The lines that keep nginx in the foreground and inside `dir`; `connections` counts both sides. */
export function nginxFrame (dir: string, connections: number): string {
  return `daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr error;
events { worker_connections ${connections}; }
`
}

/** The temporary directories of the http block, which nginx would create in the system's own places. */
export function nginxTemporaryPaths (dir: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `  ${name}_temp_path ${dir}/${name};`).join('\n')
}

function nginxConfig ({ dir, listenPort, originPorts, clientConnections, certificate }: PeerStart): string {
  const upstream = (name: string, port: number): string => `  upstream ${name} {
    server 127.0.0.1:${port};
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
  }`
  return `${nginxFrame(dir, clientConnections + 2_048)}
http {
${nginxTemporaryPaths(dir)}
  access_log off;
  tcp_nodelay on;
  reset_timedout_connection on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
${upstream('stable', originPorts[0])}
${upstream('canary', originPorts[1])}
  split_clients $remote_addr $version {
    25% canary;
    *   stable;
  }
  server {
    listen 127.0.0.1:${listenPort} backlog=4096${certificate === undefined ? '' : ' ssl'};${nginxTls(certificate)}
    location / {
      proxy_pass http://$version;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
    }
  }
}
`
}

function nginxTls (certificate: Certificate | undefined): string {
  return certificate === undefined
    ? ''
    : `
    ssl_certificate ${certificate.cert};
    ssl_certificate_key ${certificate.key};
    ssl_protocols TLSv1.3;
    ssl_session_tickets on;
    ssl_buffer_size 64k;`
}
