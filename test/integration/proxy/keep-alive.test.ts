import { proxyTest } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

/** Answers with the target of the request. */
const echoTarget: OriginHandler = (request, connection) => { connection.send(ok(request.startLine.split(' ')[1])) }

proxyTest('one client connection carries one request after the other, over one upstream connection', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  for (let index = 0; index < 5; index++) {
    const answer = await client.ask(get(`/${index}`))
    t.equal(answer.body.toString(), `/${index}`)
    t.same(valuesOf(answer, 'connection'), [])
  }
  t.equal(origin.connections.length, 1)
  t.match(bench.version(), { requestsByClass: [0, 5, 0, 0, 0], upstreamConnects: 1, upstreamReuses: 4, retries: [0, 0, 0, 0, 0] })
  t.match(bench.counters, { connectionsAccepted: 1, connectionsOpen: 1, upstreamOpen: 1, upstreamIdle: 1 })
})

proxyTest('clients one after the other share an upstream connection', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  for (let index = 0; index < 3; index++) {
    const client = await bench.client()
    t.equal((await client.ask(get(`/${index}`))).body.toString(), `/${index}`)
    client.destroy()
  }
  t.equal(origin.connections.length, 1)
})

proxyTest('clients at the same time get connections of their own', async (t, bench) => {
  const origin = await bench.origin()
  const first = await bench.client()
  const second = await bench.client()
  first.expect('GET')
  first.send(get('/first'))
  const one = await origin.connection(0)
  await one.next()
  second.expect('GET')
  second.send(get('/second'))
  const two = await origin.connection(1)
  await two.next()
  two.send(ok('to the second'))
  one.send(ok('to the first'))
  t.equal((await second.answer()).body.toString(), 'to the second')
  t.equal((await first.answer()).body.toString(), 'to the first')
})

proxyTest('no more idle upstream connections are kept than limits.maxIdleUpstream', async (t, bench) => {
  const origin = await bench.origin()
  const clients = [await bench.client(), await bench.client(), await bench.client()]
  for (const [index, client] of clients.entries()) {
    client.expect('GET')
    client.send(get())
    await (await origin.connection(index)).next()
  }
  for (const connection of origin.connections) connection.send(ok())
  for (const client of clients) await client.answer()
  await bench.until('the surplus connections to end', () => bench.counters.upstreamOpen === 1)
  t.equal(bench.counters.upstreamIdle, 1)
}, { limits: { maxIdleUpstream: 1 } })

proxyTest('Connection: close of the client is honoured, and nothing behind it is looked at', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  const answer = await client.ask(get('/last', 'Connection: close\r\n') + get('/never'))
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
  t.equal(client.reader.messages.length, 1)
  t.equal(origin.requests.length, 1)
})

for (const fields of ['Connection: close\r\n', 'Connection: Foo, CLOSE\r\n', 'Connection: x\r\nConnection: close\r\n']) {
  proxyTest(`an upstream connection that says ${JSON.stringify(fields)} is not used again`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('bye', fields)) })
    const client = await bench.client()
    const answer = await client.ask(get())
    t.same(valuesOf(answer, 'connection'), [], 'the client\'s own connection is another matter')
    t.equal((await client.ask(get())).body.toString(), 'bye')
    t.equal(origin.connections.length, 2)
  })
}

proxyTest('an HTTP/1.0 origin without keep-alive is not asked again on the same connection', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok') })
  const client = await bench.client()
  t.equal((await client.ask(get())).startLine, 'HTTP/1.1 200 OK')
  await client.ask(get())
  t.equal(origin.connections.length, 2)
})

proxyTest('an HTTP/1.0 origin that announces keep-alive is asked again', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok') })
  const client = await bench.client()
  await client.ask(get())
  await client.ask(get())
  t.equal(origin.connections.length, 1)
})

proxyTest('one empty line before a request is ignored', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  t.equal((await client.ask('\r\n' + get('/a'), 'GET')).body.toString(), '/a')
  t.equal((await client.ask('\r\n' + get('/b'), 'GET')).body.toString(), '/b')
  client.send('\r\n')
  client.expect('GET')
  client.send(get('/c'))
  t.equal((await client.answer()).body.toString(), '/c')
})

proxyTest('requests sent ahead are answered in order', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  const count = 300
  let bytes = ''
  for (let index = 0; index < count; index++) {
    client.expect('GET')
    bytes += get(`/${index}`)
  }
  client.send(bytes)
  for (let index = 0; index < count; index++) t.equal((await client.answer()).body.toString(), `/${index}`)
  t.equal(origin.connections.length, 1, 'one after the other, so one connection is enough')
})

