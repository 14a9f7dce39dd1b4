import { CLOSED } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { fullBacklog } from '../../helpers/full-backlog.ts'
import { untilStalled } from '../../helpers/pump.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

const SHORT_MS = 60

const code = (body: Buffer): unknown => JSON.parse(body.toString()).code

proxyTest('a head that does not end is a 408 after timeouts.requestHead', async (t, bench) => {
  await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send('GET / HTTP/1.1\r\nHost')
  // Bytes that keep coming do not help.
  const dribble = setInterval(() => { client.send('x') }, 10)
  const answer = await client.answer()
  clearInterval(dribble)
  t.equal(statusOf(answer), 408)
  t.equal(code(answer.body), 'request_timeout')
  await client.untilEnded()
  t.equal(bench.unroutedErrors('request_timeout'), 1)
}, { timeoutsMs: { requestHead: SHORT_MS } })

proxyTest('a client that connects and says nothing is closed after timeouts.firstByte, without an answer and counted', async (t, bench) => {
  const client = await bench.client()
  await client.untilEnded()
  t.equal(client.bytesReceived, 0)
  t.equal(bench.page[CLOSED.first_byte_timeout], 1)
}, { timeoutsMs: { firstByte: SHORT_MS } })

proxyTest('a body that stops coming is a 408 after timeouts.requestBody', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nsome')
  const answer = await client.answer()
  t.equal(statusOf(answer), 408)
  t.equal(code(answer.body), 'request_timeout')
  await (await origin.connection()).untilEnded()
  t.equal(origin.requests.length, 0)
  t.equal(bench.errors('request_timeout'), 1)
}, { timeoutsMs: { requestBody: SHORT_MS } })

timedProxyTest('a slow body that keeps coming is not cut by timeouts.requestBody', async (t, bench, advance) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  for (let round = 1; round <= 20; round++) {
    await advance(100)
    client.send('x')
    await connection.until(`byte ${round}`, () => connection.reader.partialBodyBytes === round || connection.reader.messages.length === 1)
  }
  t.equal(statusOf(await client.answer()), 200)
  t.equal(origin.requests[0]?.body.length, 20)
}, { timeoutsMs: { requestBody: 120 } })

timedProxyTest('an origin that does not take the body is a 504 after timeouts.requestBody', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000000\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.socket.pause()
  const piece = Buffer.alloc(1_000_000)
  // More than all buffers on the way take; the last of it never leaves.
  const sending = client.sendPieces(Array.from({ length: 60 }, () => piece))
  await untilStalled(() => client.socket.bytesWritten - client.socket.writableLength)
  await advance(150)
  const answer = await client.answer()
  t.equal(statusOf(answer), 504)
  t.equal(code(answer.body), 'upstream_timeout')
  client.destroy()
  await sending
}, { timeoutsMs: { requestBody: 150 } })

proxyTest('an idle client connection is closed after timeouts.keepAliveIdle', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  await client.ask(get())
  await client.ask(get())
  await client.untilEnded()
  t.equal(client.reader.messages.length, 2)
}, { timeoutsMs: { keepAliveIdle: SHORT_MS } })

timedProxyTest('timeouts.keepAliveIdle counts from the end of the answer', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  const first = client.ask(get())
  const connection = await origin.connection()
  await connection.next()
  await advance(400)
  connection.send(ok())
  t.equal(statusOf(await first), 200)
  await advance(299)
  t.equal(client.ended, false)
  const second = client.ask(get())
  await connection.next()
  connection.send(ok())
  t.equal(statusOf(await second), 200)
  await advance(300)
  await client.untilEnded()
}, { timeoutsMs: { keepAliveIdle: 300 } })

proxyTest('an endpoint that does not accept the connection is a 504 after timeouts.upstreamConnect and three attempts', async (t, bench) => {
  const backlogs = await Promise.all([fullBacklog(), fullBacklog(), fullBacklog(), fullBacklog()])
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', backlogs.map(({ port }) => port))
  const client = await bench.client()
  const answer = await client.ask(post('/', 'body'))
  t.equal(statusOf(answer), 504)
  t.equal(code(answer.body), 'upstream_connect_timeout')
  t.match(bench.version(), { upstreamConnects: 3, retries: [2, 0, 0, 0, 0] })
  t.equal(bench.errors('upstream_connect_timeout'), 1)
  await Promise.all(backlogs.map(async ({ close }) => { await close() }))
}, { timeoutsMs: { upstreamConnect: SHORT_MS } })

