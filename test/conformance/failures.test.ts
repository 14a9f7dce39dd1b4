/** Origins that die, and what may be tried again: cases 34 to 37. */
import type { Test } from 'tap'
import { proxyTest, type ProxyBench } from '../helpers/data-plane.ts'
import { echoTarget, targetOf } from '../helpers/observe-request.ts'
import { get, post, type RawClient } from '../helpers/raw-client.ts'
import { statusOf } from '../helpers/raw-http.ts'
import type { OriginConnection } from '../helpers/raw-origin.ts'

type Death = 'FIN' | 'RST'
const DEATHS: readonly Death[] = ['FIN', 'RST']

function die (connection: OriginConnection, how: Death): void {
  if (how === 'FIN') connection.end()
  else connection.reset()
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

for (const [what, bytes] of [
  ['a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello'],
  ['a body that lacks one byte', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello'],
  ['chunk data', `${CHUNKED}a\r\nhello`],
  ['the CR of a chunk', `${CHUNKED}5\r\nhello`],
  ['the LF of a chunk', `${CHUNKED}5\r\nhello\r`],
  ['chunks, between two', `${CHUNKED}5\r\nhello\r\n`],
  ['a size line', `${CHUNKED}5\r\nhello\r\n1`],
  ['a chunk extension', `${CHUNKED}5\r\nhello\r\n1;a=`],
  ['the last size line', `${CHUNKED}5\r\nhello\r\n0\r`],
  ['the trailer section', `${CHUNKED}5\r\nhello\r\n0\r\n`],
  ['a trailer', `${CHUNKED}5\r\nhello\r\n0\r\nX: y`],
  ['trailers, behind one', `${CHUNKED}5\r\nhello\r\n0\r\nX: y\r\n`],
  ['the end of the trailers', `${CHUNKED}5\r\nhello\r\n0\r\n\r`]
] as const) {
  for (const how of DEATHS) {
    for (const minor of [1, 0]) {
      proxyTest(`case 34: a ${how} of the origin in the middle of ${what} is seen as incomplete by an HTTP/1.${minor} client`, async (t, bench) => {
        const origin = await bench.origin()
        const client = await bench.client()
        client.expect('GET', 'GET')
        client.send(`GET /x HTTP/1.${minor}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n${get('/never')}`)
        const connection = await origin.connection()
        await connection.next()
        connection.send(bytes)
        // A reset destroys what has not been read.
        await client.until('the beginning', () => client.reader.partialBodyBytes === 5)
        die(connection, how)
        // Only a reset tells the reader of an answer without a length.
        if (minor === 0 && bytes.startsWith(CHUNKED)) {
          await client.untilClosed()
          t.equal(client.error, 'ECONNRESET')
        } else {
          await client.untilEnded()
          t.equal(client.reader.incomplete, true)
        }
        t.equal(client.reader.messages.length, 0)
        t.same([origin.requests.length, bench.errors('upstream_truncated')], [1, 1])
      })
    }
  }
}

proxyTest('case 34: an answer until the end that is reset is seen as incomplete', async (t, bench) => {
  for (const minor of [1, 0]) {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('GET')
    client.send(`GET /x HTTP/1.${minor}\r\nHost: h\r\n\r\n`)
    const connection = await origin.connection()
    await connection.next()
    connection.send('HTTP/1.1 200 OK\r\n\r\nhello')
    await client.until('the beginning', () => client.reader.partialBodyBytes === 5)
    connection.reset()
    if (minor === 1) await client.untilEnded()
    else await client.untilClosed()
    if (minor === 1) t.equal(client.reader.incomplete, true)
    else t.equal(client.error, 'ECONNRESET')
  }
})

for (const [what, bytes] of [
  ['a byte', ''],
  ['the status line is complete', 'HTTP/1.1 20'],
  ['the header is complete', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'],
  ['the last line end', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r'],
  ['the final answer, with a 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['the final answer, with two interims', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n'],
  ['the final answer is complete, with a 103', 'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nConte']
] as const) {
  for (const how of DEATHS) {
    for (const request of [get('/x'), post('/x', 'hello')]) {
      proxyTest(`case 35: a ${how} of the origin before ${what} is a 502 for a ${request.slice(0, 4).trim()}, and the client goes on`, async (t, bench) => {
        const origin = await bench.origin((message, connection) => {
          if (targetOf(message) !== '/x') return echoTarget(message, connection)
          void connection.sendPieces(bytes === '' ? [] : [bytes]).then(() => { die(connection, how) })
        })
        const client = await bench.client()
        t.equal(statusOf(await client.ask(request)), 502)
        t.equal((await client.ask(get('/after'))).body.toString(), '/after')
        t.same(origin.requests.map(targetOf), ['/x', '/after'], 'sent once')
      })
    }
  }
}

/** A kept-alive connection that dies under the next request. */
async function loseReused (bench: ProxyBench, client: RawClient, request: string, partial = ''): Promise<{ readonly status: number, readonly sent: number }> {
  let asked = 0
  const origin = await bench.origin((message, connection) => {
    if (targetOf(message) === '/first') return echoTarget(message, connection)
    if (asked++ > 0) return echoTarget(message, connection)
    void connection.sendPieces(partial === '' ? [] : [partial]).then(() => { connection.reset() })
  })
  await client.ask(get('/first'))
  const answer = await client.ask(request)
  return { status: statusOf(answer), sent: origin.requests.length - 1 }
}

const withMethod = (method: string): string => `${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello`

for (const method of ['POST', 'PATCH', 'PROPFIND', 'LOCK', 'get', 'QUERY', 'FOO']) {
  proxyTest(`case 36: a ${method} that was sent is never sent again`, async (t, bench) => {
    t.same(await loseReused(bench, await bench.client(), withMethod(method)), { status: 502, sent: 1 })
  })
}

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
  proxyTest(`case 36: a ${method} lost with a kept-alive connection may be sent again`, async (t, bench) => {
    t.same(await loseReused(bench, await bench.client(), withMethod(method)), { status: 200, sent: 2 })
  })
}

proxyTest('case 36: a GET is not sent again when something of an answer was seen', async (t, bench) => {
  t.same(await loseReused(bench, await bench.client(), get('/x'), 'HTTP/1.1 2'), { status: 502, sent: 1 })
})

proxyTest('case 36: a GET that died with a new connection is not sent again', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.reset() })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/x'))), 502)
  t.equal(origin.requests.length, 1)
})

