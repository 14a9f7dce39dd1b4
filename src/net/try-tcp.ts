/** The trial of what TcpStream uses undocumented: a connection over loopback, taken over, read, written and reset. A millisecond. */
import net from 'node:net'
import { createReadBuffer, type ReadBuffer } from './byte-stream.ts'
import { openTrialServer } from './trial-server.ts'
import { TcpStream } from './tcp-stream.ts'
import { TrialReader } from './trial-reader.ts'

const BUFFER_BYTES = 64
/** More than a buffer, so that it is read in turns. */
const QUESTION = Buffer.alloc(BUFFER_BYTES * 3 + 1, 'question ')
const ANSWER = Buffer.from('answer')

const buffer = (): ReadBuffer => createReadBuffer(0, BUFFER_BYTES, 0)

/**
 * @param limitMs how long it waits for what does not come, in milliseconds
 * @returns what does not do as expected; undefined when all does
 */
export async function tryTcp (limitMs?: number): Promise<string | undefined> {
  const near = new TrialReader<TcpStream>(limitMs)
  const far = new TrialReader<TcpStream>(limitMs)
  const { server, address, port } = await openTrialServer()
  try {
    let accepted: net.Socket | undefined
    let connected = false
    server.once('connection', socket => { accepted = socket })
    near.stream = TcpStream.connect({ address, port, io: 'direct' }, near, buffer(), () => { connected = true })
    await near.until('the connection', () => connected && accepted !== undefined)
    far.stream = TcpStream.accept(accepted ?? new net.Socket(), far, buffer(), 'direct')
    return await judge(near, far)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    near.stream?.destroy()
    far.stream?.destroy()
    server.close()
  }
}

async function judge (near: TrialReader<TcpStream>, far: TrialReader<TcpStream>): Promise<string | undefined> {
  const [client, server] = [near.stream, far.stream]
  if (client?.direct !== true || server?.direct !== true) return 'the handle of a socket is not as expected'
  if (!client.write(QUESTION)) return 'a write that the kernel has room for is not over at once'
  await far.until('what was written', () => far.received.length >= QUESTION.length)
  if (!far.received.equals(QUESTION)) return 'what was written is not what is read'
  if (!server.write(ANSWER)) return 'a write to a handle that was taken over is not over at once'
  await near.until('what a handle that was taken over has written', () => near.received.length >= ANSWER.length)
  if (!near.received.equals(ANSWER)) return 'what a handle that was taken over has written is not what is read'
  // A FIN, and then a reset for what comes to who has gone.
  server.destroy()
  await near.until('a FIN', () => near.ended)
  if (client.isReset()) return 'a FIN is taken for a reset'
  client.write(QUESTION)
  await near.until('a reset behind a FIN', () => client.isReset())
  return undefined
}
