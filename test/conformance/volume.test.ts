/** Large bodies and readers that stop: cases 38 and 39. */
import { randomBytes } from 'node:crypto'
import { proxyTest, type ProxyBench } from '../helpers/data-plane.ts'
import { pump, pumpedHash, untilStalled } from '../helpers/pump.ts'
import { get, type RawClient } from '../helpers/raw-client.ts'
import { statusOf } from '../helpers/raw-http.ts'
import { ok, type OriginConnection } from '../helpers/raw-origin.ts'

const MIB = 1_048_576
const TOTAL = 64 * MIB
/** What may be on its way when the reader stalls: buffers of the kernel for both connections, and Weir's own. */
const MAX_IN_FLIGHT = 48 * MIB
const PIECE = randomBytes(MIB / 4)
const CHUNK = Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')])
const SHA256 = pumpedHash(PIECE, TOTAL)

const DIRECTIONS = ['up', 'down'] as const
const FRAMINGS = ['Content-Length', 'chunks'] as const
type Framing = typeof FRAMINGS[number]

interface Transfer {
  readonly writer: RawClient | OriginConnection
  readonly reader: RawClient | OriginConnection
  readonly client: RawClient
  readonly connection: OriginConnection
}

/** Begins a transfer of TOTAL bytes: the head is through, and nothing of the body has been sent. */
async function begin (bench: ProxyBench, direction: 'up' | 'down', framing: Framing): Promise<Transfer> {
  const origin = await bench.origin()
  const client = await bench.client()
  const line = framing === 'chunks' ? 'Transfer-Encoding: chunked' : `Content-Length: ${TOTAL}`
  client.expect('POST')
  client.send(`POST / HTTP/1.1\r\nHost: h\r\n${direction === 'up' ? line : 'Content-Length: 0'}\r\n\r\n`)
  const connection = await origin.connection()
  await connection.head()
  if (direction === 'up') {
    connection.reader.hashBodies = true
    return { writer: client, reader: connection, client, connection }
  }
  await connection.next()
  client.reader.hashBodies = true
  connection.send(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`)
  await client.head()
  return { writer: connection, reader: client, client, connection }
}

async function send ({ writer }: Transfer, framing: Framing, progress?: (sent: number) => void): Promise<void> {
  if (framing === 'Content-Length') return await pump(writer, PIECE, TOTAL, progress)
  await pump(writer, CHUNK, (TOTAL / PIECE.length) * CHUNK.length, progress)
  writer.send('0\r\n\r\n')
}

/** The body's hash as it was received; and the same connections serve another request. */
async function finish ({ client, connection }: Transfer, direction: 'up' | 'down'): Promise<Buffer> {
  const received = direction === 'up' ? await connection.next() : await client.answer()
  if (direction === 'up') {
    connection.send(ok())
    await client.answer()
  }
  connection.reader.hashBodies = client.reader.hashBodies = false
  client.expect('GET')
  client.send(get())
  await connection.next()
  connection.send(ok())
  if (statusOf(await client.answer()) !== 200) throw new Error('the connections are not in sync')
  return received.body
}

for (const direction of DIRECTIONS) {
  for (const framing of FRAMINGS) {
    proxyTest(`case 38: 64 MiB ${direction} with ${framing} have the same SHA-256`, async (t, bench) => {
      const transfer = await begin(bench, direction, framing)
      const sending = send(transfer, framing)
      t.ok((await finish(transfer, direction)).equals(SHA256))
      await sending
    })

    proxyTest(`case 39: less than 48 MiB are taken ${direction} with ${framing} while the reader stalls, and all of it arrives later`, async (t, bench) => {
      const transfer = await begin(bench, direction, framing)
      transfer.reader.socket.pause()
      let sent = 0
      const sending = send(transfer, framing, bytes => { sent = bytes })
      await untilStalled(() => sent)
      t.ok(sent < MAX_IN_FLIGHT, `${sent} bytes`)
      transfer.reader.socket.resume()
      t.ok((await finish(transfer, direction)).equals(SHA256))
      await sending
    })
  }
}

proxyTest('case 39: a client that never reads does not hold up the others of its origin', async (t, bench) => {
  const origin = await bench.origin((request, connection) => {
    const large = request.startLine.includes('/large')
    connection.send(large ? `HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n` : ok('small'))
    if (large) void pump(connection, PIECE, TOTAL)
  })
  const stalled = await Promise.all([bench.client(), bench.client(), bench.client()])
  for (const client of stalled) {
    client.socket.pause()
    client.expect('GET')
    client.send(get('/large'))
  }
  await bench.until('the large answers to begin', () => origin.requests.length === 3)
  for (let round = 0; round < 20; round++) t.equal((await (await bench.client()).ask(get('/small'))).body.toString(), 'small')
  for (const client of stalled) client.reset()
})

proxyTest('case 39: a client that sends requests ahead and reads no answer is read no further', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok(PIECE)) })
  const client = await bench.client()
  client.socket.pause()
  const requests = Buffer.from(get('/', `X-Filler: ${'x'.repeat(8_000)}\r\n`).repeat(32))
  let sent = 0
  const sending = pump(client, requests, TOTAL, bytes => { sent = bytes })
  await untilStalled(() => sent)
  t.ok(sent < MAX_IN_FLIGHT, `${sent} bytes`)
  client.reset()
  await sending
})
