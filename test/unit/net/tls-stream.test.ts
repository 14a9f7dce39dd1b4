import { randomBytes } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { createRecordBuffer, TlsStream } from '../../../src/net/tls-stream.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { tlsPem } from '../../helpers/listener-certificates.ts'
import { RawPeer } from '../../helpers/raw-peer.ts'
import { StreamRecorder } from '../../helpers/stream-recorder.ts'
import { kernelSocket, portsOf } from '../../helpers/kernel-socket.ts'
import { testIo } from '../../helpers/test-io.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'
import { buffer, STREAM_SCENARIOS, type StreamPair } from './stream-scenarios.ts'

interface Pair extends StreamPair {
  readonly stream: TlsStream
  /** What the peer's TLS runs over. */
  readonly transport: net.Socket
}

const CERTIFICATE = { cert: tlsPem('listener-default'), key: tlsPem('listener-key') }
const TRUST = tls.createSecureContext({ ca: tlsPem('listener-ca') })

/** A server that makes every connection secure; it tells of the first. */
async function serve (t: Test): Promise<{ readonly port: number, readonly first: Promise<{ readonly secure: tls.TLSSocket, readonly transport: net.Socket }> }> {
  const { promise: first, resolve } = Promise.withResolvers<{ readonly secure: tls.TLSSocket, readonly transport: net.Socket }>()
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, transport => {
    const secure = tls.createServer(CERTIFICATE).once('secureConnection', socket => { resolve({ secure: socket, transport }) })
    transport.on('error', () => {})
    secure.on('tlsClientError', () => { transport.destroy() })
    secure.emit('connection', transport)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, first }
}

/** Both ends of a connection: the stream accepts or connects. */
async function pair (t: Test, side: 'accept' | 'connect', own = buffer()): Promise<Pair> {
  const recorder = new StreamRecorder()
  const { port, first } = await serve(t)
  let stream: TlsStream
  let socket: tls.TLSSocket
  let transport: net.Socket
  if (side === 'accept') {
    transport = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    socket = tls.connect({ socket: transport, servername: 'default.test', secureContext: TRUST })
    stream = TlsStream.accept({ ...await first, record: createRecordBuffer(), io: testIo() }, recorder, own)
  } else {
    const connected = Promise.withResolvers<void>()
    const options = { secureContext: TRUST, rejectUnauthorized: true }
    stream = TlsStream.connect({ address: '127.0.0.1', port, record: createRecordBuffer(), io: testIo(), tls: options }, recorder, own, () => { connected.resolve() })
    const accepted = await first
    socket = accepted.secure
    transport = accepted.transport
    await connected.promise
  }
  const peer = new RawPeer('the peer', socket, 'request')
  t.teardown(() => {
    stream.destroy()
    socket.destroy()
    transport.destroy()
  })
  return { stream, recorder, peer, transport, buffer: own, takesSmallWrites: false }
}

