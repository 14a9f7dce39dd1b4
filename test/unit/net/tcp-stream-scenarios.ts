/** What TcpStream promises, whichever way it works. */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import t, { type Test } from 'tap'
import { TcpStream } from '../../../src/net/tcp-stream.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { kernelSocket, portsOf } from '../../helpers/kernel-socket.ts'
import { untilStalled } from '../../helpers/pump.ts'
import { RawPeer } from '../../helpers/raw-peer.ts'
import { StreamRecorder } from '../../helpers/stream-recorder.ts'
import { testIo } from '../../helpers/test-io.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'
import { buffer, STREAM_SCENARIOS, type StreamPair } from './stream-scenarios.ts'

interface Pair extends StreamPair {
  readonly stream: TcpStream
}

/** Both ends of a connection: the stream accepts or connects. */
async function pair (t: Test, side: 'accept' | 'connect', own = buffer()): Promise<Pair> {
  const recorder = new StreamRecorder()
  const { promise, resolve } = Promise.withResolvers<net.Socket>()
  const server = net.createServer({ pauseOnConnect: side === 'accept', allowHalfOpen: true, noDelay: true }, resolve)
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  let stream: TcpStream
  let socket: net.Socket
  if (side === 'accept') {
    socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    stream = TcpStream.accept(await promise, recorder, own, testIo())
  } else {
    const connected = Promise.withResolvers<void>()
    stream = TcpStream.connect({ address: '127.0.0.1', port, io: testIo() }, recorder, own, () => { connected.resolve() })
    socket = await promise
    await connected.promise
  }
  const peer = new RawPeer('the peer', socket, 'request')
  t.teardown(() => {
    stream.destroy()
    socket.destroy()
    server.close()
  })
  return { stream, recorder, peer, buffer: own, takesSmallWrites: testIo() === 'direct' }
}

export function tcpStreamScenarios (): void {
  for (const side of ['accept', 'connect'] as const) {
    t.test(side, async t => {
      for (const { name, run } of STREAM_SCENARIOS) t.test(name, async t => { await run(t, async own => await pair(t, side, own)) })
      writing(t, side)
      ending(t, side)
    })
  }
  takingOver()
  connecting()
}

