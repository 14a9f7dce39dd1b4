import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginConnection } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

for (const [what, bytes] of [
  ['garbage', 'hello\r\n\r\n'],
  ['a bad status line', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['another major version', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a request', 'GET / HTTP/1.1\r\n\r\n'],
  ['two different lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx'],
  ['a length and a coding', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunked twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx'],
  ['a space before a colon', 'HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n'],
  ['a NUL', 'HTTP/1.1 200 OK\r\nX: y\0\r\nContent-Length: 0\r\n\r\n'],
  ['a bare CR', 'HTTP/1.1 200 OK\r\nX: y\rZ: a\r\nContent-Length: 0\r\n\r\n'],
  ['bare LFs', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a head that is too large', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
  ['a first chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n']
] as const) {
  proxyTest(`an origin that answers with ${what} is a 502, and its connection is gone`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(bytes) })
    const client = await bench.client()
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(get())
      t.equal(statusOf(answer), 502)
      t.match(JSON.parse(answer.body.toString()), { code: 'upstream_malformed' })
      await (await origin.connection(round)).untilEnded()
    }
    t.equal(origin.requests.length, 2, 'each is sent once')
    t.equal(bench.errors('upstream_malformed'), 2)
  })
}

for (const [what, whole, parts] of [
  ['a fixed length', 'Content-Length: 1000', ['x'.repeat(500)]],
  ['chunk data', 'Transfer-Encoding: chunked', ['a\r\n01234']],
  ['a chunk\'s end', 'Transfer-Encoding: chunked', ['a\r\n0123456789\r']],
  ['a size line', 'Transfer-Encoding: chunked', ['a\r\n0123456789\r\n1']],
  ['the last chunk', 'Transfer-Encoding: chunked', ['a\r\n0123456789\r\n0\r\n']],
  ['the trailers', 'Transfer-Encoding: chunked', ['a\r\n0123456789\r\n0\r\nX-T: 1\r\n', 'X-']]
] as const) {
  for (const how of ['FIN', 'RST'] as const) {
    for (const together of [true, false]) {
      proxyTest(`an origin that dies with a ${how} in the middle of ${what}, ${together ? 'with' : 'after'} the head, is seen as incomplete`, async (t, bench) => {
        const die = (connection: OriginConnection): void => {
          if (how === 'FIN') connection.end()
          else connection.reset()
        }
        const origin = await bench.origin()
        const client = await bench.client()
        client.expect('GET', 'GET')
        client.send(get() + get('/never'))
        const connection = await origin.connection()
        await connection.next()
        const head = `HTTP/1.1 200 OK\r\n${whole}\r\n\r\n`
        if (together) {
          connection.send(head + parts.join(''))
        } else {
          connection.send(head)
          await client.head()
          for (const part of parts) connection.send(part)
        }
        await client.head()
        // A reset throws away what has not been read.
        await client.until('the beginning', () => client.reader.partialBodyBytes > 0)
        die(connection)
        await client.untilEnded()
        t.equal(client.reader.incomplete, true)
        t.equal(client.reader.messages.length, 0)
        t.equal(bench.errors('upstream_truncated'), 1)
        t.equal(origin.requests.length, 1)
      })
    }
  }
}

proxyTest('an HTTP/1.0 client sees a reset when the body, that only a close ends, is not whole', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench, 'GET / HTTP/1.0\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await client.until('the first chunk', () => client.reader.partialBodyBytes === 5)
  connection.end()
  await client.untilClosed()
  t.equal(client.error, 'ECONNRESET')
  t.equal(client.ended, false)
})

proxyTest('a body until the close that ends with a reset is not taken for whole', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  connection.send('HTTP/1.1 200 OK\r\n\r\nhello')
  await client.until('the piece', () => client.reader.partialBodyBytes === 5)
  connection.reset()
  await client.untilEnded()
  t.equal(client.reader.incomplete, true)
  t.equal(client.reader.messages.length, 0)
})

for (const part of ['', 'HTTP/1.1 200 OK\r\nContent-Len']) {
  proxyTest(`an origin that dies after ${part.length} bytes of the head is a 502, and a new connection is not tried again`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => {
      connection.send(part)
      connection.end()
    })
    const client = await bench.client()
    const answer = await client.ask(get())
    t.equal(statusOf(answer), 502)
    t.match(JSON.parse(answer.body.toString()), { code: 'upstream_reset' })
    t.equal(origin.requests.length, 1)
  })
}

