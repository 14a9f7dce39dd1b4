/** Interim answers and trailers: cases 21 to 23. */
import { proxyTest } from '../helpers/data-plane.ts'
import { echoTarget } from '../helpers/observe-request.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

const expecting = (fields = 'Content-Length: 5\r\n', expectation = '100-continue'): string => `POST /x HTTP/1.1\r\nHost: h\r\nExpect: ${expectation}\r\n${fields}\r\n`

for (const expectation of [
  '100-continue', '100-Continue', ' 100-CONTINUE\t', '100-continue\r\nExpect: 100-continue', '100-continue, 100-continue',
  ', ,100-continue,', '100-continue\r\nExpect:', '\r\nExpect: 100-continue', ',100-Continue\r\nExpect: ,'
]) {
  for (const [framing, fields, body] of [
    ['a length', 'Content-Length: 5\r\n', 'hello'], ['chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n']
  ] as const) {
    proxyTest(`case 21: Expect: ${JSON.stringify(expectation)} gets a 100 before the body, with ${framing}, and one final answer`, async (t, bench) => {
      const origin = await bench.origin()
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        client.expect('POST')
        client.send(expecting(fields, expectation))
        const connection = await origin.connection()
        await connection.head(round)
        connection.send('HTTP/1.1 100 Continue\r\n\r\n')
        t.equal(statusOf(await client.next()), 100)
        t.equal(connection.reader.messages.length, round, 'nothing of the body has been made up')
        client.send(body)
        t.equal((await connection.next()).body.toString(), 'hello')
        connection.send(ok('done'))
        const answer = await client.next()
        t.same([statusOf(answer), answer.body.toString()], [200, 'done'])
      }
      t.equal(client.reader.messages.length, 4, 'two interim and two final answers')
      t.equal(origin.connections.length, 1)
    })
  }
}

for (const status of [401, 413, 417, 302, 200]) {
  proxyTest(`case 21: a ${status} instead of the 100 is delivered, and the body is not waited for`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST')
    client.send(expecting())
    const connection = await origin.connection()
    await connection.head()
    connection.send(ok('early').replace('200 OK', `${status} Early`))
    const answer = await client.next()
    t.same([statusOf(answer), answer.body.toString()], [status, 'early'])
    await client.untilEnded()
    await connection.untilEnded()
    t.equal(connection.reader.messages.length, 0, 'the request was never complete')
  })
}

proxyTest('case 21: a client that does not wait for the 100 is served too', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(`HTTP/1.1 100 Continue\r\n\r\n${ok('done')}`) })
  const client = await bench.client()
  client.expect('POST')
  client.send(`${expecting()}hello`)
  t.equal((await client.answer()).body.toString(), 'done')
  t.equal(origin.requests[0]?.body.toString(), 'hello')
  t.equal(statusOf(await client.ask(get())), 200, 'in sync')
})

proxyTest('case 21: without an endpoint the client has its final answer before it sends the body', async (t, bench) => {
  bench.route([{ weights: { v1: 1 } }])
  const client = await bench.client()
  client.expect('POST')
  client.send(expecting())
  const answer = await client.next()
  t.same([statusOf(answer), valuesOf(answer, 'connection')], [503, ['close']])
})

for (const expectation of [
  '100', '200-ok', '100-continue, x', 'x, 100-continue', '100-continue; x', '100-continue 100-continue', '100-continuex', 'x=y', ',x',
  '100-continue\r\nExpect: x'
]) {
  proxyTest(`case 21: Expect: ${JSON.stringify(expectation)} is a 417`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(expecting('Content-Length: 5\r\n', expectation))), 417)
    await client.untilEnded()
    t.equal(origin.connections.length, 0)
  })
}

const INTERIMS: ReadonlyArray<readonly [what: string, bytes: readonly string[], seen: readonly string[]]> = [
  ['a 103', ['HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n'], ['HTTP/1.1 103 Early Hints']],
  ['a 100 that nobody asked for', ['HTTP/1.1 100 Continue\r\n\r\n'], ['HTTP/1.1 100 Continue']],
  ['several', ['HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 One\r\nX: y\r\n\r\n', 'HTTP/1.1 103 Two\r\n\r\n'], ['HTTP/1.1 102 Processing', 'HTTP/1.1 103 One', 'HTTP/1.1 103 Two']],
  ['an unknown one without a reason', ['HTTP/1.1 199\r\n\r\n'], ['HTTP/1.1 199 ']],
  ['one of HTTP/1.0', ['HTTP/1.0 103 Early\r\n\r\n'], ['HTTP/1.1 103 Early']],
  ['one with a length', ['HTTP/1.1 103 Early\r\nContent-Length: 100\r\n\r\n'], ['HTTP/1.1 103 Early']],
  ['one with a coding', ['HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\nConnection: close, X\r\nX: y\r\n\r\n'], ['HTTP/1.1 103 Early']]
]

