/** A body in chunks of one byte is six times its bytes to decode: it is read in turns, so that others do not wait for it. */
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

/** The most that waited for a turn, until `over`. */
async function mostWaiting ({ plane }: ProxyBench, over: () => boolean): Promise<number> {
  let most = 0
  while (!over()) {
    await new Promise<void>(resolve => { setImmediate(resolve) })
    most = Math.max(most, plane.turns.size)
  }
  return most
}

for (const [what, chunk, chunks, inTurns] of [
  ['of one byte', '1\r\nx\r\n', 100_000, true],
  ['of a kibibyte', `400\r\n${'x'.repeat(1_024)}\r\n`, 1_000, false]
] as const) {
  proxyTest(`an answer in chunks ${what} is ${inTurns ? '' : 'not '}read in turns, and arrives whole`, async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(`${HEAD}${chunk.repeat(chunks)}0\r\n\r\n`) })
    const client = await bench.client()
    const answer = client.ask(get('/'))
    let done = false
    void answer.finally(() => { done = true })
    t.equal(await mostWaiting(bench, () => done) > 0, inTurns)
    t.equal((await answer).body.toString(), 'x'.repeat(inTurns ? chunks : chunks * 1_024))
    t.equal(bench.plane.turns.size, 0)
  })
}

proxyTest('an endpoint or a client that leaves amid such an answer leaves nothing behind', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(HEAD + '1\r\nx\r\n'.repeat(100_000)) })
  for (const leaves of ['client', 'endpoint'] as const) {
    const client = await bench.client()
    client.send(get('/'))
    // A turn is too short to be seen from a timer.
    await mostWaiting(bench, () => bench.plane.turns.size > 0)
    t.equal(bench.plane.inFlight, 1, 'the answer is under way')
    if (leaves === 'client') client.reset()
    else origin.connections.at(-1)?.reset()
    await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
    await bench.until('the turns', () => bench.plane.turns.size === 0)
    t.equal(bench.plane.inFlight, 0)
  }
})
