import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'

const EXPECTING = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\n'

proxyTest('a client that expects 100 gets it from the origin before it sends its body', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    client.expect('POST')
    client.send(EXPECTING)
    const connection = await origin.connection()
    await connection.head(round)
    t.same(valuesOf(connection.reader.partialHead ?? { fields: [] }, 'expect'), ['100-Continue'])
    connection.send('HTTP/1.1 100 Continue\r\n\r\n')
    t.equal((await client.next()).startLine, 'HTTP/1.1 100 Continue')
    client.send('body')
    t.equal((await connection.next()).body.toString(), 'body')
    connection.send(ok('done'))
    t.equal((await client.next()).body.toString(), 'done')
  }
})

proxyTest('a client that expects 100 and does not wait is served too', async (t, bench) => {
  await bench.origin((request, connection) => { connection.send('HTTP/1.1 100 Continue\r\n\r\n' + ok(request.body)) })
  const client = await bench.client()
  client.expect('POST')
  client.send(EXPECTING + 'body')
  t.equal((await client.answer()).body.toString(), 'body')
})

proxyTest('a final answer in the place of 100 reaches the client, and the unfinished exchange poisons nothing', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send(EXPECTING)
  const connection = await origin.connection()
  await connection.head()
  connection.send('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
  t.equal(statusOf(await client.answer()), 401)
  await client.untilEnded()
  await connection.untilEnded()
  t.equal(origin.requests.length, 0)
  const other = await bench.client()
  other.expect('GET')
  other.send(get())
  const second = await origin.connection(1)
  await second.next()
  second.send(ok())
  await other.answer()
})

proxyTest('interim responses come in order, without hop-by-hop fields, and the connections stay in step', async (t, bench) => {
  const origin = await bench.origin((_, connection) => {
    connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nX-Kept: 2\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 \r\nLink: </b>\r\n\r\n' + ok('final'))
  })
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    client.expect('GET')
    client.send(get())
    const hints = await client.next()
    t.equal(hints.startLine, 'HTTP/1.1 103 Early Hints')
    t.same(hints.fields, [['Link', '</a>'], ['X-Kept', '2']])
    t.equal(statusOf(await client.next()), 102)
    t.same((await client.next()).fields, [['Link', '</b>']])
    t.equal((await client.next()).body.toString(), 'final')
  }
  t.equal(origin.connections.length, 1)
})

proxyTest('an interim response reaches the client before the final one is there', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  for (const piece of ['HTTP/1.0 103 Early Hints\r\nLi', 'nk: </a>\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2']) {
    connection.send(piece)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal((await client.next()).startLine, 'HTTP/1.1 103 Early Hints')
  t.equal((await client.next()).startLine, 'HTTP/1.1 103 Early Hints')
  connection.send('00 OK\r\nContent-Length: 1\r\n\r\nx')
  t.equal((await client.next()).body.toString(), 'x')
})

proxyTest('an HTTP/1.0 client sees no interim response and its expectation is not passed on', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n' + ok('final')) })
  const client = await bench.client()
  const answer = await client.ask('POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody')
  t.equal(answer.startLine, 'HTTP/1.1 200 OK')
  t.equal(client.reader.messages.length, 1)
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'expect'), [])
})

proxyTest('a 101 that nobody asked for is a 502', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n') })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 502)
  t.equal(bench.errors('upstream_malformed'), 1)
})

proxyTest('an origin that sends interim responses without end is a 502', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 102 Processing\r\n\r\n'.repeat(33)) })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 502)
  await (await origin.connection()).untilEnded()
})

proxyTest('an origin that dies after an interim response is a 502, and nothing is repeated', async (t, bench) => {
  const origin = await bench.origin((request, connection) => {
    if (request.startLine.includes('/warm')) connection.send(ok())
    else {
      connection.send('HTTP/1.1 103 Early Hints\r\n\r\n')
      connection.end()
    }
  })
  const client = await bench.client()
  await client.ask(get('/warm'))
  t.equal(statusOf(await client.ask(get())), 502)
  t.equal(origin.requests.length, 2)
})
