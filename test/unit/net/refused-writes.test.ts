/** What a stream knows of bytes that its peer has not received. */
import net from 'node:net'
import t, { type Test } from 'tap'
import { createReadBuffer } from '../../../src/net/byte-stream.ts'
import { TcpStream } from '../../../src/net/tcp-stream.ts'
import { kernelSocket, portsOf } from '../../helpers/kernel-socket.ts'
import { StreamRecorder } from '../../helpers/stream-recorder.ts'
import { until } from '../../helpers/until.ts'

async function connected (t: Test) {
  const accepted = Promise.withResolvers<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => { accepted.resolve(socket) })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const recorder = new StreamRecorder()
  const there = Promise.withResolvers<void>()
  const stream = TcpStream.connect({ address: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0, io: 'direct' }, recorder, createReadBuffer(0, 4_096, 0), () => { there.resolve() })
  await there.promise
  const peer = await accepted.promise
  peer.on('error', () => {})
  t.teardown(() => {
    stream.destroy()
    peer.destroy()
    server.close()
  })
  return { stream, recorder, peer }
}

/** Returns when the other end's kernel has got the reset, which it tells nobody of. */
async function resetBy (peer: net.Socket): Promise<void> {
  const { local, remote } = portsOf(peer)
  peer.resetAndDestroy()
  await until(() => kernelSocket({ local: remote, remote: local }) === undefined)
}

t.test('a write that comes after a reset, which was not read, is refused as a whole', async t => {
  const { stream, recorder, peer } = await connected(t)
  t.equal(stream.write(Buffer.from('first')), true)
  t.equal(stream.writeRefused, false)
  stream.pause()
  await resetBy(peer)
  stream.write(Buffer.from('second'))
  t.equal(stream.writeRefused, true)
  await until(() => recorder.closes.length === 1)
  t.same(recorder.closes, ['EPIPE'])
})

t.test('what was received before a reset is read after a write was refused: it may be the answer', async t => {
  const { stream, recorder, peer } = await connected(t)
  stream.write(Buffer.from('the beginning of a long request'))
  stream.pause()
  await new Promise<void>(resolve => { peer.write('too long', () => { resolve() }) })
  await resetBy(peer)
  stream.resume()
  stream.write(Buffer.from('more of it'))
  t.equal(stream.writeRefused, true)
  await until(() => recorder.closes.length === 1)
  t.equal(recorder.bytes.toString(), 'too long')
})

t.test('after a FIN: a reset is seen that answers what was written, and none while nothing was', async t => {
  const { stream, recorder, peer } = await connected(t)
  peer.destroy()
  await until(() => recorder.ended === 1)
  t.equal(stream.isReset(), false)
  t.equal(stream.write(Buffer.from('too late')), true)
  t.equal(stream.writeRefused, false, 'the system has taken it')
  await until(() => stream.isReset())
  t.same(recorder.closes, [], 'no event has told')
})

t.test('after a FIN: no reset is seen while the peer still reads', async t => {
  const { stream, recorder, peer } = await connected(t)
  await new Promise<void>(resolve => { peer.end(resolve) })
  await until(() => recorder.ended === 1)
  stream.write(Buffer.from('in time'))
  peer.resume()
  await until(() => peer.bytesRead > 0)
  t.equal(stream.isReset(), false)
})
