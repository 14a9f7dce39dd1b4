import { once } from 'node:events'
import net from 'node:net'

/** Below the range from which Linux takes the ports of outgoing connections, so that no client of a parallel test gets one. */
const LOWEST = 12_000
const HIGHEST = 32_000
const MAX_TRIES = 200

/**
 * Ports that nobody listens on at this moment, for a program that cannot ask for any port. Another test may be faster:
 * start again with other ports when one turns out to be taken.
 * @throws Error when no free port was found
 */
export async function freePorts (count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > MAX_TRIES) throw new Error(`no ${count} free ports were found`)
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

/** One port that nobody listens on. */
export async function freePort (): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Is the port free on every address of this machine? */
async function isFree (port: number): Promise<boolean> {
  const server = net.createServer()
  try {
    server.listen(port)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