proxyTest('case 36: a POST whose body is still coming is not sent again, not even in part', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  await client.ask(get('/first'))
  client.expect('POST')
  client.send('POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello')
  const connection = await origin.connection()
  await connection.head(1)
  connection.reset()
  t.equal(statusOf(await client.answer()), 502)
  client.send('world')
  await client.untilEnded()
  t.same([origin.requests.length, origin.connections.length], [1, 1])
})

async function recovers (t: Test, bench: ProxyBench, request: string): Promise<void> {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  t.equal((await client.ask(get('/before'))).body.toString(), '/before')
  const { port } = origin
  await origin.close()
  // A 504 would say that it has waited.
  for (let round = 0; round < 3; round++) t.equal(statusOf(await client.ask(request)), 502)
  const before = origin.requests.length
  await origin.listen(port)
  t.equal(statusOf(await client.ask(request)), 200, 'the first request after it is back')
  t.equal(origin.requests.length, before + 1)
}

for (const request of [get('/x'), post('/x', 'hello')]) {
  proxyTest(`case 37: an origin that is down is a 502 at once for a ${request.slice(0, 4).trim()}, and serves as soon as it is back`, async (t, bench) => { await recovers(t, bench, request) })
}

proxyTest('case 37: a large body for an origin that is down is a 502, not a wait', async (t, bench) => {
  const origin = await bench.origin()
  await origin.close()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n')
  client.send(Buffer.alloc(500_000))
  t.equal(statusOf(await client.answer()), 502)
  await client.untilEnded()
})

proxyTest('case 37: without an endpoint the answer is a 503 at once', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  bench.endpoints('v1', [])
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 503)
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await client.ask(get())), 200)
})

proxyTest('case 37: an origin that accepts and says nothing is a 504 in its time', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/x'))), 504)
  await (await origin.connection()).untilEnded()
  t.equal(statusOf(await client.ask(post('/x', 'hello'))), 504)
}, { timeoutsMs: { upstreamResponse: 60 } })