/** A stream over an accepted socket from which three bytes have been read, and what came with them given back. */
async function afterThreeBytes (t: Test, first: Buffer | string, options: { readonly end?: boolean, readonly onRead?: (stream: TcpStream) => void } = {}): Promise<Pair> {
  const own = buffer(1_000)
  const recorder = new StreamRecorder()
  const accepted = Promise.withResolvers<TcpStream>()
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, socket => {
    const read = (): void => {
      const bytes: unknown = socket.read()
      if (!Buffer.isBuffer(bytes)) return
      socket.off('readable', read)
      if (bytes.length > 3) socket.unshift(bytes.subarray(3))
      const stream = TcpStream.accept(socket, recorder, own, testIo())
      t.equal(recorder.reads.length, 0, 'nothing is delivered before the stream is there')
      recorder.onRead = () => { options.onRead?.(stream) }
      accepted.resolve(stream)
    }
    socket.on('readable', read)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const socket = net.connect({ port: typeof address === 'object' && address !== null ? address.port : 0, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const peer = new RawPeer('the peer', socket, 'request')
  if (options.end === true) socket.end(first)
  else peer.send(first)
  const stream = await accepted.promise
  t.teardown(() => {
    stream.destroy()
    socket.destroy()
    server.close()
  })
  return { stream, recorder, peer, buffer: own, takesSmallWrites: testIo() === 'direct' }
}

function takingOver (): void {
  t.test('a socket that was read from goes on where it was', async t => {
    const both = await afterThreeBytes(t, 'abcdef')
    await until(() => both.recorder.bytes.length === 3)
    t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
    both.peer.send('ghi')
    await until(() => both.recorder.bytes.length === 6)
    t.equal(both.recorder.bytes.toString(), 'defghi')
    both.stream.write(Buffer.from('an answer'))
    await both.peer.until('the bytes', () => both.peer.tail === 'an answer')
  })

  t.test('a socket that was read to the byte goes on too', async t => {
    const both = await afterThreeBytes(t, 'abc')
    both.peer.send('def')
    await until(() => both.recorder.bytes.length === 3)
    t.equal(both.recorder.bytes.toString(), 'def')
  })

  for (const [what, bytes] of [['with bytes before it', 'abcdef'], ['without bytes before it', 'abc']] as const) {
    t.test(`a FIN that has been read already is told, ${what}`, async t => {
      const both = await afterThreeBytes(t, bytes, { end: true })
      await until(() => both.recorder.ended === 1)
      t.equal(both.recorder.bytes.toString(), bytes.slice(3))
      both.stream.write(Buffer.from('still here'))
      await both.peer.until('the bytes', () => both.peer.tail === 'still here')
    })
  }

  t.test('a pause holds back what was read before, and what comes behind it', async t => {
    const bytes = randomBytes(300_000)
    const both = await afterThreeBytes(t, bytes, { onRead: stream => { stream.pause() } })
    let delivered = 0
    for (let round = 0; both.recorder.bytes.length < bytes.length - 3; round++) {
      await until(() => both.recorder.bytes.length > delivered)
      delivered = both.recorder.bytes.length
      if (round < 5) {
        await turns()
        t.equal(both.recorder.bytes.length, delivered)
      }
      both.stream.resume()
    }
    t.ok(both.recorder.bytes.equals(bytes.subarray(3)))
  })
}

function writing (t: Test, side: 'accept' | 'connect'): void {
  t.test('a small write is taken at once', async t => {
    const both = await pair(t, side)
    t.equal(both.stream.write(Buffer.from('hello')), true)
    await both.peer.until('the bytes', () => both.peer.tail === 'hello')
  })

  t.test('a FIN goes out behind what still waits', async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    for (let index = 0; index < 12; index++) both.stream.write(Buffer.alloc(1_000_000))
    both.stream.end()
    both.peer.socket.resume()
    await both.peer.untilEnded()
    t.equal(both.peer.bytesReceived, 12_000_000)
  })

  t.test('a write after the end of the connection is no error', async t => {
    const both = await pair(t, side)
    both.stream.destroy()
    await until(() => both.recorder.closes.length === 1)
    t.equal(both.stream.write(Buffer.from('x')), true)
    both.stream.end()
    both.stream.reset()
    both.stream.pause()
    both.stream.resume()
    t.equal(both.recorder.closes.length, 1)
  })
}

function ending (t: Test, side: 'accept' | 'connect'): void {
  t.test('the peer\'s FIN is told, and the other direction stays open', async t => {
    const both = await pair(t, side)
    both.peer.end()
    await until(() => both.recorder.ended === 1)
    both.stream.write(Buffer.from('still here'))
    await both.peer.until('the bytes', () => both.peer.tail === 'still here')
    both.stream.end()
    await both.peer.untilEnded()
    await until(() => both.recorder.closes.length === 1)
    t.same(both.recorder.closes, [undefined])
  })

  t.test('the peer\'s reset is told with its code', async t => {
    const both = await pair(t, side)
    both.peer.reset()
    await until(() => both.recorder.closes.length === 1)
    t.same(both.recorder.closes, ['ECONNRESET'])
    t.equal(both.recorder.ended, 0)
  })

  t.test('a reset is seen as such, even when a FIN waits behind writes that wait', async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    for (let index = 0; index < 12; index++) both.stream.write(Buffer.alloc(1_000_000))
    both.stream.end()
    await untilStalled(() => kernelSocket(portsOf(both.peer.socket))?.unread ?? 0)
    both.stream.reset()
    await until(() => both.recorder.closes.length === 1)
    both.peer.socket.resume()
    await both.peer.untilClosed()
    t.same([both.peer.error, both.peer.ended], ['ECONNRESET', false])
  })

  t.test('a reset right behind a FIN that nothing waits before ends the stream', async t => {
    const both = await pair(t, side)
    both.stream.write(Buffer.from('last words'))
    await until(() => !both.stream.writePending)
    both.stream.end()
    both.stream.reset()
    await until(() => both.recorder.closes.length === 1)
    await both.peer.untilEnded()
    t.equal(both.peer.tail, 'last words')
  })

  t.test('a reset after a FIN ends the stream', async t => {
    const both = await pair(t, side)
    both.stream.end()
    await both.peer.untilEnded()
    both.stream.reset()
    await until(() => both.recorder.closes.length === 1)
  })

  t.test('a stream that was destroyed delivers nothing more', async t => {
    const both = await pair(t, side, buffer(10))
    both.recorder.onRead = () => { both.stream.destroy() }
    both.peer.send(randomBytes(1_000))
    await until(() => both.recorder.closes.length === 1)
    t.equal(both.recorder.reads.length, 1)
  })
}

function connecting (): void {
  t.test('a connection that is refused is told with its code', async t => {
    const recorder = new StreamRecorder()
    TcpStream.connect({ address: '127.0.0.1', port: await closedPort(), io: testIo() }, recorder, buffer(), () => { t.fail('it is not there') })
    await until(() => recorder.closes.length === 1)
    t.same(recorder.closes, ['ECONNREFUSED'])
  })
}
