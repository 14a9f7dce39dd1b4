/** What has to work the same whichever way TcpStream reads and writes: each scenario is about bytes and where they lie. */
import { createHash, randomBytes } from 'node:crypto'
import { FIRST_READ_BYTES, READ_BYTES } from '../../../src/upstream/upstream-context.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { pump, pumpedHash, untilStalled } from '../../helpers/pump.ts'
import { get, post } from '../../helpers/raw-client.ts'
import type { RawPeer } from '../../helpers/raw-peer.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'
import { turns } from '../../helpers/turns.ts'

const MIB = 1_048_576
/** More than the kernel's buffers of both connections and Weir's own can hold. */
const MORE_THAN_BUFFERS = 64 * MIB
/** What may be on its way when the reader stalls; nearly all of it is the kernel's. */
const MAX_ON_THE_WAY = 40 * MIB
const SIZES = [0, 1, 65_535, 65_536, 65_537, READ_BYTES, MIB]

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

/** One chunk a piece, then the last chunk. */
function chunked (pieces: readonly Buffer[], trailers = ''): Buffer {
  const framed = pieces.flatMap(piece => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
  return Buffer.concat([...framed, Buffer.from(`0\r\n${trailers}\r\n`)])
}

function cut (bytes: Buffer, size: number): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

const answerBody: OriginHandler = (request, connection) => { connection.send(ok(request.body)) }

export function coreScenarios (): void {
  bodiesBothWays()
  piecesAndSplits()
  fullReads()
  largeBodies()
  sharing()
}

function bodiesBothWays (): void {
  for (const size of SIZES) {
    const body = randomBytes(size)

    proxyTest(`a body of ${size} bytes with Content-Length goes both ways`, async (t, bench) => {
      const origin = await bench.origin(answerBody)
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        const answer = await client.ask(Buffer.from(post('/', body), 'latin1'))
        t.ok(origin.requests[round]?.body.equals(body), 'up')
        t.ok(answer.body.equals(body), 'down')
        t.same(valuesOf(answer, 'content-length'), [String(size)])
      }
      t.match(bench.version(), { requestBodyBytes: 2 * size, responseBodyBytes: 2 * size, upstreamReuses: 1 })
    })

    proxyTest(`a body of ${size} bytes in chunks goes both ways`, async (t, bench) => {
      const framed = chunked(cut(body, 10_000))
      const origin = await bench.origin((_, connection) => {
        connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        connection.send(framed)
      })
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        const answer = await client.ask(Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'), framed]))
        t.equal(origin.requests[round]?.framing, 'chunked')
        t.ok(origin.requests[round]?.body.equals(body), 'up')
        t.equal(answer.framing, 'chunked')
        t.ok(answer.body.equals(body), 'down')
      }
      t.match(bench.version(), { requestBodyBytes: 2 * size, responseBodyBytes: 2 * size, upstreamReuses: 1 })
    })

    proxyTest(`a body of ${size} bytes until the close comes as chunks, and the client's connection is kept`, async (t, bench) => {
      await bench.origin((_, connection) => {
        connection.send('HTTP/1.1 200 OK\r\n\r\n')
        connection.send(body)
        connection.end()
      })
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        const answer = await client.ask(get())
        t.equal(answer.framing, 'chunked')
        t.ok(answer.body.equals(body))
      }
      t.equal(bench.version().responseBodyBytes, 2 * size)
    })

    for (const framing of ['chunked', 'until the close'] as const) {
      proxyTest(`an HTTP/1.0 client gets a body of ${size} bytes, ${framing}, until the close`, async (t, bench) => {
        await bench.origin((_, connection) => {
          connection.send(`HTTP/1.1 200 OK\r\n${framing === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : ''}\r\n`)
          connection.send(framing === 'chunked' ? chunked(cut(body, 30_000)) : body)
          if (framing !== 'chunked') connection.end()
        })
        const client = await bench.client()
        const answer = await client.ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
        t.equal(answer.framing, 'close')
        t.same(valuesOf(answer, 'connection'), ['close'])
        t.ok(answer.body.equals(body))
      })
    }
  }
}

