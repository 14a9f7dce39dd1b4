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

/** One free port. */
export async function freePort (): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new TypeError('freePorts(1) gives one port')
  return port
}
