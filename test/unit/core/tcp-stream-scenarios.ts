/** What TcpStream promises, whichever way it works. */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import t, { type Test } from 'tap'
import { createReadBuffer, type ByteStreamHandler, type ReadBuffer } from '../../../src/core/byte-stream.ts'
import { TcpStream } from '../../../src/core/tcp-stream.ts'
import { RawPeer } from '../../helpers/raw-peer.ts'

/** Writes down what happens. */
class Recorder implements ByteStreamHandler {
  readonly chunks: Buffer[] = []
  readonly reads: Array<{ readonly memory: Buffer, readonly start: number, readonly length: number }> = []
  ended = 0
  drains = 0
  readonly closes: Array<string | undefined> = []
  onRead: (buf: Buffer, start: number, end: number) => void = () => {}
  readonly defects: unknown[] = []

  onDefect (error: unknown): void {
    this.defects.push(error)
  }

  onBytes (buf: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(buf.subarray(start, end)))
    this.reads.push({ memory: buf, start, length: end - start })
    this.onRead(buf, start, end)
  }

  onEnd (): void { this.ended++ }
  onDrain (): void { this.drains++ }
  onClose (error: string | undefined): void { this.closes.push(error) }
  get bytes (): Buffer { return Buffer.concat(this.chunks) }
}

interface Pair {
  readonly stream: TcpStream
  readonly recorder: Recorder
  readonly peer: RawPeer
  readonly buffer: ReadBuffer
}

const buffer = (length = 65_536): ReadBuffer => createReadBuffer(16, length, 16)

async function until (condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (condition()) return
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  throw new Error('waited in vain')
}

/** Both ends of a connection: the stream accepts or connects. */
async function pair (t: Test, side: 'accept' | 'connect', own = buffer()): Promise<Pair> {
  const recorder = new Recorder()
  const { promise, resolve } = Promise.withResolvers<net.Socket>()
  const server = net.createServer({ pauseOnConnect: side === 'accept', allowHalfOpen: true, noDelay: true }, resolve)
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  let stream: TcpStream
  let socket: net.Socket
  if (side === 'accept') {
    socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    stream = TcpStream.accept(await promise, recorder, own)
  } else {
    const connected = Promise.withResolvers<void>()
    stream = TcpStream.connect({ address: '127.0.0.1', port }, recorder, own, () => { connected.resolve() })
    socket = await promise
    await connected.promise
  }
  const peer = new RawPeer('the peer', socket, 'request')
  t.teardown(() => {
    stream.destroy()
    socket.destroy()
    server.close()
  })
  return { stream, recorder, peer, buffer: own }
}

/** Sends what no parser has to like. */
const send = ({ peer }: Pair, bytes: Buffer | string): void => { peer.send(bytes) }

