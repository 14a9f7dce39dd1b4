/** HTTP/1.1 on one side of an exchange and none of it on the other: the codecs write what has come in another version of HTTP. */
import { ClientLogins } from '../../../src/upstream/client-logins.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { MemoryDownstream, memoryPiece, MemoryPeers, MemoryRequest, type MemoryCall } from '../../helpers/memory-peers.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

/** A client of HTTP/1.1 whose requests go to endpoints in memory. */
async function ask (bench: ProxyBench, request: string, method = 'GET') {
  const peers = new MemoryPeers({}, 2, bench.plane)
  const client = await bench.client()
  client.expect(method)
  client.send(request)
  await bench.until('the call', () => peers.calls.length === 1)
  peers.call(0).open()
  return { client, call: peers.call(0), peers }
}

function stream (bench: ProxyBench): MemoryDownstream {
  return new MemoryDownstream(bench.plane, new ClientLogins(() => {}, bench.page))
}

function answerWith (fields: Readonly<Record<string, string>>, pieces: readonly string[], trailers?: string) {
  return (call: MemoryCall): void => {
    call.head(200, fields)
    for (const piece of pieces.slice(0, -1)) call.piece(piece)
    call.last(pieces.at(-1) ?? '', trailers)
  }
}

proxyTest('a foreign answer of known length reaches a client of HTTP/1.1, and its connection is kept', async (t, bench) => {
  const { client, call, peers } = await ask(bench, get('/a'))
  answerWith({ 'content-length': '5', x: 'y' }, ['hel', 'lo'])(call)
  const answer = await client.answer()
  t.equal(answer.startLine, 'HTTP/1.1 200 OK')
  t.same(
    [valuesOf(answer, 'x'), valuesOf(answer, 'content-length'), valuesOf(answer, 'date').length, answer.body.toString()],
    [['y'], ['5'], 1, 'hello']
  )
  const next = client.ask(get('/b'))
  await bench.until('the next request', () => peers.calls.length === 2)
  peers.call(1).open()
  answerWith({ 'content-length': '0' }, [''])(peers.call(1))
  t.equal((await next).startLine, 'HTTP/1.1 200 OK')
})

proxyTest('one of unknown length goes in chunks, with its trailers', async (t, bench) => {
  const { client, call } = await ask(bench, get('/a'))
  answerWith({}, ['hel', 'lo', ''], 'X-Sum: 1\r\n')(call)
  const answer = await client.answer()
  t.same([valuesOf(answer, 'transfer-encoding'), answer.body.toString(), answer.trailers], [['chunked'], 'hello', 'X-Sum: 1\r\n'])
})

proxyTest('to a client of HTTP/1.0 it goes up to the end of the connection', async (t, bench) => {
  const { client, call } = await ask(bench, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  answerWith({}, ['hel', 'lo'])(call)
  client.end()
  const answer = await client.answer()
  t.same([valuesOf(answer, 'connection'), valuesOf(answer, 'transfer-encoding'), answer.body.toString()], [['close'], [], 'hello'])
})

proxyTest('the answer to a HEAD has no body, and interim answers pass', async (t, bench) => {
  const { client, call } = await ask(bench, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', 'HEAD')
  call.interim(103)
  answerWith({ 'content-length': '7' }, [''])(call)
  t.match(await client.next(), { startLine: /^HTTP\/1\.1 103/ })
  const answer = await client.answer()
  t.same([valuesOf(answer, 'content-length'), answer.body.length], [['7'], 0])
})

for (const [what, fields, pieces] of [
  ['a request without a body', {}, ['']],
  ['a body of known length', { 'content-length': '5' }, ['hel', 'lo']],
  ['a body of unknown length', {}, ['hel', 'lo', '']]
] as const) {
  proxyTest(`a foreign request reaches an origin of HTTP/1.1: ${what}`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('yes')) })
    const client = stream(bench)
    const hasBody = pieces.length > 1
    client.exchange.begin(
      new MemoryRequest(hasBody ? 'POST' : 'GET', '/a?b', { ...fields, 'x-real-ip': '1.2.3.4', accept: 'x' }),
      memoryPiece(pieces[0], !hasBody)
    )
    for (const [index, piece] of pieces.slice(1).entries()) {
      await bench.until('the body', () => !client.paused)
      client.exchange.requestBody(memoryPiece(piece, index === pieces.length - 2))
    }
    await bench.until('the end', () => !client.exchange.active)
    const connection = await origin.connection(0)
    const request = await connection.next()
    t.equal(request.startLine, `${hasBody ? 'POST' : 'GET'} /a?b HTTP/1.1`)
    t.same(
      [valuesOf(request, 'host'), valuesOf(request, 'accept'), valuesOf(request, 'x-real-ip'), valuesOf(request, 'via')],
      [['memory.test'], ['x'], [], ['memory weir']]
    )
    t.same(
      [valuesOf(request, 'content-length'), valuesOf(request, 'transfer-encoding')],
      ['content-length' in fields ? ['5'] : [], hasBody && !('content-length' in fields) ? ['chunked'] : []]
    )
    t.equal(request.body.toString(), hasBody ? 'hello' : '')
    t.match(client.log[0], /^head 200/)
    t.same(client.log.slice(1), ['end yes', 'ended'])
    client.exchange.retire()
  })
}

proxyTest('two foreign requests of one client are at one origin at the same time', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { setImmediate(() => { connection.send(ok(request.startLine)) }) })
  const logins = new ClientLogins(() => {}, bench.page)
  const streams = ['/1', '/2'].map(path => {
    const one = new MemoryDownstream(bench.plane, logins)
    one.exchange.begin(new MemoryRequest('GET', path), memoryPiece('', true))
    return one
  })
  t.equal(bench.plane.inFlight, 2)
  await bench.until('both', () => streams.every(({ exchange }) => !exchange.active))
  t.same(streams.map(({ log }) => log[1]), ['end GET /1 HTTP/1.1', 'end GET /2 HTTP/1.1'])
  t.equal(origin.connections.length, 2)
  for (const { exchange } of streams) exchange.retire()
})

proxyTest('a foreign request can switch protocols at an origin of HTTP/1.1', async (t, bench) => {
  const origin = await bench.origin((_, connection) => {
    connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
  })
  const client = stream(bench)
  client.exchange.begin(new MemoryRequest('GET', '/', { upgrade: 'websocket' }), memoryPiece('', true))
  await bench.until('the tunnel', () => client.log.length === 2)
  const request = await (await origin.connection(0)).next()
  t.same([valuesOf(request, 'upgrade'), valuesOf(request, 'connection')], [['websocket'], ['Upgrade']])
  t.same(client.log, ['switch 101 websocket', 'tunnel hello'])
  client.exchange.giveUp('shutting_down', '')
  client.exchange.retire()
})
