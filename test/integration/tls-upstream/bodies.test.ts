import { createHash, randomBytes } from 'node:crypto'
import { proxyTest } from '../../helpers/data-plane.ts'
import { checkEchoedBodies, echoBody } from '../../helpers/echo-bodies.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { readSlowlyUntil } from '../../helpers/read-slowly.ts'
import { secureOrigin, secureRoute } from '../../helpers/secure-origin.ts'
import { TcpRelay } from '../../helpers/tcp-relay.ts'
import { NAMED, originTls } from '../../helpers/upstream-certificates.ts'

/** More than kernels and streams hold on the way, on loopback. */
const LARGE = Buffer.concat(Array.from({ length: 40 }, () => randomBytes(1_000_000)))
const LARGE_HASH = createHash('sha256').update(LARGE).digest()

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

for (const maxVersion of VERSIONS) {
  const origin = { ...originTls('named'), maxVersion }

  proxyTest(`${maxVersion}: bodies of many sizes arrive as they were, both ways`, async (t, bench) => {
    const { connections } = await secureOrigin(t, bench, { origin, tls: NAMED, handler: echoBody })
    await checkEchoedBodies(t, await bench.client(), LARGE)
    t.equal(connections.length, 1)
  })

  proxyTest(`${maxVersion}: a client that reads slowly stops the origin`, async (t, bench) => {
    const started = await secureOrigin(t, bench, { origin, tls: NAMED })
    const client = await bench.client()
    client.reader.hashBodies = true
    client.expect('GET')
    client.socket.pause()
    client.send(get())
    const far = await started.connection()
    await far.next()
    let sent = false
    far.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`)
    far.socket.write(LARGE, () => { sent = true })
    await readSlowlyUntil(client, () => client.bytesReceived > 200_000)
    t.equal(sent, false, 'the origin still has something to send')
    client.socket.resume()
    t.ok((await client.answer()).body.equals(LARGE_HASH))
    t.equal(sent, true)
  })

  proxyTest(`${maxVersion}: an origin that reads slowly stops the client`, async (t, bench) => {
    const started = await secureOrigin(t, bench, { origin, tls: NAMED })
    const client = await bench.client()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE.length}\r\n\r\n`)
    client.expect('POST')
    let sent = false
    client.socket.write(LARGE, () => { sent = true })
    const far = await started.connection()
    far.reader.hashBodies = true
    await readSlowlyUntil(far, () => far.bytesReceived > 200_000)
    t.equal(sent, false, 'the client still has something to send')
    far.socket.resume()
    t.ok((await far.next()).body.equals(LARGE_HASH))
    far.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    t.equal(statusOf(await client.answer()), 200)
  })

  proxyTest(`${maxVersion}: a body until close is whole when the origin says so`, async (t, bench) => {
    await secureOrigin(t, bench, {
      origin,
      tls: NAMED,
      handler: ({ startLine }, connection) => {
        connection.send('HTTP/1.1 200 OK\r\n\r\n')
        if (startLine.includes('/large')) connection.send(LARGE.subarray(0, 3_000_000))
        else if (!startLine.includes('/empty')) connection.send('hello')
        connection.end()
      }
    })
    const client = await bench.client()
    t.equal((await client.ask(get('/small'))).body.toString(), 'hello')
    t.equal((await client.ask(get('/empty'))).body.toString(), '')
    t.ok((await client.ask(get('/large'))).body.equals(LARGE.subarray(0, 3_000_000)))
    t.equal(bench.errors('upstream_truncated'), 0)
  })

  proxyTest(`${maxVersion}: a body until close is whole for a client that reads it long after its end`, async (t, bench) => {
    await secureOrigin(t, bench, {
      origin,
      tls: NAMED,
      handler: (_, connection) => {
        connection.send('HTTP/1.1 200 OK\r\n\r\n')
        connection.send(LARGE)
        connection.end()
      }
    })
    const client = await bench.client()
    client.reader.hashBodies = true
    client.expect('GET')
    client.send(get())
    await readSlowlyUntil(client, () => client.bytesReceived > LARGE.length / 2)
    client.socket.resume()
    t.ok((await client.answer()).body.equals(LARGE_HASH))
    t.equal(bench.errors('upstream_truncated'), 0)
  })

  for (const [what, head, body, whole] of [
    ['until close', '', 'hello', false],
    ['until close that has not begun', '', '', false],
    ['with a length that is not reached', 'Content-Length: 10\r\n', 'hello', false],
    ['in chunks without the last', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n', false],
    ['with a length that is reached', 'Content-Length: 5\r\n', 'hello', true]
  ] as const) {
    proxyTest(`${maxVersion}: somebody in between ends a body ${what}: ${whole ? 'it was whole before' : 'it is seen as cut'}`, async (t, bench) => {
      const started = await secureOrigin(t, bench, { origin, tls: NAMED })
      const relay = await TcpRelay.start(started.port)
      t.teardown(async () => { await relay.close() })
      bench.endpoints('v1', [relay.port])
      const client = await bench.client()
      client.expect('GET')
      client.send(get())
      const far = await started.connection()
      await far.next()
      far.send(`HTTP/1.1 200 OK\r\n${head}\r\n${body}`)
      await client.head()
      if (body !== '' && !whole) await client.until('the body', () => client.reader.partialBodyBytes > 0)
      if (whole) t.equal((await client.answer()).body.toString(), 'hello')
      relay.finish()
      if (whole) {
        await bench.until('the end of the idle connection', () => bench.left()['upstreamOpen'] === 0)
        t.equal(client.closed, false)
      } else {
        await client.untilEnded()
        t.equal(client.reader.messages.length, 0, 'nothing looks complete')
      }
      t.equal(bench.errors('upstream_truncated'), whole ? 0 : 1)
    })
  }

  proxyTest(`${maxVersion}: a body until close that is cut while the client does not read is seen as cut`, async (t, bench) => {
    const started = await secureOrigin(t, bench, { origin, tls: NAMED })
    const relay = await TcpRelay.start(started.port)
    t.teardown(async () => { await relay.close() })
    bench.endpoints('v1', [relay.port])
    const client = await bench.client()
    client.reader.hashBodies = true
    client.socket.pause()
    client.expect('GET')
    client.send(get())
    const far = await started.connection()
    await far.next()
    far.send('HTTP/1.1 200 OK\r\n\r\n')
    far.send(LARGE)
    await bench.until('what fits on the way', () => relay.bytesBack > 1_000_000)
    relay.finish()
    client.socket.resume()
    await client.untilEnded()
    t.equal(client.reader.messages.length, 0, 'nothing looks complete')
    t.ok(client.bytesReceived < LARGE.length)
    t.equal(bench.errors('upstream_truncated'), 1)
  })
}

proxyTest('a client of HTTP/1.0 sees a cut as a reset, and an end as an end', async (t, bench) => {
  const started = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED })
  const relay = await TcpRelay.start(started.port)
  t.teardown(async () => { await relay.close() })
  await secureRoute(bench, NAMED, relay.port)
  for (const cut of [true, false]) {
    const client = await bench.client()
    client.expect('GET')
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    const far = await started.connection(cut ? 0 : 1)
    await far.next()
    far.send('HTTP/1.1 200 OK\r\n\r\nhello')
    await client.until('the body', () => client.reader.partialBodyBytes === 5)
    if (cut) relay.finish()
    else far.end()
    await client.untilEnded()
    t.equal(client.error, cut ? 'ECONNRESET' : undefined)
  }
})
