import { proxyTest, timedProxyTest } from '../helpers/data-plane.ts'
import { stalledClient } from '../helpers/stalled-client.ts'
import { tlsMaterial } from '../helpers/listener-certificates.ts'
import type { RawClient } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok, type RawOrigin } from '../helpers/raw-origin.ts'
import { secureClient } from '../helpers/secure-client.ts'

proxyTest('case 21: a final answer instead of the 100 says that the connection ends with it', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send(ok('early').replace('200 OK', '401 Unauthorized'))
  const answer = await client.next()
  t.same([statusOf(answer), valuesOf(answer, 'connection')], [401, ['close']])
  await client.untilEnded()
})

/** How the client of an early answer goes on: more than the kernel takes at once, a piece at a time. */
const PIECE = Buffer.alloc(256 * 1024, 'x')
const PIECES = 24

async function sendPieces (client: RawClient, pieces: number): Promise<void> {
  for (let index = 0; index < pieces; index++) {
    client.send(PIECE)
    await client.until('a piece to leave', () => client.socket.writableLength === 0 || client.closed)
  }
}

function upload (fields = ''): string {
  return `POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: ${PIECES * PIECE.length}\r\n${fields}\r\n`
}

/** Answers the latest request, of which no more than the head has come. */
async function answerEarly (origin: RawOrigin, answer: string): Promise<void> {
  const connection = await origin.connection()
  await connection.head()
  connection.send(answer)
}

for (const [what, answer] of [
  ['an origin that closes', 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno'],
  ['an origin that keeps', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno']
] as const) {
  proxyTest(`case 41: an early answer of ${what} reaches a client that goes on to send megabytes`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST')
    client.send(upload())
    await answerEarly(origin, answer)
    // The answer is out long before the rest of the request.
    await bench.until('the answer', () => bench.plane.inFlight === 0 && bench.version().requestsByClass.some(count => count > 0))
    await sendPieces(client, PIECES)
    t.equal(statusOf(await client.answer()), 403)
    t.equal(client.error, undefined, 'no reset')
  })
}

for (const tls of [false, true]) {
  proxyTest(`case 41: an answer of Weir's own reaches a client that goes on to send megabytes${tls ? ' over TLS' : ''}`, async (t, bench) => {
    const client = tls ? await secureClient(bench) : await bench.client()
    client.expect('POST')
    client.send(upload())
    await sendPieces(client, PIECES)
    const answer = await client.answer()
    t.same([statusOf(answer), valuesOf(answer, 'connection')], [404, ['close']])
    t.equal(client.error, undefined, 'no reset')
    await client.untilEnded()
  }, tls ? { tls: tlsMaterial() } : {})
}

timedProxyTest('case 41: whoever goes on behind an early answer has 30 s, and 5 s for each piece', async (t, bench, advance) => {
  for (const silent of [true, false]) {
    const { stream } = stalledClient(bench)
    stream.receive(Buffer.from(upload()))
    stream.take()
    for (let passedMs = silent ? 28_000 : 0; passedMs < 28_000; passedMs += 4_000) {
      await advance(4_000)
      stream.receive(Buffer.from('x'))
    }
    t.equal(stream.gone, undefined)
    await advance(silent ? 5_000 : 2_000)
    t.equal(stream.gone, 'destroyed')
  }
})

timedProxyTest('case 41: a drain leaves less time to whoever is silent behind an early answer, and none at its end', async (t, bench, advance) => {
  const [one, other] = [stalledClient(bench), stalledClient(bench)]
  for (const { stream } of [one, other]) {
    stream.receive(Buffer.from(upload()))
    stream.take()
  }
  bench.drain()
  other.stream.receive(Buffer.from('x'))
  await advance(1_000)
  other.stream.receive(Buffer.from('x'))
  await advance(1_000)
  t.strictSame([one.stream.gone, other.stream.gone], ['destroyed', undefined])
  bench.cutOff()
  t.equal(other.stream.gone, 'destroyed')
})
