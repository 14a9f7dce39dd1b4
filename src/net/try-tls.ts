/**
 * The trial of what TlsStream uses undocumented: two connections over loopback, one that ends with a close_notify and one that ends
 * without. They are made secure by a key that both sides know, so no certificate is needed. Loading this file loads node:tls.
 */
import { errorText } from '../core/error-text.ts'
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import { createReadBuffer } from './byte-stream.ts'
import { createRecordBuffer, TlsStream } from './tls-stream.ts'
import { openTrialServer, TrialReader } from './try-tcp.ts'

const QUESTION = Buffer.from('question')
/** Two records. */
const ANSWER = Buffer.alloc(20_000, 'answer ')
/** Of TLS 1.2, where a known key needs no certificate beside it. */
const CIPHERS = 'PSK-AES128-GCM-SHA256'
const NO_NOTIFY = 'ENDED_WITHOUT_CLOSE_NOTIFY'

interface Ends {
  readonly near: TrialReader<TlsStream>
  readonly far: TrialReader<TlsStream>
  /** Below the far end. */
  readonly transport: net.Socket
}

/** @returns what does not do as expected; undefined when all does */
export async function tryTls (): Promise<string | undefined> {
  const { server, address, port } = await openTrialServer()
  const opened: TlsStream[] = []
  const target = { address, port }
  try {
    const inOrder = await connect(server, target, opened)
    const fault = await converse(inOrder)
    if (fault !== undefined) return fault
    inOrder.far.stream?.end()
    await inOrder.near.until('a close_notify', () => inOrder.near.ended || inOrder.near.closed !== undefined)
    if (!inOrder.near.ended) return 'a close_notify is taken for a FIN'

    const cut = await connect(server, target, opened)
    cut.transport.end()
    await cut.near.until('a FIN', () => cut.near.ended || cut.near.closed !== undefined)
    return cut.near.closed === NO_NOTIFY ? undefined : 'a FIN is taken for a close_notify'
  } catch (error) {
    return errorText(error)
  } finally {
    for (const stream of opened) stream.destroy()
    server.close()
  }
}

async function converse ({ near, far }: Ends): Promise<string | undefined> {
  const [client, server] = [near.stream, far.stream]
  if (client?.direct !== true || server?.direct !== true) return 'the handle of a TLS socket is not as expected'
  client.write(QUESTION)
  await far.until('what was encrypted', () => far.received.length >= QUESTION.length)
  if (!far.received.equals(QUESTION)) return 'what was encrypted is not what is read'
  server.write(ANSWER)
  await near.until('what was encrypted in two records', () => near.received.length >= ANSWER.length)
  return near.received.equals(ANSWER) ? undefined : 'what was encrypted in two records is not what is read'
}

async function connect (
  server: net.Server, { address, port }: { readonly address: string, readonly port: number }, opened: TlsStream[]
): Promise<Ends> {
  const key = randomBytes(16)
  const near = new TrialReader<TlsStream>()
  const far = new TrialReader<TlsStream>()
  let transport: net.Socket | undefined
  let secured = false
  let connected = false
  const record = createRecordBuffer()
  server.once('connection', (socket: net.Socket) => {
    transport = socket
    const terminator = tls.createServer({ ciphers: CIPHERS, maxVersion: 'TLSv1.2', pskCallback: () => key })
    terminator.once('secureConnection', secure => {
      socket.allowHalfOpen = true
      secure.allowHalfOpen = true
      far.stream = TlsStream.accept({ secure, transport: socket, record, io: 'direct' }, far, createReadBuffer(0, 4_096, 0))
      opened.push(far.stream)
      secured = true
    })
    terminator.emit('connection', socket)
  })
  const options = { secureContext: pskContext(), rejectUnauthorized: false }
  Object.assign(options, { pskCallback: () => ({ psk: key, identity: 'weir' }), checkServerIdentity: () => undefined })
  near.stream = TlsStream.connect({
    address, port, record: createRecordBuffer(), io: 'direct', tls: options
  }, near, createReadBuffer(0, 4_096, 0), () => { connected = true })
  opened.push(near.stream)
  await near.until('a secure connection', () => connected && secured)
  return { near, far, transport: transport ?? new net.Socket() }
}

function pskContext (): tls.SecureContext {
  return tls.createSecureContext({ ciphers: CIPHERS, maxVersion: 'TLSv1.2' })
}