for (const [what, head] of [
  ['a fixed length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no body', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['a 204', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['a 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 27\r\n\r\n']
] as const) {
  proxyTest(`bytes glued behind ${what} reach nobody, and the connection is not used again`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => { connection.send(request.startLine.includes('/next') ? ok('next') : head + ok('stolen')) })
    const client = await bench.client()
    client.expect('GET', 'GET')
    client.send(get() + get('/next'))
    await client.answer()
    t.equal((await client.answer()).body.toString(), 'next')
    t.equal(origin.connections.length, 2)
    t.notMatch(client.tail, 'stolen')
  })

  proxyTest(`bytes that come late behind ${what} reach nobody, and the connection is not used again`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => { connection.send(request.startLine.includes('/next') ? ok('next') : head) })
    const client = await bench.client()
    await client.ask(get())
    const connection = await origin.connection()
    connection.send(ok('stolen'))
    await connection.untilEnded()
    t.equal((await client.ask(get('/next'))).body.toString(), 'next')
    t.equal(origin.connections.length, 2)
  })
}

proxyTest('a body in the answer to HEAD reaches nobody', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { connection.send(ok(request.startLine)) })
  const client = await bench.client()
  client.expect('HEAD', 'GET')
  client.send('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n' + get('/next'))
  await client.answer()
  t.equal((await client.answer()).body.toString(), 'GET /next HTTP/1.1')
  t.equal(origin.connections.length, 2)
})

proxyTest('an idle connection that the origin closes is forgotten', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  await client.ask(get());
  (await origin.connection()).end()
  await bench.until('the connection to be forgotten', () => bench.counters.upstreamOpen === 0)
  t.equal(bench.counters.upstreamIdle, 0)
  t.equal(statusOf(await client.ask(get())), 200)
  t.same(bench.version().retries, [0, 0, 0, 0, 0])
})

/** The second request meets a connection that the origin closes as soon as something comes. */
async function warmed (bench: Parameters<Parameters<typeof proxyTest>[1]>[1]): Promise<{ readonly client: Awaited<ReturnType<typeof bench.client>>, readonly origin: Awaited<ReturnType<typeof bench.origin>> }> {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/warm'))
  const connection = await origin.connection()
  await connection.next()
  connection.send(ok())
  await client.answer()
  return { client, origin }
}