function piecesAndSplits (): void {
  const request = 'POST /split?x=1 HTTP/1.1\r\nHost: h\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=f\r\nde\r\n0\r\nX-T: u\r\n\r\n'
  const response = 'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nX-B: c\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfghi\r\n1\r\nj\r\n0\r\nX-U: v\r\n\r\n'

  proxyTest('a request and its response survive a split at every point', async (t, bench) => {
    let at = 0
    const origin = await bench.origin((_, connection) => {
      void connection.sendPieces([response.slice(0, at % response.length), response.slice(at % response.length)].filter(piece => piece !== ''))
    })
    const client = await bench.client()
    for (at = 1; at < Math.max(request.length, response.length); at++) {
      client.expect('POST')
      const cutAt = at % request.length
      await client.sendPieces([request.slice(0, cutAt), request.slice(cutAt)].filter(piece => piece !== ''))
      const answer = await client.answer()
      if (answer.body.toString() !== 'fghij' || answer.trailers !== 'X-U: v\r\n') t.fail(`the response is damaged by a split at ${at}`)
      const sent = origin.requests.at(-1)
      if (sent?.body.toString() !== 'abcde' || sent.trailers !== 'X-T: u\r\n') t.fail(`the request is damaged by a split at ${at}`)
    }
    t.equal(origin.requests.length, at - 1)
    t.equal(origin.connections.length, 1)
  })

  proxyTest('a request and its response survive being sent byte by byte', async (t, bench) => {
    await bench.origin((request, connection) => {
      t.equal(request.body.toString(), 'abcde')
      void connection.sendPieces(response)
    })
    const client = await bench.client()
    client.expect('POST', 'POST')
    await client.sendPieces(request + request)
    for (let round = 0; round < 2; round++) {
      const answer = await client.answer()
      t.equal(answer.body.toString(), 'fghij')
      t.equal(answer.trailers, 'X-U: v\r\n')
    }
  })

  proxyTest('20,000 chunks of one byte go both ways', async (t, bench) => {
    const body = randomBytes(20_000)
    const framed = chunked(cut(body, 1))
    const origin = await bench.origin((_, connection) => {
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      connection.send(framed)
    })
    const client = await bench.client()
    const answer = await client.ask(Buffer.concat([Buffer.from('PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'), framed]))
    t.ok(answer.body.equals(body))
    t.ok(origin.requests[0]?.body.equals(body))
  })
}

/** A read that fills its buffer exactly says nothing of whether there is more. */
function fullReads (): void {
  for (const total of [FIRST_READ_BYTES, FIRST_READ_BYTES + READ_BYTES]) {
    for (const size of [total - 1, total, total + 1]) {
      for (const framing of ['Content-Length', 'chunks', 'the close'] as const) {
        proxyTest(`a response of ${size} bytes in all, framed by ${framing}, comes whole and at once`, async (t, bench) => {
          const response = responseOf(size, framing)
          const origin = await bench.origin((_, connection) => {
            connection.send(response.bytes)
            if (framing === 'the close') connection.end()
          })
          const client = await bench.client()
          for (let round = 0; round < 3; round++) t.ok((await client.ask(get())).body.equals(response.body))
          t.equal(origin.connections.length, framing === 'the close' ? 3 : 1)
        })
      }
    }
  }

  proxyTest('a head that fills a read exactly goes on alone, and the body that never comes is missed', async (t, bench) => {
    const { client, connection } = await requestInFlight(bench)
    connection.send(responseOf(FIRST_READ_BYTES + 5_000, 'Content-Length').bytes.subarray(0, FIRST_READ_BYTES))
    await client.head()
    connection.end()
    await client.untilEnded()
    t.equal(client.reader.incomplete, true)
    t.equal(bench.errors('upstream_truncated'), 1)
  })
}

/** A response that takes so many bytes, with its body. */
function responseOf (total: number, framing: 'Content-Length' | 'chunks' | 'the close'): { readonly bytes: Buffer, readonly body: Buffer } {
  const build = (length: number, filler: number): { readonly bytes: Buffer, readonly body: Buffer } => {
    const body = Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz')
    const fields = framing === 'Content-Length' ? `Content-Length: ${length}\r\n` : framing === 'chunks' ? 'Transfer-Encoding: chunked\r\n' : ''
    const head = Buffer.from(`HTTP/1.1 200 OK\r\nX-Filler: ${'x'.repeat(filler)}\r\n${fields}\r\n`)
    return { bytes: Buffer.concat([head, framing === 'chunks' ? chunked([body]) : body]), body }
  }
  return build(total - 200, total - build(total - 200, 0).bytes.length)
}

