import { createServer } from 'node:net'
import { once } from 'node:events'

/** Ports that nobody listens on at this moment, all different. */
export async function freePorts (count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(async server => { await once(server, 'listening') }))
  const ports = servers.map(server => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('a TCP server has an address')
    return address.port
  })
  await Promise.all(servers.map(async server => {
    server.close()
    await once(server, 'close')
  }))
  return ports
}

/**
 * One free port.
 * @param promised ports that were chosen before and that nobody listens on yet: the system may offer one of them again
 */
export async function freePort (promised: readonly number[] = []): Promise<number> {
  const port = (await freePorts(promised.length + 1)).find(candidate => !promised.includes(candidate))
  if (port === undefined) throw new TypeError('of that many ports one at least was not promised')
  return port
}