for (const how of ['FIN', 'RST'] as const) {
  for (const [method, bytes] of [
    ['GET', get('/stale')],
    ['HEAD', 'HEAD /stale HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['PUT', 'PUT /stale HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody'],
    ['DELETE', 'DELETE /stale HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n']
  ] as const) {
    proxyTest(`a kept-alive connection that dies with a ${how} under a ${method} does no harm: it is sent again`, async (t, bench) => {
      const { client, origin } = await warmed(bench)
      const stale = await origin.connection()
      client.expect(method)
      client.send(bytes)
      const first = await stale.next()
      if (how === 'FIN') stale.end()
      else stale.reset()
      const fresh = await origin.connection(1)
      const again = await fresh.next()
      t.same({ ...again, body: again.body.toString() }, { ...first, body: first.body.toString() }, 'the same bytes')
      fresh.send(ok('again'))
      t.equal(statusOf(await client.answer()), 200)
      t.match(bench.version(), { retries: [0, 1, 0, 0, 0], requestsByClass: [0, 2, 0, 0, 0], upstreamConnects: 2, upstreamReuses: 1 })
    })
  }

  for (const method of ['POST', 'PATCH', 'LOCK']) {
    proxyTest(`a kept-alive connection that dies with a ${how} under a ${method} is a 502: it is not sent twice`, async (t, bench) => {
      const { client, origin } = await warmed(bench)
      const stale = await origin.connection()
      client.expect(method)
      client.send(`${method} /stale HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody`)
      await stale.next()
      if (how === 'FIN') stale.end()
      else stale.reset()
      const answer = await client.answer()
      t.equal(statusOf(answer), 502)
      t.match(JSON.parse(answer.body.toString()), { code: 'upstream_reset' })
      t.equal(origin.requests.length, 2)
      t.match(bench.version(), { retries: [0, 0, 0, 0, 0] })
      client.expect('GET')
      client.send(get())
      const fresh = await origin.connection(1)
      await fresh.next()
      fresh.send(ok())
      t.equal(statusOf(await client.answer()), 200, 'the client\'s connection is kept')
    })
  }
}

const SMALL_REPLAY = { retries: { ...ROUTE_DEFAULTS.retries, bufferBytes: 7 } }

for (const [what, policy] of [['is sent again as it was', {}], ['is not sent again when it is longer than what is kept', SMALL_REPLAY]] as const) {
  proxyTest(`a PUT whose body came in several pieces ${what}`, async (t, bench) => {
    const { client, origin } = await warmed(bench)
    bench.route([{ weights: { v1: 1 }, policy }])
    const stale = await origin.connection()
    client.expect('PUT')
    client.send('PUT /stale HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n')
    await stale.head(1)
    client.send('some')
    await stale.until('the first piece', () => stale.reader.partialBodyBytes === 4)
    client.send('more')
    await stale.next()
    stale.end()
    if (policy !== SMALL_REPLAY) {
      const fresh = await origin.connection(1)
      t.equal((await fresh.next()).body.toString(), 'somemore')
      fresh.send(ok())
    }
    t.equal(statusOf(await client.answer()), policy === SMALL_REPLAY ? 502 : 200)
    t.equal(origin.requests.length, policy === SMALL_REPLAY ? 2 : 3)
  })
}

proxyTest('a GET that was answered in part is not sent again', async (t, bench) => {
  const { client, origin } = await warmed(bench)
  const stale = await origin.connection()
  client.expect('GET')
  client.send(get('/stale'))
  await stale.next()
  stale.send('HTTP/1.1 2')
  stale.end()
  t.equal(statusOf(await client.answer()), 502)
  t.equal(origin.requests.length, 2)
})

proxyTest('a refused connection sends the request to the next endpoint, whatever its method', async (t, bench) => {
  const good = await bench.extraOrigin((request, connection) => { connection.send(ok(request.body)) })
  bench.route([{ balancing: 'round-robin', weights: { v1: 1 } }])
  bench.endpoints('v1', [await closedPort(), good.port])
  const client = await bench.client()
  for (let round = 0; round < 6; round++) t.equal((await client.ask(post('/', `body ${round}`))).body.toString(), `body ${round}`)
  t.ok((bench.version().retries[0] ?? 0) >= 2, 'counted')
  t.equal(bench.version().requestsByClass[4], 0)
})

proxyTest('a body that is still coming follows its request to the next endpoint', async (t, bench) => {
  const good = await bench.extraOrigin((request, connection) => { connection.send(ok(request.body)) })
  bench.route([{ balancing: 'round-robin', weights: { v1: 1 } }])
  bench.endpoints('v1', [await closedPort(), await closedPort(), good.port])
  const body = Buffer.alloc(300_000, '0123456789')
  for (let round = 0; round < 3; round++) {
    const client = await bench.client()
    client.expect('POST')
    await client.sendPieces([`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n0123`, body.subarray(4, 100_000), body.subarray(100_000)])
    t.ok((await client.answer()).body.equals(body))
  }
})

proxyTest('when every endpoint refuses, the answer is a 502 after three attempts', async (t, bench) => {
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [await closedPort(), await closedPort(), await closedPort(), await closedPort()])
  const client = await bench.client()
  for (let round = 1; round <= 2; round++) {
    const answer = await client.ask(post('/', 'body'))
    t.equal(statusOf(answer), 502)
    t.match(JSON.parse(answer.body.toString()), { code: 'upstream_connect_failed' })
    t.match(bench.version(), { retries: [2 * round, 0, 0, 0, 0], upstreamConnects: 3 * round })
  }
})

proxyTest('an endpoint that refuses is not asked twice: with one alone there is one attempt', async (t, bench) => {
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [await closedPort()])
  const client = await bench.client()
  t.equal(statusOf(await client.ask(post('/', 'body'))), 502)
  t.match(bench.version(), { retries: [0, 0, 0, 0, 0], upstreamConnects: 1 })
})