for (const [what, bytes, seen] of INTERIMS) {
  for (const how of ['glued to the final answer', 'one after the other', 'byte by byte'] as const) {
    proxyTest(`case 22: ${what}, ${how}, comes before the final answer, and the connection stays in sync`, async (t, bench) => {
      const origin = await bench.origin((_, connection) => {
        const all = [...bytes, ok('final')]
        const pieces = { 'glued to the final answer': [all.join('')], 'one after the other': all, 'byte by byte': all.join('') }[how]
        void connection.sendPieces(pieces)
      })
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        client.expect('GET')
        client.send(get())
        for (const line of seen) {
          const interim = await client.next()
          t.equal(interim.startLine, line)
          t.same(['content-length', 'transfer-encoding', 'connection', 'x-kept'].flatMap(name => valuesOf(interim, name)), [])
        }
        t.equal((await client.next()).body.toString(), 'final')
      }
      t.equal(origin.connections.length, 1)
    })
  }
}

proxyTest('case 22: the fields of an interim answer arrive with it, not with the final one', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\nX-Obs: \xe9\r\n\r\n${ok('x')}`) })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const interim = await client.next()
  t.same(interim.fields, [['Link', '</a>'], ['Link', '</b>'], ['X-Obs', '\xe9']])
  t.same(valuesOf(await client.next(), 'link'), [])
})

proxyTest('case 22: interim answers are sent when they come, long before the final one', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('HEAD')
  client.send('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n')
  const connection = await origin.connection()
  await connection.next()
  connection.send('HTTP/1.1 103 Early\r\n\r\n')
  t.equal(statusOf(await client.next()), 103)
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')
  t.equal(statusOf(await client.next()), 200)
})

proxyTest('case 22: an HTTP/1.0 client sees none', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(`HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${ok('x')}`) })
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    client.expect('GET')
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    t.equal(statusOf(await client.next()), 200)
  }
})

const FORBIDDEN = ['Content-Length: 99', 'Transfer-Encoding: chunked', 'Host: evil', 'Connection: close', 'Trailer: X', 'TE: x', 'Content-Encoding: gzip', 'Content-Type: x/y', 'Content-Range: x', 'Authorization: x', 'Cookie: a', 'Set-Cookie: a', 'Cache-Control: x', 'Expect: 100-continue', 'Max-Forwards: 0', 'Upgrade: x',
  'Keep-Alive: x', 'Proxy-Connection: x', 'Via: x', 'Forwarded: for=x', 'X-Forwarded-For: 1.2.3.4', 'X-Request-Id: x', 'Location: /x', 'Vary: *',
  'Range: bytes=0-', 'If-Match: x', 'Date: x', 'Age: 1', 'Content_Length: 99', 'X_Forwarded_For: x']
const KEPT = ['X-Sum: abc', 'x-other: \xe9', 'X-Sum: def', 'Server-Timing: a;dur=1', 'Empty: ']

proxyTest('case 23: trailers of a request stay trailers, never merge, and the forbidden ones are left out', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  for (const size of [Infinity, 1, 7]) {
    const request = `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n${[...FORBIDDEN, ...KEPT].map(line => `${line}\r\n`).join('')}\r\n`
    client.expect('POST')
    await client.sendPieces(size === Infinity ? [request] : request.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
    t.equal(statusOf(await client.answer()), 200)
  }
  t.equal(origin.requests.length, 3)
  for (const request of origin.requests) {
    t.equal(request.body.toString(), 'hello')
    t.equal(request.trailers, KEPT.map(line => `${line}\r\n`).join(''))
    t.same([valuesOf(request, 'x-sum'), valuesOf(request, 'host'), valuesOf(request, 'trailer')], [[], ['h'], ['X-Sum']])
  }
})

proxyTest('case 23: trailers of an answer stay trailers, never merge, and the forbidden ones are left out', async (t, bench) => {
  const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n${[...FORBIDDEN, ...KEPT].map(line => `${line}\r\n`).join('')}\r\n`
  let size = Infinity
  const origin = await bench.origin((_, connection) => { void connection.sendPieces(size === Infinity ? [answer] : answer.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []) })
  const client = await bench.client()
  for (size of [Infinity, 1, 7]) {
    const response = await client.ask(get('/', 'TE: trailers\r\nConnection: TE\r\n'))
    t.equal(response.body.toString(), 'hello')
    t.equal(response.trailers, KEPT.map(line => `${line}\r\n`).join(''))
    t.same([valuesOf(response, 'x-sum'), valuesOf(response, 'set-cookie'), valuesOf(response, 'trailer')], [[], [], ['X-Sum']])
  }
  t.equal(origin.connections.length, 1, 'in sync')
})

proxyTest('case 23: an HTTP/1.0 client gets the body and no trailers', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n') })
  const client = await bench.client()
  const response = await client.ask('GET / HTTP/1.0\r\n\r\n')
  t.same([response.body.toString(), response.framing], ['hello', 'close'])
})

proxyTest('case 23: a trailer section without data keeps the pipeline in sync', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect('POST', 'POST', 'GET')
  client.send(`POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n${post('/b', 'hi')}${get('/c')}`)
  for (const target of ['/a', '/b', '/c']) t.equal((await client.answer()).body.toString(), target)
  t.equal(origin.requests[0]?.trailers, 'X: y\r\n')
})