export function tcpStreamScenarios (): void {
  for (const side of ['accept', 'connect'] as const) {
    t.test(side, async t => {
      reading(t, side)
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
  const recorder = new Recorder()
  const accepted = Promise.withResolvers<TcpStream>()
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, socket => {
    const read = (): void => {
      const bytes: unknown = socket.read()
      if (!Buffer.isBuffer(bytes)) return
      socket.off('readable', read)
      if (bytes.length > 3) socket.unshift(bytes.subarray(3))
      const stream = TcpStream.accept(socket, recorder, own)
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
  return { stream, recorder, peer, buffer: own }
}

function takingOver (): void {
  t.test('a socket that was read from goes on where it was', async t => {
    const both = await afterThreeBytes(t, 'abcdef')
    await until(() => both.recorder.bytes.length === 3)
    t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
    send(both, 'ghi')
    await until(() => both.recorder.bytes.length === 6)
    t.equal(both.recorder.bytes.toString(), 'defghi')
    both.stream.write(Buffer.from('an answer'))
    await both.peer.until('the bytes', () => both.peer.tail === 'an answer')
  })

  t.test('a socket that was read to the byte goes on too', async t => {
    const both = await afterThreeBytes(t, 'abc')
    send(both, 'def')
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
        await new Promise(resolve => setTimeout(resolve, 10))
        t.equal(both.recorder.bytes.length, delivered)
      }
      both.stream.resume()
    }
    t.ok(both.recorder.bytes.equals(bytes.subarray(3)))
  })
}

function reading (t: Test, side: 'accept' | 'connect'): void {
  t.test('bytes come in the reader\'s buffer, between the free room', async t => {
    const both = await pair(t, side)
    send(both, 'hello')
    await until(() => both.recorder.bytes.length === 5)
    t.equal(both.recorder.bytes.toString(), 'hello')
    t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
    t.equal(both.recorder.reads[0]?.start, 16)
  })

  t.test('a change of buffers during a read holds from the next read on', async t => {
    const both = await pair(t, side)
    const other = buffer()
    both.recorder.onRead = () => { both.stream.readInto(other) }
    send(both, 'first')
    await until(() => both.recorder.bytes.length === 5)
    send(both, 'second')
    await until(() => both.recorder.bytes.length === 11)
    t.equal(both.recorder.bytes.toString(), 'firstsecond')
    t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
    t.equal(both.recorder.reads[1]?.memory, other.memory)
  })

  t.test('a change of buffers between reads holds at once', async t => {
    const both = await pair(t, side)
    send(both, 'first')
    await until(() => both.recorder.bytes.length === 5)
    const other = buffer()
    both.stream.readInto(other)
    send(both, 'second')
    await until(() => both.recorder.bytes.length === 11)
    send(both, 'third')
    await until(() => both.recorder.bytes.length === 16)
    t.equal(both.recorder.bytes.toString(), 'firstsecondthird')
    t.same(both.recorder.reads.slice(1).map(({ memory }) => memory === other.memory), [true, true])
  })

  t.test('a change there and back between reads changes nothing', async t => {
    const both = await pair(t, side)
    send(both, 'first')
    await until(() => both.recorder.bytes.length === 5)
    both.stream.readInto(buffer())
    both.stream.readInto(both.buffer)
    send(both, 'second')
    await until(() => both.recorder.bytes.length === 11)
    t.equal(both.recorder.bytes.toString(), 'firstsecond')
    t.equal(both.recorder.reads[1]?.memory, both.buffer.memory)
  })

  t.test('a paused stream delivers nothing, and everything when it is resumed', async t => {
    const both = await pair(t, side, buffer(1_000))
    const bytes = randomBytes(50_000)
    both.recorder.onRead = () => { both.stream.pause() }
    send(both, bytes)
    let delivered = 0
    for (let round = 0; both.recorder.bytes.length < bytes.length; round++) {
      await until(() => both.recorder.bytes.length > delivered)
      delivered = both.recorder.bytes.length
      if (round < 3) {
        await new Promise(resolve => setTimeout(resolve, 20))
        t.equal(both.recorder.bytes.length, delivered, 'a pause during a read holds back the rest')
      }
      t.ok((both.recorder.reads.at(-1)?.length ?? 0) <= 1_000)
      both.stream.resume()
    }
    t.ok(both.recorder.bytes.equals(bytes))
  })

  t.test('a pause and a resume in one turn lose nothing', async t => {
    const both = await pair(t, side)
    const bytes = randomBytes(1_000_000)
    both.recorder.onRead = () => {
      both.stream.pause()
      both.stream.resume()
    }
    send(both, bytes)
    await until(() => both.recorder.bytes.length === bytes.length)
    t.ok(both.recorder.bytes.equals(bytes))
  })
}

function writing (t: Test, side: 'accept' | 'connect'): void {
  t.test('a small write is taken at once', async t => {
    const both = await pair(t, side)
    t.equal(both.stream.write(Buffer.from('hello')), true)
    await both.peer.until('the bytes', () => both.peer.tail === 'hello')
  })

  t.test('writes that the kernel does not take wait, in order, and their end is told once', async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    const pieces = Array.from({ length: 12 }, (_, index) => Buffer.alloc(1_000_000, index + 1))
    let waiting = false
    for (const piece of pieces) if (!both.stream.write(piece)) waiting = true
    t.equal(waiting, true)
    t.equal(both.stream.writePending, true)
    const received: Buffer[] = []
    both.peer.socket.on('data', (bytes: Buffer) => { received.push(bytes) })
    const drainsBefore = both.recorder.drains
    both.peer.socket.resume()
    await until(() => !both.stream.writePending)
    t.equal(both.recorder.drains - drainsBefore, 1)
    await both.peer.until('everything', () => both.peer.bytesReceived === 12_000_000)
    t.ok(Buffer.concat(received).equals(Buffer.concat(pieces)))
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

  t.test('a reset is seen as such, even when writes wait', async t => {
    for (const pieces of [0, 12]) {
      const both = await pair(t, side)
      if (pieces > 0) both.peer.socket.pause()
      for (let index = 0; index < pieces; index++) both.stream.write(Buffer.alloc(1_000_000))
      both.stream.write(Buffer.from('x'))
      await new Promise(resolve => setTimeout(resolve, 20))
      both.stream.reset()
      both.peer.socket.resume()
      await both.peer.untilClosed()
      t.equal(both.peer.error, 'ECONNRESET', `${pieces} mebibytes before`)
      t.equal(both.peer.ended, false)
    }
  })

  t.test('a reset is seen as such, even when a FIN waits behind writes that wait', async t => {
    const both = await pair(t, side)
    both.peer.socket.pause()
    for (let index = 0; index < 12; index++) both.stream.write(Buffer.alloc(1_000_000))
    both.stream.end()
    await new Promise(resolve => setTimeout(resolve, 20))
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
    send(both, randomBytes(1_000))
    await until(() => both.recorder.closes.length === 1)
    t.equal(both.recorder.reads.length, 1)
  })
}

function connecting (): void {
  t.test('a connection that is refused is told with its code', async t => {
    const server = net.createServer()
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
    const address = server.address()
    await new Promise(resolve => { server.close(resolve) })
    const recorder = new Recorder()
    TcpStream.connect({ address: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 }, recorder, buffer(), () => { t.fail('it is not there') })
    await until(() => recorder.closes.length === 1)
    t.same(recorder.closes, ['ECONNREFUSED'])
  })
}