proxyTest('an origin that does not answer is a 504 after timeouts.upstreamResponse, and its connection is gone', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  const answer = await client.ask(get())
  t.equal(statusOf(answer), 504)
  t.equal(code(answer.body), 'upstream_timeout')
  await (await origin.connection()).untilEnded()
  t.equal(origin.requests.length, 1, 'it is not repeated')
  t.equal(client.ended, false, 'the client\'s connection is kept')
}, { timeoutsMs: { upstreamResponse: SHORT_MS } })

timedProxyTest('timeouts.upstreamResponse counts from the end of the request', async (t, bench, advance) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n')
  await (await origin.connection()).head()
  await advance(250)
  client.send('body')
  t.equal(statusOf(await client.answer()), 200)
}, { timeoutsMs: { upstreamResponse: 120 } })

proxyTest('an idle connection to an endpoint is closed after timeouts.upstreamIdle', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  await client.ask(get())
  t.equal(bench.counters.upstreamIdle, 1)
  await (await origin.connection()).untilEnded()
  t.match(bench.counters, { upstreamIdle: 0, upstreamOpen: 0 })
}, { timeoutsMs: { upstreamIdle: SHORT_MS } })

proxyTest('an origin that stops in mid-answer is cut after timeouts.streamIdle', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome') })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await client.untilEnded()
  t.equal(client.reader.incomplete, true)
  await (await origin.connection()).untilEnded()
  t.equal(bench.errors('upstream_idle_timeout'), 1)
}, { timeoutsMs: { streamIdle: SHORT_MS } })

timedProxyTest('a slow answer that keeps coming is not cut by timeouts.streamIdle', async (t, bench, advance) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n') })
  const client = await bench.client()
  const answer = client.ask(get())
  await client.head()
  const connection = await origin.connection()
  for (let round = 1; round <= 20; round++) {
    await advance(100)
    connection.send('x')
    await client.until(`byte ${round}`, () => client.reader.partialBodyBytes === round || client.reader.messages.length === 1)
  }
  t.equal((await answer).body.length, 20)
}, { timeoutsMs: { streamIdle: 120 } })

timedProxyTest('a client that does not read is cut after timeouts.streamIdle and blames nobody else', async (t, bench, advance) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok(Buffer.alloc(40_000_000))) })
  const client = await bench.client()
  client.socket.pause()
  client.expect('GET')
  client.send(get())
  const connection = await origin.connection()
  await connection.next()
  await untilStalled(() => connection.socket.writableLength)
  await advance(150)
  await bench.until('the cut', () => bench.errors('client_gone') === 1)
  t.equal(bench.counters.upstreamOpen, 0)
}, { timeoutsMs: { streamIdle: 150 } })

timedProxyTest('a conversation both ways goes on for as long as either side speaks', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.head()
  for (let round = 1; round <= 15; round++) {
    client.send('1\r\nx\r\n')
    await connection.until('a piece', () => connection.reader.partialBodyBytes === round)
    await advance(150)
  }
  for (let round = 1; round <= 15; round++) {
    connection.send('1\r\ny\r\n')
    await client.until('a piece', () => client.reader.partialBodyBytes === round)
    await advance(150)
  }
  client.send('0\r\n\r\n')
  await connection.next()
  connection.send('0\r\n\r\n')
  t.equal((await client.answer()).body.length, 15)
}, { timeoutsMs: { requestBody: 200, streamIdle: 200, upstreamResponse: 200 } })

proxyTest('a conversation in which both sides fall silent is cut, and it is the client whose turn it was', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.head()
  await client.untilEnded()
  await connection.untilEnded()
  t.equal(client.reader.incomplete, true)
  t.equal(bench.errors('request_timeout'), 1)
}, { timeoutsMs: { streamIdle: SHORT_MS } })
