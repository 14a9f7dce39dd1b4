import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { checkEchoedBodies, echoBody } from '../../helpers/echo-bodies.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { tlsMaterial } from '../../helpers/listener-certificates.ts'
import { pump, pumpedHash, untilStalled } from '../../helpers/pump.ts'
import { get } from '../../helpers/raw-client.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { dialSecure, secureClient, shaken } from '../../helpers/secure-client.ts'

const tls = tlsMaterial()
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const PIECE = randomBytes(1_000_000)
/** More than kernels and streams hold on the way, on loopback. */
const TOTAL = 40_000_000
/** What Weir, both kernels and the test's own streams may hold of it. */
const HELD = 25_000_000
const CLOSE_NOTIFY_RECORD = 21

for (const version of VERSIONS) {
  const speak = { minVersion: version, maxVersion: version }

  proxyTest(`${version}: bodies of many sizes arrive as they were, both ways`, async (t, bench) => {
    await bench.origin(echoBody)
    await checkEchoedBodies(t, await secureClient(bench, speak), PIECE)
  }, { tls })

  proxyTest(`${version}: requests sent ahead are answered in order`, async (t, bench) => {
    await bench.origin((request, connection) => { connection.send(ok(request.startLine)) })
    const client = await secureClient(bench, speak)
    const count = 50
    client.expect(...Array.from({ length: count }, () => 'GET'))
    client.send(Array.from({ length: count }, (_, index) => get(`/${index}`)).join(''))
    for (let index = 0; index < count; index++) t.equal((await client.answer()).body.toString(), `GET /${index} HTTP/1.1`)
  }, { tls })

  proxyTest(`${version}: a client that reads slowly stops the origin`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await secureClient(bench, speak)
    client.reader.hashBodies = true
    client.expect('GET')
    client.socket.pause()
    client.send(get())
    const far = await origin.connection()
    await far.next()
    far.send(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`)
    let sent = 0
    const pumped = pump(far, PIECE, TOTAL, bytes => { sent = bytes })
    await untilStalled(() => sent)
    t.ok(sent < HELD, `the origin got rid of ${sent} bytes`)
    client.socket.resume()
    t.ok((await client.answer()).body.equals(pumpedHash(PIECE, TOTAL)))
    await pumped
  }, { tls })

  proxyTest(`${version}: an origin that reads slowly stops the client`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await secureClient(bench, speak)
    client.expect('POST')
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${TOTAL}\r\n\r\n`)
    const far = await origin.connection()
    far.reader.hashBodies = true
    far.socket.pause()
    let sent = 0
    const pumped = pump(client, PIECE, TOTAL, bytes => { sent = bytes })
    await untilStalled(() => sent)
    t.ok(sent < HELD, `the client got rid of ${sent} bytes`)
    far.socket.resume()
    t.ok((await far.next()).body.equals(pumpedHash(PIECE, TOTAL)))
    await pumped
    far.send(ok())
    t.equal((await client.answer()).body.toString(), 'ok')
  }, { tls })

  proxyTest(`${version}: a client that ends its side gets its answer`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await secureClient(bench, speak)
    client.expect('GET')
    client.send(get())
    client.end()
    const far = await origin.connection()
    await far.next()
    far.send(ok('late'))
    t.equal((await client.answer()).body.toString(), 'late')
    await client.untilEnded()
  }, { tls })

  proxyTest(`${version}: an upgraded connection is a tunnel, and each side ends for itself`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await secureClient(bench, speak)
    client.send(get('/', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
    const far = await origin.connection()
    await far.until('the request', () => far.tail.includes('\r\n\r\n'))
    far.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst')
    await client.until('the first bytes', () => client.tail.endsWith('first'))
    client.send('to the origin')
    await far.until('the bytes', () => far.tail.endsWith('to the origin'))
    client.end()
    await far.untilEnded()
    await client.untilClosed()
    t.equal(client.error, undefined)
  }, { tls })

  proxyTest(`${version}: a client that goes in mid-body leaves the origin with an incomplete request`, async (t, bench) => {
    const origin = await bench.origin()
    for (const [index, leave] of (['end', 'destroy', 'cut'] as const).entries()) {
      const client = await secureClient(bench, speak)
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello')
      const far = await origin.connection(index)
      await far.head()
      // Without a close_notify when the connection below is cut.
      if (leave === 'cut') client.transport.end()
      else client[leave]()
      await far.until('the end', () => far.ended || far.closed)
      t.equal(far.reader.messages.length, 0, leave)
      client.destroy()
    }
    await bench.until('the counters', () => bench.errors('client_gone') === 3)
  }, { tls })
}

/** A connection through somebody who writes down the types of the records that Weir sends. TLS 1.2 shows them. */
async function observed (bench: ProxyBench): Promise<{ readonly port: number, readonly records: number[], readonly outcome: { reset: boolean }, close: () => Promise<void> }> {
  const records: number[] = []
  const outcome = { reset: false }
  let rest = Buffer.alloc(0)
  const server = net.createServer({ noDelay: true }, near => {
    const far = net.connect({ host: '127.0.0.1', port: bench.port, noDelay: true })
    far.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
        records.push(rest.readUInt8(0))
        rest = rest.subarray(5 + rest.readUInt16BE(3))
      }
    })
    far.on('error', (error: NodeJS.ErrnoException) => {
      outcome.reset = error.code === 'ECONNRESET'
      near.resetAndDestroy()
    })
    near.on('error', () => { far.destroy() })
    near.on('close', () => { far.destroy() })
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    records,
    outcome,
    close: async () => { await new Promise<void>(resolve => { server.close(() => { resolve() }) }) }
  }
}

const ENDINGS = [
  { what: 'a whole answer', head: 'Content-Length: 5\r\n', body: 'hello', minor: 1, proper: true, reset: false },
  { what: 'a short body with a length', head: 'Content-Length: 10\r\n', body: 'hello', minor: 1, proper: false, reset: false },
  { what: 'a chunked body without its end', head: 'Transfer-Encoding: chunked\r\n', body: '5\r\nhello\r\n', minor: 1, proper: false, reset: false },
  { what: 'a chunked body without its end, for a client of 1.0', head: 'Transfer-Encoding: chunked\r\n', body: '5\r\nhello\r\n', minor: 0, proper: false, reset: true }
] as const

for (const { what, head, body, minor, proper, reset } of ENDINGS) {
  proxyTest(`${what}: the end of the connection tells the truth`, async (t, bench) => {
    const origin = await bench.origin()
    const between = await observed(bench)
    t.teardown(between.close)
    const client = dialSecure(between.port, { maxVersion: 'TLSv1.2' })
    await shaken(client)
    client.expect('GET')
    client.send(`GET / HTTP/1.${minor}\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const far = await origin.connection()
    await far.next()
    far.send(`HTTP/1.1 200 OK\r\n${head}\r\n${body}`)
    if (!proper) await client.until('the beginning', () => client.tail.includes('hello'))
    far.end()
    await client.until('the end', () => client.ended || client.closed)
    t.equal(between.records.includes(CLOSE_NOTIFY_RECORD), proper, 'a close_notify says that this is all')
    t.equal(between.outcome.reset, reset)
    client.destroy()
  }, { tls })
}

proxyTest('a record that was tampered with ends the connection', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await secureClient(bench)
  t.equal(statusOf(await client.ask(get())), 200)
  client.transport.write(Buffer.concat([Buffer.from('1703030040', 'hex'), randomBytes(64)]))
  await client.until('the end', () => client.ended || client.closed)
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
}, { tls })
