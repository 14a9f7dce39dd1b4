import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post, type RawClient } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type RawOrigin } from '../../helpers/raw-origin.ts'

const LIMIT = 4
const OPTIONS = { limits: { maxConcurrentRequests: LIMIT } }

/** As many requests in flight as there may be. */
async function full (bench: ProxyBench, origin: RawOrigin): Promise<readonly RawClient[]> {
  const clients = await Promise.all(Array.from({ length: LIMIT }, async () => await bench.client()))
  for (const client of clients) {
    client.expect('GET')
    client.send(get())
  }
  await bench.until('the requests', () => origin.requests.length === LIMIT)
  return clients
}

proxyTest('past the limit the newest are answered with 503 at once, on connections that are kept', async (t, bench) => {
  const origin = await bench.origin()
  const admitted = await full(bench, origin)
  const clients = await Promise.all(Array.from({ length: 10 }, async () => await bench.client()))
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(clients.map(async (client, index) => await client.ask(index % 2 === 0 ? get() : post('/', 'body'))))
    for (const answer of answers) t.same([statusOf(answer), valuesOf(answer, 'retry-after'), valuesOf(answer, 'connection')], [503, ['1'], []])
  }
  t.equal(bench.counters.connectionsAccepted, LIMIT + 10, 'nobody had to connect again')
  t.equal(origin.requests.length, LIMIT, 'nothing of it has reached the origin')
  t.equal(bench.unroutedErrors('overloaded'), 200)
  for (const connection of origin.connections) connection.send(ok())
  for (const client of admitted) t.equal(statusOf(await client.answer()), 200, 'those that were admitted are answered')
}, OPTIONS)

proxyTest('it recovers by itself, request by request', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { if (!request.startLine.includes('/wait')) connection.send(ok()) })
  const late = await bench.client()
  const waiting: RawClient[] = []
  for (let index = 0; index < LIMIT; index++) {
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/wait'))
    waiting.push(client)
  }
  await bench.until('the requests', () => origin.requests.length === LIMIT)
  t.equal(statusOf(await late.ask(get())), 503)
  origin.connections[0]?.send(ok())
  await Promise.race(waiting.map(async client => await client.answer().catch(() => {})))
  for (let round = 0; round < 5; round++) t.equal(statusOf(await late.ask(get())), 200)
  for (const connection of origin.connections.slice(1)) if (connection.reader.messages.length === 1) connection.send(ok())
}, OPTIONS)

proxyTest('a request that is refused in the middle of its body ends its connection: the rest can\'t be told from a request', async (t, bench) => {
  const origin = await bench.origin()
  await full(bench, origin)
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nGET / HTTP/1.1\r\n')
  const answer = await client.answer()
  t.same([statusOf(answer), valuesOf(answer, 'connection')], [503, ['close']])
  await client.untilEnded()
  for (const connection of origin.connections) connection.send(ok())
}, OPTIONS)

proxyTest('requests that wait for an endpoint count as well', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold' }])
  const clients = await Promise.all(Array.from({ length: LIMIT }, async () => await bench.client()))
  for (const client of clients) {
    client.expect('GET')
    client.send(get())
  }
  await bench.until('all to wait', () => bench.version().held === LIMIT)
  const late = await bench.client()
  t.match(JSON.parse((await late.ask(get())).body.toString()), { code: 'overloaded' })
  bench.endpoints('v1', [(await bench.extraOrigin((_, connection) => { connection.send(ok()) })).port])
  for (const client of clients) t.equal(statusOf(await client.answer()), 200)
  t.equal(statusOf(await late.ask(get())), 200)
}, OPTIONS)