proxyTest('requests sent ahead keep their bodies apart', async (t, bench) => {
  await bench.origin((request, connection) => { connection.send(ok(`${request.startLine} ${request.body.toString()} ${request.trailers}`)) })
  const client = await bench.client()
  client.expect('POST', 'GET', 'POST', 'HEAD', 'POST', 'GET')
  client.send(post('/1', 'one') + get('/2') +
    'POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nth\r\n3;x=y\r\nree\r\n0\r\nX-T: 3\r\n\r\n' +
    'HEAD /4 HTTP/1.1\r\nHost: h\r\n\r\n' + post('/5', '') + get('/6'))
  t.equal((await client.answer()).body.toString(), 'POST /1 HTTP/1.1 one ')
  t.equal((await client.answer()).body.toString(), 'GET /2 HTTP/1.1  ')
  t.equal((await client.answer()).body.toString(), 'POST /3 HTTP/1.1 three X-T: 3\r\n')
  t.equal((await client.answer()).body.length, 0)
  t.equal((await client.answer()).body.toString(), 'POST /5 HTTP/1.1  ')
  t.equal((await client.answer()).body.toString(), 'GET /6 HTTP/1.1  ')
})

proxyTest('an answer of Weir itself among requests sent ahead keeps its place', async (t, bench) => {
  const origin = await bench.extraOrigin(echoTarget)
  bench.route([{ match: { path: '/known' }, weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  const paths = ['/known/1', '/unknown/2', '/unknown/3', '/known/4', '/unknown/5', '/known/6']
  client.expect(...paths.map(() => 'GET'))
  client.send(paths.map(path => get(path)).join(''))
  const statuses: number[] = []
  for (const path of paths) {
    const answer = await client.answer()
    statuses.push(statusOf(answer))
    if (statusOf(answer) === 200) t.equal(answer.body.toString(), path)
  }
  t.same(statuses, [200, 404, 404, 200, 404, 200])
})

proxyTest('what comes behind a malformed request is not looked at', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect('GET', 'GET')
  client.send(get('/1') + 'GET /2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' + get('/3'))
  t.equal(statusOf(await client.answer()), 200)
  t.equal(statusOf(await client.answer()), 400)
  await client.untilEnded()
  t.equal(client.reader.messages.length, 2)
  t.equal(origin.requests.length, 1)
})

proxyTest('a request sent ahead whose body comes later reaches the origin whole', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET', 'POST')
  client.send(get('/1') + 'POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n0123456789')
  const connection = await origin.connection()
  await connection.next()
  connection.send(ok('first'))
  t.equal((await client.answer()).body.toString(), 'first')
  await connection.head(1)
  client.send('abcdefghij')
  await connection.until('the second piece', () => connection.reader.partialBodyBytes === 20)
  client.send('ABCDEFGHIJ')
  t.equal((await connection.next()).body.toString(), '0123456789abcdefghijABCDEFGHIJ')
  connection.send(ok('second'))
  t.equal((await client.answer()).body.toString(), 'second')
})

proxyTest('more requests sent ahead than are kept wait in the kernel', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  const filler = 'x'.repeat(900)
  const count = 200
  for (let index = 0; index < count; index++) client.expect('GET')
  for (let index = 0; index < count; index++) client.send(get(`/${index}`, `X-Filler: ${filler}\r\n`))
  const connection = await origin.connection()
  for (let index = 0; index < count; index++) {
    t.match((await connection.next()).startLine, `GET /${index} `)
    connection.send(ok(String(index)))
  }
  for (let index = 0; index < count; index++) t.equal((await client.answer()).body.toString(), String(index))
})

proxyTest('a body that begins behind more requests sent ahead than are kept is read on', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  const filler = 'x'.repeat(900)
  const count = 80
  client.expect('GET')
  client.send(get('/warm'))
  const connection = await origin.connection()
  await connection.next()
  for (let index = 0; index < count; index++) client.expect('GET')
  client.expect('POST')
  let bytes = ''
  for (let index = 0; index < count; index++) bytes += get(`/${index}`, `X-Filler: ${filler}\r\n`)
  const body = Buffer.alloc(200_000, 'b')
  client.send(bytes + `POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  connection.send(ok())
  for (let index = 0; index < count; index++) {
    await connection.next()
    connection.send(ok())
  }
  t.ok((await connection.next()).body.equals(body))
  connection.send(ok('done'))
  for (let index = 0; index <= count; index++) await client.answer()
  t.equal((await client.answer()).body.toString(), 'done')
})