for (const side of ['accept', 'connect'] as const) {
  for (const { name, run } of STREAM_SCENARIOS) t.test(`${side}: ${name}`, async t => { await run(t, async own => await pair(t, side, own)) })

  t.test(`${side}: what has come already when a stream is paused leaves the reader's buffer alone`, async t => {
    const both = await pair(t, side)
    const bytes = randomBytes(60_000)
    const kept: Buffer[] = []
    both.recorder.onRead = () => {
      both.stream.pause()
      kept.push(Buffer.from(both.buffer.memory))
    }
    both.peer.send(bytes)
    await until(() => kept.length === 1)
    await turns()
    t.ok(both.recorder.bytes.length < bytes.length)
    t.ok(kept[0]?.equals(both.buffer.memory))
    both.recorder.onRead = () => {}
    both.stream.resume()
    await until(() => both.recorder.bytes.length === bytes.length)
    t.ok(both.recorder.bytes.equals(bytes))
  })

  t.test(`${side}: writes to a peer that is gone end the stream, even a paused one`, async t => {
    const both = await pair(t, side)
    both.peer.send('x')
    await until(() => both.recorder.bytes.length === 1)
    both.stream.pause()
    const { local, remote } = portsOf(both.transport)
    both.transport.resetAndDestroy()
    await until(() => kernelSocket({ local: remote, remote: local }) === undefined)
    for (let tries = 0; tries < 3; tries++) both.stream.write(Buffer.from('hello'))
    await until(() => both.recorder.closes.length === 1)
    t.match(both.recorder.closes[0], /^(EPIPE|ECONNRESET)$/)
  })

  t.test(`${side}: a small write leaves its buffer free at once, and its end is told`, async t => {
    const both = await pair(t, side)
    const bytes = Buffer.from('hello')
    t.equal(both.stream.write(bytes), true)
    bytes.fill(0)
    t.equal(both.stream.writePending, true, 'it is not with the kernel yet')
    t.equal(both.stream.ownBytes, 5, 'meanwhile the stream has a copy')
    await until(() => both.recorder.drains === 1)
    t.equal(both.stream.ownBytes, 0)
    t.equal(both.stream.writePending, false)
    await both.peer.until('the bytes', () => both.peer.tail === 'hello')
  })

  t.test(`${side}: a large write leaves its buffer free at once too, and so do those behind it`, async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    const received: Buffer[] = []
    const expected: Buffer[] = []
    both.peer.socket.on('data', (bytes: Buffer) => { received.push(bytes) })
    const memory = Buffer.alloc(5_000_000)
    for (let index = 1; index <= 4; index++) {
      memory.fill(index)
      expected.push(Buffer.from(memory))
      both.stream.write(memory)
      memory.fill(0xff)
    }
    both.peer.socket.resume()
    await both.peer.until('everything', () => both.peer.bytesReceived === 20_000_000)
    t.ok(Buffer.concat(received).equals(Buffer.concat(expected)))
  })

  t.test(`${side}: a reset tells its close in a later turn`, async t => {
    const both = await pair(t, side)
    both.stream.reset()
    t.same(both.recorder.closes, [])
    await until(() => both.recorder.closes.length === 1)
  })

  t.test(`${side}: an end goes out behind what still waits, and the other direction stays open`, async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    for (let index = 0; index < 12; index++) both.stream.write(Buffer.alloc(1_000_000))
    both.stream.end()
    both.peer.socket.resume()
    await both.peer.untilEnded()
    t.equal(both.peer.bytesReceived, 12_000_000)
    both.peer.socket.allowHalfOpen = true
  })

  t.test(`${side}: an end of the peer is told, and the other direction stays open`, async t => {
    const both = await pair(t, side)
    both.peer.end()
    if (side === 'connect' && testIo() === 'events') {
      await until(() => both.recorder.closes.length === 1)
      t.same(both.recorder.closes, ['ENDED_WITHOUT_CLOSE_NOTIFY'], 'where a close_notify can\'t be told from a FIN')
      return
    }
    await until(() => both.recorder.ended === 1)
    both.stream.write(Buffer.from('still here'))
    await both.peer.until('the bytes', () => both.peer.tail === 'still here')
    both.stream.end()
    await both.peer.untilEnded()
    await until(() => both.recorder.closes.length === 1)
    t.same(both.recorder.closes, [undefined])
  })

  t.test(`${side}: an end without close_notify is an end for who accepts, and a failure for who connects`, async t => {
    const both = await pair(t, side)
    both.transport.end()
    await until(() => both.recorder.ended + both.recorder.closes.length === 1)
    t.same(both.recorder.closes, side === 'accept' ? [] : ['ENDED_WITHOUT_CLOSE_NOTIFY'])
  })

  t.test(`${side}: a reset of the peer is told with its code`, async t => {
    const both = await pair(t, side)
    both.peer.send('x')
    await until(() => both.recorder.bytes.length === 1)
    both.transport.resetAndDestroy()
    await until(() => both.recorder.closes.length === 1)
    t.same(both.recorder.closes, ['ECONNRESET'])
    t.equal(both.recorder.ended, 0)
  })

  t.test(`${side}: a record that was tampered with ends the stream`, async t => {
    const both = await pair(t, side)
    both.transport.write(Buffer.concat([Buffer.from('1703030040', 'hex'), randomBytes(64)]))
    await until(() => both.recorder.closes.length === 1)
    t.match(both.recorder.closes[0], /^ERR_SSL_/)
    t.equal(both.recorder.bytes.length, 0)
  })

  t.test(`${side}: a stream that was destroyed delivers nothing more, and a write to it is no error`, async t => {
    const both = await pair(t, side, buffer(10))
    both.recorder.onRead = () => { both.stream.destroy() }
    both.peer.send(randomBytes(1_000))
    await until(() => both.recorder.closes.length === 1)
    t.equal(both.recorder.reads.length, 1)
    t.equal(both.stream.write(Buffer.from('x')), true)
    t.equal(both.stream.writePending, false)
    both.stream.end()
    both.stream.reset()
    both.stream.pause()
    both.stream.resume()
    t.equal(both.recorder.closes.length, 1)
  })

  t.test(`${side}: a defect of the handler is told to it`, async t => {
    const both = await pair(t, side)
    both.recorder.onRead = () => { throw new Error('a defect') }
    both.peer.send('hello')
    await until(() => both.recorder.defects.length === 1)
  })
}

t.test('connections that are not made are told with their code', async t => {
  const reasonOf = async (port: number, options: Partial<Parameters<typeof TlsStream.connect>[0]['tls']>): Promise<string | undefined> => {
    const recorder = new StreamRecorder()
    TlsStream.connect({ address: '127.0.0.1', port, record: createRecordBuffer(), io: testIo(), tls: { secureContext: TRUST, rejectUnauthorized: true, ...options } }, recorder, buffer(), () => { t.fail('it is not there') })
    await until(() => recorder.closes.length === 1)
    return recorder.closes[0]
  }
  const { port } = await serve(t)
  t.equal(await reasonOf(port, { servername: 'other.test' }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.match(await reasonOf(port, { secureContext: tls.createSecureContext({ ca: tlsPem('client-ca') }) }), /SELF_SIGNED|UNABLE_TO/)
  t.equal(await reasonOf(await closedPort(), {}), 'ECONNREFUSED')
})

t.test('without a name the certificate has to be for the address', async t => {
  const { port } = await serve(t)
  const recorder = new StreamRecorder()
  const { promise, resolve } = Promise.withResolvers<void>()
  const sessions: Buffer[] = []
  const options = { secureContext: TRUST, rejectUnauthorized: true, onSession: (session: Buffer) => { sessions.push(session) } }
  const stream = TlsStream.connect({ address: '127.0.0.1', port, record: createRecordBuffer(), io: testIo(), tls: options }, recorder, buffer(), resolve)
  await promise
  await until(() => sessions.length > 0)
  stream.destroy()
  await until(() => recorder.closes.length === 1)
})
