import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { passTime } from '../../helpers/pass-time.ts'
import { get } from '../../helpers/raw-client.ts'
import { readSlowlyUntil } from '../../helpers/read-slowly.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'

/** Weir lets go of a client that has sent a FIN after two seconds, and lingers as long. */
const LONGER_THAN_HALF_CLOSED_MS = 3_000

const POST_HEAD = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n'
const CHUNKED_HEAD = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'

proxyTest('a client that resets while the origin thinks is let go of at once, and so is the origin', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  client.reset()
  await connection.untilEnded()
  t.equal(bench.errors('client_gone'), 1)
  t.match(bench.version(), { requestsByClass: [0, 0, 0, 1, 0] }, '499')
})

timedProxyTest('a client that closes while the origin thinks is let go of within three seconds, and so is the origin', async (t, bench, advance) => {
  const { client, connection } = await requestInFlight(bench)
  client.destroy()
  // The clock stops short of the three seconds.
  await passTime(advance, 2_900)
  await connection.untilEnded()
  t.equal(bench.errors('client_gone'), 1)
})

for (const [what, head, piece] of [['with Content-Length', POST_HEAD, 'x'.repeat(500)], ['in chunks', CHUNKED_HEAD, '5\r\nhello\r\n']] as const) {
  for (const how of ['FIN', 'RST'] as const) {
    proxyTest(`a client that leaves with a ${how} in the middle of a body ${what} releases the origin, which never sees a whole request`, async (t, bench) => {
      const origin = await bench.origin()
      const client = await bench.client()
      client.expect('POST')
      client.send(head + piece)
      const connection = await origin.connection()
      await connection.until('the piece', () => connection.reader.partialBodyBytes > 0)
      if (how === 'FIN') client.end()
      else client.reset()
      await connection.untilEnded()
      t.equal(origin.requests.length, 0)
      t.equal(connection.reader.incomplete, true)
      t.equal(bench.errors('client_gone'), 1)
    })
  }
}

proxyTest('a client that leaves in the middle of its answer releases the origin', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome')
  await client.head()
  client.reset()
  await connection.untilEnded()
  t.equal(bench.errors('client_gone'), 1)
  t.match(bench.version(), { requestsByClass: [0, 1, 0, 0, 0] }, 'the status that it saw')
})

proxyTest('a client that leaves while the connection to the origin is still being made leaves nothing behind', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const clients = await Promise.all(Array.from({ length: 10 }, async () => await bench.client()))
  for (const [index, client] of clients.entries()) {
    client.send(index % 2 === 0 ? get() : POST_HEAD)
    if (index % 3 === 0) client.reset()
    else client.destroy()
  }
  await bench.until('all to be over', () => bench.plane.inFlight === 0 && bench.counters.connectionsOpen === 0)
  t.equal(bench.version().inFlight, 0)
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  t.same(origin.faults, [])
})

proxyTest('a client that leaves in the middle of a head, or before it, is no request', async (t, bench) => {
  await bench.origin()
  for (const bytes of ['', 'GE', 'GET / HTTP/1.1\r\nHost: h\r\n']) {
    const client = await bench.client()
    if (bytes !== '') client.send(bytes)
    client.end()
    await client.untilEnded()
    t.equal(client.bytesReceived, 0)
  }
  t.equal(bench.version().requestsByClass.reduce((sum, count) => sum + count, 0), 0)
})

timedProxyTest('a client that ends its side only still gets its answers', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET', 'GET')
  client.send(get('/1') + get('/2'))
  client.end()
  const connection = await origin.connection()
  for (const path of ['/1', '/2']) {
    await connection.next()
    await advance(20)
    connection.send(ok(`answer to ${path}`))
    t.equal((await client.answer()).body.toString(), `answer to ${path}`)
  }
  await client.untilEnded()
})

timedProxyTest('a client that ends its side only and reads slowly gets the whole of a large answer', async (t, bench, advance) => {
  const body = Buffer.alloc(8_000_000, 'slow')
  await bench.origin((_, connection) => { connection.send(ok(body)) })
  const client = await bench.client()
  client.socket.pause()
  client.expect('GET')
  client.send(get())
  client.end()
  await bench.until('the answer to begin', () => bench.version().responseBodyBytes > 0 || bench.plane.inFlight > 0)
  await passTime(advance, LONGER_THAN_HALF_CLOSED_MS)
  client.socket.resume()
  t.ok((await client.answer()).body.equals(body))
})

timedProxyTest('an answer that closes the connection comes whole, however late its reader', async (t, bench, advance) => {
  const body = Buffer.alloc(24_000_000, 'late')
  await bench.origin((_, connection) => { connection.send(ok(body)) })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', 'Connection: close\r\n'))
  await bench.until('the request', () => bench.plane.inFlight === 1)
  // Reads until nothing but the last piece is left with Weir, then stops for longer than a connection lingers.
  await readSlowlyUntil(client, () => bench.plane.inFlight === 0)
  await passTime(advance, LONGER_THAN_HALF_CLOSED_MS)
  client.socket.resume()
  t.ok((await client.answer()).body.equals(body))
  await client.untilEnded()
})

proxyTest('a final answer before the end of the request\'s body reaches the client; the upload is cut', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big')
  // The client has not seen it and goes on.
  const sending = client.sendPieces(Array.from({ length: 10 }, () => Buffer.alloc(50_000)))
  const answer = await client.answer()
  t.equal(statusOf(answer), 413)
  t.equal(answer.body.toString(), 'too big')
  await client.untilEnded()
  await sending
  await connection.untilEnded()
  t.equal(origin.requests.length, 0)
  t.equal(client.reader.messages.length, 1)
  t.match(bench.version(), { requestsByClass: [0, 0, 0, 1, 0] })
})

proxyTest('an early answer whose body waits for the upload is a conversation both ways', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send(CHUNKED_HEAD)
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.head()
  for (let round = 1; round <= 5; round++) {
    client.send('5\r\nhello\r\n')
    await connection.until('a piece', () => connection.reader.partialBodyBytes === 5 * round)
    connection.send('3\r\nbye\r\n')
    await client.until('an echo', () => client.reader.partialBodyBytes === 3 * round)
  }
  client.send('0\r\n\r\n')
  await connection.next()
  connection.send('0\r\n\r\n')
  t.equal((await client.answer()).body.toString(), 'bye'.repeat(5))
  client.expect('GET')
  client.send(get())
  await connection.next()
  connection.send(ok('kept'))
  t.equal((await client.answer()).body.toString(), 'kept')
})

proxyTest('the head of an answer and each of its pieces are passed on as they come', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  connection.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
  await client.head()
  t.same(valuesOf(client.reader.partialHead ?? { fields: [] }, 'transfer-encoding'), ['chunked'])
  for (let round = 1; round <= 5; round++) {
    connection.send('data: x\n\n')
    await client.until('an event', () => client.reader.partialBodyBytes === 9 * round)
  }
  connection.end()
  t.equal((await client.answer()).body.length, 45)
})
