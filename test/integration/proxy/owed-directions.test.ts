/** Whoever owes something to one direction gets no time by what moves in the other; and who has left is noticed unread. */
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { stalledClient, type StalledClient } from '../../helpers/stalled-client.ts'
import { tlsMaterial } from '../../helpers/listener-certificates.ts'
import { get } from '../../helpers/raw-client.ts'
import { secureClient } from '../../helpers/secure-client.ts'
import type { OriginConnection } from '../../helpers/raw-origin.ts'

const STREAM_IDLE_MS = 10_000
const timeoutsMs = { streamIdle: STREAM_IDLE_MS, requestBody: 60_000, upstreamResponse: 60_000, tunnelIdle: 600_000 }

/** A request whose answer has begun and is not taken, with the connection that it came from. */
async function untakenAnswer (
  bench: ProxyBench, request: string, answer: string
): Promise<StalledClient & { readonly upstream: OriginConnection }> {
  const origin = await bench.origin()
  const client = stalledClient(bench)
  client.stream.receive(Buffer.from(request))
  const upstream = await origin.connection()
  await upstream.head()
  upstream.send(answer)
  await bench.until('the answer', () => client.stream.stalledBytes > 0)
  return { ...client, upstream }
}

timedProxyTest('a client that takes nothing of its answer is cut off, though it sends a byte a second', async (t, bench, advance) => {
  const { stream } = await untakenAnswer(bench, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf-')
  for (let passedMs = 0; passedMs < STREAM_IDLE_MS - 1_000; passedMs += 1_000) {
    stream.receive(Buffer.from('x'))
    await advance(1_000)
  }
  t.equal(stream.gone, undefined)
  stream.receive(Buffer.from('x'))
  await advance(1_000)
  t.ok(stream.gone !== undefined)
  t.equal(bench.errors('client_gone'), 1)
}, { timeoutsMs })

timedProxyTest('a client that takes nothing through its tunnel is cut off, though it sends a byte a second', async (t, bench, advance) => {
  const { stream, upstream } = await untakenAnswer(bench, get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'), 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  stream.take()
  upstream.send('a message')
  await bench.until('the message', () => stream.stalledBytes > 0)
  for (let passedMs = 0; passedMs < STREAM_IDLE_MS; passedMs += 1_000) {
    t.equal(stream.gone, undefined)
    stream.receive(Buffer.from('x'))
    await advance(1_000)
  }
  t.equal(stream.gone, 'reset')
}, { timeoutsMs })

timedProxyTest('an endpoint that takes nothing of the body is cut off, though its answer goes on', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1 << 30}\r\n\r\n`)
  const upstream = await origin.connection()
  await upstream.head()
  upstream.socket.pause()
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
  await client.until('the head', () => client.bytesReceived > 0)
  const piece = Buffer.alloc(1 << 20)
  // More than all kernels on the way take.
  for (let pieces = 0; pieces < 64; pieces++) client.send(piece)
  let before = -1
  await bench.until('everything to stand still', () => {
    const now = client.socket.bytesWritten - client.socket.writableLength
    const still = now === before && client.socket.writableLength > 0
    before = now
    return still && [...bench.plane.deadlines.snapshot()].length > 0
  })
  for (let passedMs = 0; passedMs < 2 * STREAM_IDLE_MS && bench.plane.inFlight > 0; passedMs += 1_000) {
    const seen = client.bytesReceived
    upstream.send('x')
    await client.until('the byte', () => client.bytesReceived > seen || client.closed || bench.plane.inFlight === 0)
    await advance(1_000)
  }
  t.equal(bench.errors('upstream_idle_timeout'), 1)
}, { timeoutsMs })

timedProxyTest('case 22: an endpoint is not read while the client takes none of its interim responses', async (t, bench, advance) => {
  const hint = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(8_000)}>\r\n\r\n`
  const { stream, upstream } = await untakenAnswer(bench, get('/'), hint)
  const first = stream.stalledBytes
  for (let count = 0; count < 25; count++) upstream.send(hint)
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast')
  for (let turns = 0; turns < 50; turns++) await new Promise(resolve => { setImmediate(resolve) })
  t.equal(stream.stalledBytes, first)
  while (bench.plane.inFlight > 0) {
    stream.take()
    await bench.until('more', () => stream.stalledBytes > 0)
  }
  stream.take()
  const text = Buffer.concat(stream.taken).toString('latin1')
  t.equal(text.split('103 Early Hints').length - 1, 26, 'none is lost')
  t.ok(text.endsWith('\r\n\r\nlast'))
  stream.receive(Buffer.from(get('/again')))
  await upstream.until('the next request', () => upstream.reader.messages.length === 2)
  upstream.send(hint)
  await bench.until('the interim response', () => stream.stalledBytes > 0)
  await advance(STREAM_IDLE_MS)
  t.ok(stream.gone !== undefined, 'timeouts.streamIdle')
  t.equal(bench.errors('client_gone'), 1)
}, { timeoutsMs })

for (const how of ['reset', 'destroy'] as const) {
  for (const tls of [false, true]) {
    const fin = how === 'destroy'
    proxyTest(`a client that leaves with a ${fin ? 'FIN' : 'reset'} behind what it has sent ahead is noticed${tls ? ' over TLS' : ''}`, async (t, bench) => {
      if (fin && process.platform !== 'linux') return t.comment('only Linux shows a FIN that was not read')
      await bench.origin(() => {})
      const client = tls ? await secureClient(bench) : await bench.client()
      client.send(get('/slow') + get('/ahead').repeat(2_000))
      await bench.until('the request', () => bench.plane.inFlight === 1)
      await client.until('it to leave', () => client.socket.writableLength === 0)
      if (tls && !fin) Reflect.get(client, 'transport').resetAndDestroy()
      else client[how]()
      await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
      t.equal(bench.errors('client_gone'), 1)
    }, tls ? { tls: tlsMaterial() } : {})
  }
}
