/** limits.minBodyRate: how slowly a request's body may come. */
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { untilStalled } from '../../helpers/pump.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }
const SILENCE_MS = 1_000
const RATE = 100
const OPTIONS = { timeoutsMs: { requestBody: SILENCE_MS }, limits: { minBodyRate: RATE } }
const MIB = 1_048_576

for (const [what, framing, piece] of [
  ['with a length', 'Content-Length: 1000000', 'x'.repeat(10)],
  ['in chunks, whose framing is no body', 'Transfer-Encoding: chunked', `a;${'x'.repeat(500)}\r\n${'x'.repeat(10)}\r\n`]
] as const) {
  timedProxyTest(`a body that keeps coming too slowly is a 408 ${what}`, async (t, bench, advance) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST')
    client.send(`POST / HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n`)
    const connection = await origin.connection()
    await connection.head()
    // Ten bytes have earned 100 ms more than the first second.
    await advance(900)
    client.send(piece)
    await connection.until('the piece', () => connection.reader.partialBodyBytes === 10)
    await advance(199)
    t.equal(client.bytesReceived, 0)
    await advance(1)
    const answer = await client.answer()
    t.equal(statusOf(answer), 408)
    t.match(JSON.parse(answer.body.toString()), { code: 'body_too_slow' })
    await client.untilEnded()
    await connection.untilEnded()
    t.same([origin.requests.length, bench.errors('body_too_slow'), bench.errors('request_timeout')], [0, 1, 0])
  }, OPTIONS)
}

timedProxyTest('a body that does not come at all is a silence, not a rate', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(500)}`)
  await (await origin.connection()).head()
  await advance(SILENCE_MS)
  t.match(JSON.parse((await client.answer()).body.toString()), { status: 408, code: 'request_timeout' })
}, OPTIONS)

timedProxyTest('a body that is slow but fast enough passes, and so does one that has been fast before', async (t, bench, advance) => {
  const origin = await bench.origin(answerOk)
  for (const [first, each] of [[0, 90], [1_000, 1]] as const) {
    const client = await bench.client()
    client.expect('POST')
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${first + 11 * each}\r\n\r\n${'x'.repeat(first)}`)
    const connection = await origin.connection(origin.connections.length)
    await connection.head()
    for (let round = 1; round <= 11; round++) {
      await advance(900)
      client.send('x'.repeat(each))
      await connection.until(`piece ${round}`, () => connection.reader.partialBodyBytes === first + round * each || connection.reader.messages.length === 1)
    }
    t.equal(statusOf(await client.answer()), 200)
    client.destroy()
    connection.destroy()
    await bench.until('the connections to go', () => bench.counters.upstreamOpen === 0)
  }
}, OPTIONS)

timedProxyTest('without a rate any body passes that is never silent for too long', async (t, bench, advance) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  for (let round = 1; round <= 10; round++) {
    await advance(SILENCE_MS - 1)
    client.send('x')
    await connection.until(`byte ${round}`, () => connection.reader.partialBodyBytes === round || connection.reader.messages.length === 1)
  }
  t.equal(statusOf(await client.answer()), 200)
}, { timeoutsMs: { requestBody: SILENCE_MS }, limits: { minBodyRate: 0 } })

timedProxyTest('the rate does not hold once the answer has begun', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'.slice(0, -1))
  await client.head()
  for (let round = 1; round <= 10; round++) {
    await advance(SILENCE_MS * 2)
    client.send('x')
    await connection.until(`byte ${round}`, () => connection.reader.partialBodyBytes === round || connection.reader.messages.length === 1)
  }
  connection.send('o')
  t.equal((await client.answer()).body.toString(), 'hello')
}, OPTIONS)

timedProxyTest('the time in which the endpoint takes no more of the body is not the client\'s', async (t, bench, advance) => {
  const part = 64 * MIB
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${3 * part}\r\n\r\n`)
  const connection = await origin.connection()
  connection.reader.hashBodies = true
  await connection.head()
  for (let round = 1; round <= 3; round++) {
    connection.socket.pause()
    client.send(Buffer.alloc(part))
    await untilStalled(() => client.socket.writableLength)
    t.ok(client.socket.writableLength > 0, 'the way is full')
    // Together far longer than the whole body may take.
    await advance(59_000)
    connection.socket.resume()
    await connection.until(`part ${round}`, () => connection.reader.partialBodyBytes === round * part || connection.reader.messages.length === 1)
    await advance(10)
  }
  connection.send(ok())
  t.equal(statusOf(await client.answer()), 200)
}, { timeoutsMs: { requestBody: 60_000 }, limits: { minBodyRate: 6 * MIB } })

proxyTest('a body that comes at once is not held against any rate', async (t, bench) => {
  await bench.origin(answerOk)
  const client = await bench.client()
  for (const length of [0, 1, 1_000]) t.equal(statusOf(await client.ask(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`)), 200)
}, { limits: { minBodyRate: 1_000_000_000 } })
