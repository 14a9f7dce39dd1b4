import net from 'node:net'

const LOOPBACK = '127.0.0.1'

/** A server for connections that are tried out. Close it. @throws the system's error when loopback can't be listened on */
export async function openTrialServer (): Promise<{ readonly server: net.Server, readonly address: string, readonly port: number }> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, LOOPBACK, resolve)
  })
  const address = server.address()
  return { server, address: LOOPBACK, port: typeof address === 'object' && address !== null ? address.port : 0 }
}
