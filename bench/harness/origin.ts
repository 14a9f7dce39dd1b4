/**
 * The origin: static bodies on two ports, on the load's core.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { logTail } from './child-processes.ts'
import { until } from './deadline.ts'
import { freePorts } from './free-port.ts'
import { statusOf } from './http-exchange.ts'
import { nginxFrame, nginxTemporaryPaths, nginxVersion } from './nginx-peer.ts'
import { READY_PATH } from './peer.ts'
import { newDirectory, type Session } from './session.ts'

export interface Origin {
  readonly kind: 'nginx' | 'node'
  readonly ports: readonly [number, number]
}

const NODE_ORIGIN = fileURLToPath(new URL('../programs/body-origin.ts', import.meta.url))

/**
 * Starts nginx, or the Node origin where there is none. `GET /N` answers with N bytes, for each N of `sizes` and for 64.
 * @throws Error with the end of its log when it does not answer
 */
export async function startOrigin (session: Session, sizes: readonly number[]): Promise<Origin> {
  const [first, second] = await freePorts(2)
  if (first === undefined || second === undefined) throw new TypeError('freePorts(2) gives two ports')
  const kind = nginxVersion() === undefined ? 'node' : 'nginx'
  const dir = newDirectory(session)
  const logFile = join(dir, 'origin.log')
  const program = kind === 'nginx'
    ? { command: 'nginx', args: ['-c', writeNginxOrigin(dir, [first, second], sizes)] }
    : { command: process.execPath, args: [NODE_ORIGIN, String(first), String(second)] }
  session.children.start({ ...program, cpu: session.cpus.load, logFile })
  try {
    await until('the origin', { timeoutMs: 10_000, everyMs: 50 }, async () => {
      const statuses = [await statusOf(first, READY_PATH), await statusOf(second, READY_PATH)]
      return statuses.every(status => status === 200) ? true : undefined
    })
  } catch (error) {
    throw new Error(`the origin did not start: ${logTail(logFile)}`, { cause: error })
  }
  return { kind, ports: [first, second] }
}

function writeNginxOrigin (dir: string, ports: readonly [number, number], sizes: readonly number[]): string {
  const bodies = join(dir, 'bodies')
  mkdirSync(bodies)
  chmodSync(bodies, 0o755)
  for (const size of new Set([...sizes, 64])) writeFileSync(join(bodies, String(size)), Buffer.alloc(size, 'weir bench body\n'))
  const file = join(dir, 'nginx.conf')
  writeFileSync(file, `${nginxFrame(dir, 4_096)}
http {
${nginxTemporaryPaths(dir)}
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=600s;
  open_file_cache_valid 600s;
  server {
    listen 127.0.0.1:${ports[0]} backlog=4096;
    listen 127.0.0.1:${ports[1]} backlog=4096;
    root ${bodies};
  }
}
`)
  return file
}
