import net from 'node:net'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Listens and never accepts: the thread that would is asleep. */
const SLEEPER = `
  const net = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = net.createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
`
/** A backlog of 1 holds two connections. */
const QUEUED = 2

/** A port that neither accepts nor refuses a connection, as an address that nobody has does. */
export async function fullBacklog (): Promise<{ readonly port: number, close (): Promise<void> }> {
  const worker = new Worker(SLEEPER, { eval: true })
  const [port]: number[] = await once(worker, 'message')
  if (port === undefined) throw new Error('the sleeper told no port')
  const fillers: net.Socket[] = []
  for (let index = 0; index < QUEUED; index++) {
    const filler = net.connect({ host: '127.0.0.1', port })
    filler.on('error', () => {})
    fillers.push(filler)
    await once(filler, 'connect')
  }
  return {
    port,
    async close () {
      for (const filler of fillers) filler.destroy()
      await worker.terminate()
    }
  }
}
