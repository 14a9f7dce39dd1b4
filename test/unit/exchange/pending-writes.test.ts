/** Who owns a buffer while a write waits: the cases that a real kernel meets only now and then. */
import type { ReadBuffer } from '../../../src/net/byte-stream.ts'
import type { DownstreamHttp1 } from '../../../src/downstream/downstream-http1.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { stalledClient, type StalledClient } from '../../helpers/stalled-client.ts'
import type { StalledStream } from '../../helpers/stalled-stream.ts'
import { get } from '../../helpers/raw-client.ts'
import { MessageReader } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

const PIECE_BYTES = 65_536
const LINGER_MS = 5_000

for (const size of [10, 5_000, 8_000, 100_000]) {
  for (const framing of ['Content-Length', 'chunks'] as const) {
    proxyTest(`an answer of ${size} bytes in ${framing} that waits for its reader is not touched by later answers`, async (t, bench) => {
      const body = Buffer.alloc(size, 'mine')
      await bench.origin((request, connection) => {
        const answer = request.startLine.includes('/mine') ? body : Buffer.alloc(size + 50_000, 'other')
        if (framing === 'Content-Length') connection.send(ok(answer))
        else connection.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${answer.length.toString(16)}\r\n`), answer, Buffer.from('\r\n0\r\n\r\n')]))
      })
      const { stream, connection } = stalledClient(bench)
      stream.receive(Buffer.from(get('/mine')))
      // Pieces are taken one by one; the last one waits.
      await bench.until('the first piece', () => stream.stalledBytes > 0)
      while (bench.plane.inFlight > 0) {
        stream.take()
        await bench.until('the next piece, or the end', () => stream.stalledBytes > 0 || bench.plane.inFlight === 0)
      }
      t.ok(stream.stalledBytes > 0, 'the exchange is over and its end still waits')
      const other = await bench.client()
      for (let round = 0; round < 5; round++) await other.ask(get('/other'))
      stream.take()
      const reader = new MessageReader('response')
      reader.expect('GET')
      for (const bytes of stream.taken) reader.push(bytes)
      t.ok(reader.messages[0]?.body.equals(body))
      connection.onClose()
    })
  }
}

proxyTest('an answer that closes the connection may wait for its reader for longer than a connection lingers', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok('late')) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get('/', 'Connection: close\r\n')))
  await bench.until('the answer', () => stream.ended)
  t.ok(stream.writePending)
  t.ok(connection.deadlineMs > performance.now() + 2 * LINGER_MS, 'as long as timeouts.streamIdle')
  stream.take()
  t.ok(connection.deadlineMs < performance.now() + 2 * LINGER_MS, 'from then on it lingers')
  t.equal(stream.gone, undefined)
  connection.onEnd()
  t.equal(stream.gone, 'destroyed')
})

/** A kept connection whose answer the kernel has not taken. */
async function answerInHand (bench: ProxyBench): Promise<StalledClient> {
  await bench.origin((_, connection) => { connection.send(ok('late')) })
  const client = stalledClient(bench)
  client.stream.receive(Buffer.from(get()))
  await bench.until('the answer', () => bench.plane.inFlight === 0 && client.stream.stalledBytes > 0)
  return client
}

proxyTest('an answer on a connection that is kept waits for its reader too, in a drain as well', async (t, bench) => {
  const { stream, connection } = await answerInHand(bench)
  bench.plane.draining = true
  connection.drain(false)
  t.ok(connection.deadlineMs > performance.now() + 2 * LINGER_MS, 'as long as timeouts.streamIdle')
  stream.take()
  t.ok(connection.deadlineMs < performance.now() + LINGER_MS, 'from then on it is idle')
  connection.onDeadline()
  t.equal(stream.gone, 'destroyed')
})

proxyTest('a reader that takes nothing of an answer on a connection that is kept is cut off', async (t, bench) => {
  const { stream, connection } = await answerInHand(bench)
  connection.onDeadline()
  t.equal(stream.gone, 'reset')
})

for (const taken of [false, true]) {
  proxyTest(`an answer whose end is ${taken ? 'taken' : 'never taken'} ${taken ? 'lingers, then ends in peace' : 'ends with a reset: nothing else shows that it is not whole'}`, async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(ok('x')) })
    const { stream, connection } = stalledClient(bench)
    stream.receive(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
    await bench.until('the answer', () => stream.ended)
    if (taken) stream.take()
    connection.onDeadline()
    t.equal(stream.gone, taken ? 'destroyed' : 'reset')
  })
}

proxyTest('a client that goes while its answer waits ends everything', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok(Buffer.alloc(3_000_000))) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get()))
  await bench.until('the first piece', () => stream.stalledBytes > 0)
  connection.onClose()
  t.equal(bench.plane.inFlight, 0)
  t.equal(bench.errors('client_gone'), 1)
})

proxyTest('requests sent ahead wait until the answer before them has been taken', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok('x')) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get('/1') + get('/2') + get('/3')))
  for (let count = 1; count <= 3; count++) {
    await bench.until('an answer', () => stream.stalledBytes > 0)
    t.equal(origin.requests.length, count)
    stream.take()
  }
  connection.onClose()
})

/** Feeds pieces of a body until the way to the origin is full or there have been so many; returns how many were fed. */
function feed (stream: StalledStream, pieces: number): number {
  for (let fed = 0; fed < pieces; fed++) {
    if (stream.paused) return fed
    stream.receive(Buffer.alloc(PIECE_BYTES, 'mine'))
  }
  return pieces
}

proxyTest('a piece of a request that waits for its origin keeps its buffer, the last one too', async (t, bench) => {
  const origin = await bench.origin()
  const begin = async (
    pieces: number, index: number
  ): Promise<{ readonly stream: StalledStream, readonly connection: DownstreamHttp1 }> => {
    const both = stalledClient(bench)
    both.stream.receive(Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${pieces * PIECE_BYTES}\r\n\r\n`))
    const slow = await origin.connection(index)
    await slow.head()
    slow.socket.pause()
    await bench.until('the body to be wanted', () => !both.stream.paused)
    return both
  }
  const first = await begin(1_000, 0)
  const capacity = feed(first.stream, 1_000)
  t.ok(capacity > 1 && capacity < 1_000, `${capacity} pieces fill the way`)
  first.connection.onClose()

  let attempts = 0
  for (let attempt = 1; attempt <= 24; attempt++) {
    // What fills the way differs a little each time: around it, the last piece waits in some attempts.
    const pieces = Math.max(1, capacity - 12 + attempt)
    const { stream, connection } = await begin(pieces, attempt)
    if (feed(stream, pieces - 1) < pieces - 1 || stream.paused) {
      connection.onClose()
      continue
    }
    const before: ReadBuffer[] = []
    feed(stream, 1)
    // Whoever comes next gets what is free, and writes to it.
    for (let count = 0; count < 80; count++) before.push(bench.plane.bodyBuffers.take(), bench.plane.smallBuffers.take())
    for (const buffer of before) buffer.memory.fill('other')
    const slow = await origin.connection(attempt)
    attempts++
    slow.socket.resume()
    const { body } = await slow.next()
    t.ok(body.equals(Buffer.alloc(pieces * PIECE_BYTES, 'mine')), `${pieces} pieces`)
    connection.onClose()
  }
  t.ok(attempts > 4, `${attempts} attempts around it`)
})