function largeBodies (): void {
  const piece = randomBytes(MIB / 4)
  const expected = pumpedHash(piece, MORE_THAN_BUFFERS)

  proxyTest('a client that does not read stops the origin, and gets everything when it reads on', async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.reader.hashBodies = true
    client.socket.pause()
    client.expect('GET')
    client.send(get())
    const connection = await origin.connection()
    await connection.next()
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${MORE_THAN_BUFFERS}\r\n\r\n`)
    let sent = 0
    const pumped = pump(connection, piece, MORE_THAN_BUFFERS, bytes => { sent = bytes })
    await untilStalled(() => sent)
    t.ok(sent < MAX_ON_THE_WAY, `${sent} bytes were taken from the origin`)
    client.socket.resume()
    await pumped
    t.ok((await client.answer()).body.equals(expected))
    client.reader.hashBodies = false
    client.expect('GET')
    client.send(get())
    await connection.next()
    connection.send(ok('next'))
    t.equal((await client.answer()).body.toString(), 'next')
  })

  proxyTest('an origin that does not read stops the client, and gets everything when it reads on', async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST')
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${MORE_THAN_BUFFERS}\r\n\r\n`)
    const connection = await origin.connection()
    await connection.head()
    connection.reader.hashBodies = true
    connection.socket.pause()
    let sent = 0
    const pumped = pump(client, piece, MORE_THAN_BUFFERS, bytes => { sent = bytes })
    await untilStalled(() => sent)
    t.ok(sent < MAX_ON_THE_WAY, `${sent} bytes were taken from the client`)
    connection.socket.resume()
    await pumped
    t.ok((await connection.next()).body.equals(expected))
    connection.send(ok('thanks'))
    t.equal((await client.answer()).body.toString(), 'thanks')
    t.equal(statusOf(await askAgain(client, connection)), 200)
  })

  for (const direction of ['up', 'down'] as const) {
    proxyTest(`64 MiB in chunks go ${direction} undamaged past a reader that stops now and then`, async (t, bench) => {
      const origin = await bench.origin()
      const client = await bench.client()
      client.expect('POST')
      client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
      if (direction === 'down') client.send('0\r\n\r\n')
      const connection = await origin.connection()
      await connection.head()
      const [writer, reader] = direction === 'up' ? [client, connection] : [connection, client]
      reader.reader.hashBodies = true
      if (direction === 'down') connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      const stalls = setInterval(() => {
        reader.socket.pause()
        void turns().then(() => { reader.socket.resume() })
      }, 10)
      const framed = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
      await pump(writer, framed, (MORE_THAN_BUFFERS / piece.length) * framed.length)
      writer.send('0\r\n\r\n')
      const message = direction === 'up' ? await connection.next() : await client.answer()
      clearInterval(stalls)
      t.ok(message.body.equals(expected))
      if (direction === 'up') {
        connection.send(ok())
        await client.answer()
      }
    })
  }
}

async function askAgain (client: RawPeer & { answer (): Promise<{ startLine: string }> }, connection: RawPeer): Promise<{ readonly startLine: string }> {
  client.reader.expect('GET')
  client.send(get())
  connection.reader.hashBodies = false
  await connection.next()
  connection.send(ok())
  return await client.answer()
}

function sharing (): void {
  proxyTest('connections with bodies at the same time do not see each other\'s bytes', async (t, bench) => {
    await bench.origin((request, connection) => { void connection.sendPieces([`HTTP/1.1 200 OK\r\nContent-Length: ${request.body.length}\r\n\r\n`, ...cut(request.body, 50_000)]) })
    const rounds = Array.from({ length: 12 }, async (_, index) => {
      const client = await bench.client()
      for (let round = 0; round < 4; round++) {
        const body = Buffer.alloc(150_000 + index * 1_000 + round, `${index}-${round},`)
        client.expect('PUT')
        await client.sendPieces([`PUT /${index} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`, ...cut(body, 33_333)])
        const answer = await client.answer()
        t.ok(answer.body.equals(body), `client ${index}, round ${round}`)
      }
    })
    await Promise.all(rounds)
  })

  proxyTest('bodies sent ahead of their turn, split anywhere, keep to themselves under back-pressure', async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      // Now and then the origin stops reading, so that pieces wait for it.
      connection.socket.pause()
      void turns().then(() => { connection.socket.resume() })
      connection.send(ok(sha256(request.body)))
    })
    const client = await bench.client()
    const bodies = Array.from({ length: 24 }, (_, index) => randomBytes([3, 70_000, 0, 500_000][index % 4] ?? 0))
    client.expect(...bodies.map(() => 'POST'))
    const bytes = Buffer.concat(bodies.flatMap(body => [Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`), body]))
    const sending = client.sendPieces(cut(bytes, 77_777))
    for (const body of bodies) t.ok((await client.answer()).body.equals(sha256(body)))
    await sending
    t.equal(origin.requests.length, bodies.length)
  })
}
