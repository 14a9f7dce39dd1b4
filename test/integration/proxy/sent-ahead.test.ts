/** What one client sends ahead is worked off in turns, so that others do not wait for it. */
import { PORTIONS_PER_TURN } from '../../../src/net/turns.ts'
import { WORKER } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { stalledClient } from '../../helpers/stalled-client.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

const REQUESTS = 1_000
const OPTIONS = 'OPTIONS * HTTP/1.1\r\nHost: example.test\r\nMax-Forwards: 0\r\n\r\n'

/** Requests of no route that are over, whatever they were answered. */
function answered ({ page }: ProxyBench): number {
  return [1, 2, 3, 4, 5].reduce((sum, statusClass) => sum + (page[WORKER.unroutedByClass + statusClass - 1] ?? 0), 0)
}

/** The most answers of one turn of the event loop, until there are `total`. */
async function mostInOneTurn (bench: ProxyBench, total: number): Promise<number> {
  let most = 0
  for (let before = answered(bench); before < total;) {
    await new Promise<void>(resolve => { setImmediate(resolve) })
    const now = answered(bench)
    most = Math.max(most, now - before)
    before = now
  }
  return most
}

for (const [what, request, status] of [['answers to OPTIONS', OPTIONS, 200], ['404s', get('/nowhere'), 404]] as const) {
  proxyTest(`${what}: a turn of the event loop makes no more than its share of them, and none is lost`, async (t, bench) => {
    const client = await bench.client()
    client.expect(...Array.from({ length: REQUESTS }, () => request.slice(0, 3)))
    client.send(request.repeat(REQUESTS))
    // One more for what comes with a read.
    t.ok(await mostInOneTurn(bench, REQUESTS) <= PORTIONS_PER_TURN + 1)
    for (let index = 0; index < REQUESTS; index++) {
      const answer = await client.answer()
      if (statusOf(answer) !== status) t.equal(statusOf(answer), status)
    }
  })
}

proxyTest('redirects to https: a turn of the event loop makes no more than its share of them', async (t, bench) => {
  const client = await bench.client()
  client.expect(...Array.from({ length: REQUESTS }, () => 'GET'))
  client.send(get('/').repeat(REQUESTS))
  t.ok(await mostInOneTurn(bench, REQUESTS) <= PORTIONS_PER_TURN + 1)
}, { listener: { redirectToHttps: { port: 8443 } } })

proxyTest('many that send ahead share the turns, and a client beside them is answered before they are done', async (t, bench) => {
  const crowd = await Promise.all(Array.from({ length: 16 }, async () => await bench.client()))
  const other = await bench.client()
  for (const client of crowd) client.send(OPTIONS.repeat(REQUESTS))
  const total = crowd.length * REQUESTS
  const most = mostInOneTurn(bench, total)
  await bench.until('the first answers', () => answered(bench) > 0)
  const answer = await other.ask(get('/nowhere'))
  t.equal(statusOf(answer), 404)
  t.ok(answered(bench) < total / 2, `after ${answered(bench)} of ${total}`)
  t.ok(await most <= PORTIONS_PER_TURN + crowd.length + 1)
  await bench.until('all of them', () => answered(bench) === total + 1)
})

proxyTest('what was sent ahead is answered behind a FIN, and in a drain', async (t, bench) => {
  const client = await bench.client()
  client.expect(...Array.from({ length: 100 }, () => 'GET'))
  client.send(get('/nowhere').repeat(100))
  client.end()
  for (let index = 0; index < 100; index++) await client.answer()
  const late = await bench.client()
  late.send(get('/nowhere').repeat(100))
  late.expect('GET')
  await bench.until('the first', () => answered(bench) > 100)
  bench.drain()
  t.equal(statusOf(await late.answer()), 404)
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 1)
})

proxyTest('a client that leaves amid what it sent ahead leaves nothing behind', async (_t, bench) => {
  const client = await bench.client()
  client.send(OPTIONS.repeat(REQUESTS))
  await bench.until('the first answers', () => answered(bench) > 0)
  client.reset()
  await bench.until('the end', () => bench.left()['connectionsOpen'] === 0)
  await bench.until('the turns', () => bench.plane.turns.size === 0)
})

proxyTest('a request is not begun while the client does not take the answer before it', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok('x')) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get('/1')))
  await bench.until('the answer', () => stream.stalledBytes > 0)
  for (const path of ['/2', '/3']) stream.receive(Buffer.from(get(path)))
  await new Promise<void>(resolve => { setImmediate(resolve) })
  t.equal(bench.plane.inFlight, 0)
  stream.take()
  await bench.until('the next one', () => stream.stalledBytes > 0)
  t.equal(origin.requests.length, 2)
  stream.take()
  await bench.until('the last one', () => stream.stalledBytes > 0)
  connection.onClose()
})

proxyTest('a body that is hardly more than its framing is read a little in each turn', async (t, bench) => {
  const origin = await bench.origin(() => {})
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from('POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n'))
  await bench.until('the head', () => origin.connections.length > 0 && !stream.paused)
  const piece = Buffer.from('1\r\nx\r\n'.repeat(2_000))
  stream.receive(piece)
  t.ok(stream.paused, 'after one read')
  await bench.until('the turns for the rest', () => !stream.paused)
  stream.receive(Buffer.from(`${(8_000).toString(16)}\r\n${'x'.repeat(8_000)}\r\n`))
  t.notOk(stream.paused, 'an honest body goes on')
  connection.onClose()
})

proxyTest('a client that sends much ahead is not read on while its request is in progress', async (t, bench) => {
  const origin = await bench.origin()
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get('/first')))
  await bench.until('the request', () => origin.requests.length === 1)
  t.notOk(stream.paused)
  stream.receive(Buffer.from(get('/ahead', `X-Fill: ${'x'.repeat(1_000)}\r\n`).repeat(3)))
  t.notOk(stream.paused, 'a little is taken')
  stream.receive(Buffer.from(get('/ahead', `X-Fill: ${'x'.repeat(1_000)}\r\n`).repeat(5)))
  t.ok(stream.paused, 'more stays in the kernel')
  connection.onClose()
})
