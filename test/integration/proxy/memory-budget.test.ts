/** What a worker keeps for slow and hostile peers: little for each, and for all of them no more than limits.maxBufferedBytes. */
import type { Test } from 'tap'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { stalledClient, type StalledClient } from '../../helpers/stalled-client.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginConnection, type RawOrigin } from '../../helpers/raw-origin.ts'
import { switching, WEBSOCKET } from '../../helpers/open-tunnel.ts'

const KIB = 1_024
const LIMIT = 1_536 * KIB
const SMALL_BUDGET = { limits: { maxBufferedBytes: LIMIT } }
const AHEAD = get('/ahead', `X-Fill: ${'x'.repeat(1_000)}\r\n`).repeat(128)
const PARTIAL_HEAD = `GET / HTTP/1.1\r\nHost: example.test\r\nX-Fill: ${'x'.repeat(8_000)}`

/** What a client can leave a worker with. The origin answers what is asked for under `/quick` only. */
interface State {
  /** At most so much for each, while there is memory. */
  readonly kib: number
  /** At least so much, or something is not charged. */
  readonly leastKib: number
  /** What the origin does with the request. */
  readonly origin?: (connection: OriginConnection) => void
  readonly send: (client: StalledClient) => void
}

const BIG = Buffer.alloc(400_000, 'big')

const STATES: Readonly<Record<string, State>> = {
  'a slow request with 128 KiB sent behind it': {
    kib: 42, leastKib: 32, send: ({ stream }) => { stream.receive(Buffer.from(get('/slow') + AHEAD)) }
  },
  'a head that does not end': { kib: 25, leastKib: 23, send: ({ stream }) => { stream.receive(Buffer.from(PARTIAL_HEAD)) } },
  'a large answer that is not read': {
    kib: 158,
    leastKib: 26,
    origin: connection => { connection.send(ok(BIG)) },
    send: ({ stream }) => { stream.receive(Buffer.from(get('/big'))) }
  },
  'interim responses that are not read': {
    kib: 110,
    leastKib: 40,
    origin: connection => { connection.send(`HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(4_000)}>\r\n\r\n`.repeat(20)) },
    send: ({ stream }) => { stream.receive(Buffer.from(get('/hints'))) }
  },
  'a tunnel whose client does not read': {
    kib: 158,
    leastKib: 26,
    origin: connection => { connection.send(switching() + 'x'.repeat(400_000)) },
    send: ({ stream }) => { stream.receive(Buffer.from(get('/tunnel', WEBSOCKET))) }
  }
}

/** Clients that take nothing, each of which has sent this. */
function stuckClients (bench: ProxyBench, count: number, sent: string): readonly StalledClient[] {
  return Array.from({ length: count }, () => {
    const client = stalledClient(bench)
    client.stream.receive(Buffer.from(sent))
    return client
  })
}

function leave (clients: readonly StalledClient[]): void {
  for (const { connection } of clients) connection.onClose()
}

async function originFor (bench: ProxyBench, { origin }: State): Promise<RawOrigin> {
  return await bench.origin((request, connection) => {
    if (request.startLine.includes('/quick')) connection.send(ok('quick'))
    else origin?.(connection)
  })
}

/** The others are served, or told at once that there is no memory. */
async function askBeside (t: Test, bench: ProxyBench): Promise<number> {
  const other = await bench.client()
  const answer = await other.ask(get('/quick'))
  const status = statusOf(answer)
  if (status === 503) {
    t.match(answer.body.toString(), /memory_exhausted/)
    t.same([valuesOf(answer, 'retry-after'), valuesOf(answer, 'connection')], [['1'], ['close']])
  } else {
    t.equal(status, 200)
  }
  return status
}

for (const [what, state] of Object.entries(STATES)) {
  proxyTest(`${what}: costs at most ${state.kib} KiB, and nothing when the client has gone`, async (t, bench) => {
    await originFor(bench, state)
    const clients = Array.from({ length: 8 }, () => stalledClient(bench))
    for (const client of clients) state.send(client)
    await bench.until('all of it', () => bench.plane.budget.used >= clients.length * state.leastKib * KIB)
    await bench.settle()
    const each = bench.plane.budget.used / clients.length / KIB
    t.ok(each >= state.leastKib && each <= state.kib, `${each.toFixed(1)} KiB`)
    leave(clients)
    await bench.until('an empty account', () => bench.plane.budget.used === 0)
    t.equal(bench.plane.inFlight, 0)
  })

  proxyTest(`${what}: any number of such clients stay within the budget, and others are served before and after`, async (t, bench) => {
    const { budget } = bench.plane
    await originFor(bench, state)
    t.equal(await askBeside(t, bench), 200)
    const clients: StalledClient[] = []
    for (let round = 0; round < 12; round++) {
      for (let count = 0; count < 25; count++) {
        const client = stalledClient(bench)
        clients.push(client)
        state.send(client)
      }
      await bench.settle()
      t.ok(budget.used <= LIMIT, `${(budget.used / KIB).toFixed(0)} KiB for ${clients.length}`)
      await askBeside(t, bench)
    }
    const { shedRequests, shedConnections } = bench.counters
    t.ok(shedRequests + shedConnections > 0, `${shedRequests} refused, ${shedConnections} closed`)
    t.equal(bench.version().ejections, 0)
    leave(clients)
    await bench.until('room', () => budget.used < budget.refuseFrom)
    t.equal(await askBeside(t, bench), 200)
  }, SMALL_BUDGET)
}

proxyTest('a request whose body the endpoint does not read costs at most 62 KiB, and nothing when it has gone', async (t, bench) => {
  const origin = await bench.origin()
  const clients = await Promise.all(Array.from({ length: 4 }, async () => await bench.client()))
  for (const [index, client] of clients.entries()) {
    client.send('PUT / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 100000000\r\n\r\n')
    const connection = await origin.connection(index)
    await connection.head()
    connection.socket.pause()
  }
  for (const client of clients) client.send(Buffer.alloc(20_000_000))
  await bench.until('buffers that wait', () => bench.plane.budget.used > 4 * 46 * KIB)
  await bench.settle()
  const each = bench.plane.budget.used / clients.length / KIB
  t.ok(each <= 62, `${each.toFixed(1)} KiB`)
  for (const client of clients) client.reset()
  await bench.until('an empty account', () => bench.plane.budget.used === 0)
  t.equal(bench.plane.inFlight, 0)
})

proxyTest('beyond the limit those that hold the most are answered and closed, and the endpoint is not blamed', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { if (request.startLine.includes('/quick')) connection.send(ok('quick')) })
  const clients = stuckClients(bench, 60, get('/slow'))
  await bench.until('the requests', () => origin.requests.length === clients.length)
  t.equal(bench.counters.shedRequests, 0)
  for (const { stream } of clients.slice(0, 50)) stream.receive(Buffer.from(AHEAD))
  await bench.settle()
  t.ok(bench.plane.budget.used <= bench.plane.budget.rest)
  const { shedConnections } = bench.counters
  t.ok(shedConnections > 5 && shedConnections < 50, `${shedConnections} closed`)
  t.equal(bench.errors('memory_exhausted'), shedConnections)
  t.equal(bench.version().ejections, 0)
  for (const { stream } of clients.slice(50)) t.same([stream.gone, stream.stalledBytes], [undefined, 0], 'who holds little goes on')
  const told = clients.filter(({ stream }) => stream.stalledBytes > 0)
  t.equal(told.length, shedConnections)
  for (const { stream } of told) {
    stream.take()
    t.match(Buffer.concat(stream.taken).toString(), /^HTTP\/1\.1 503 [^]*Connection: close[^]*memory_exhausted/)
  }
  leave(clients)
}, SMALL_BUDGET)

proxyTest('idle connections to endpoints go before any client', async (t, bench) => {
  const origin = await bench.origin()
  const crowd = await Promise.all(Array.from({ length: 40 }, async () => await bench.client()))
  const answers = crowd.map(async client => await client.ask(get()))
  await bench.until('all requests', () => origin.requests.length === crowd.length)
  for (const connection of origin.connections) connection.send(ok('quick'))
  await Promise.all(answers)
  t.equal(bench.left()['upstreamIdle'], 40)
  const clients = stuckClients(bench, 18, PARTIAL_HEAD + 'x'.repeat(7_000))
  await bench.settle()
  t.ok((bench.left()['upstreamIdle'] ?? NaN) < 40, 'as many as it takes')
  t.equal(bench.counters.shedConnections, 0)
  leave(clients)
}, SMALL_BUDGET)

timedProxyTest('while requests are refused, what is stuck for two seconds has to go, and others are served again', async (t, bench, advance) => {
  const { budget } = bench.plane
  await bench.origin((_, connection) => { connection.send(ok('quick')) })
  const clients = stuckClients(bench, 55, PARTIAL_HEAD)
  t.ok(budget.used >= budget.refuseFrom && budget.used < budget.limit)
  t.equal(await askBeside(t, bench), 503)
  await advance(1_900)
  t.equal(await askBeside(t, bench), 503, 'they may only be slow')
  await advance(1_100)
  t.ok(budget.used <= budget.relieved)
  t.equal(await askBeside(t, bench), 200)
  const { shedConnections } = bench.counters
  t.ok(shedConnections > 0 && shedConnections < clients.length, `${shedConnections} closed: no more than it takes`)
  leave(clients)
}, SMALL_BUDGET)

proxyTest('the bytes that are kept, and how many may be, are counted', async (t, bench) => {
  await originFor(bench, { kib: 0, leastKib: 0, send () {} })
  const client = stalledClient(bench)
  client.stream.receive(Buffer.from(PARTIAL_HEAD))
  await bench.settle()
  t.equal(bench.counters.bufferedBytes, bench.plane.budget.used)
  t.ok(bench.counters.bufferedBytes > PARTIAL_HEAD.length)
  t.equal(bench.counters.bufferedBytesLimit, LIMIT)
  client.connection.onClose()
}, SMALL_BUDGET)

proxyTest('the end of an answer is charged until its client has taken it, though the request is over', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok(Buffer.alloc(6_000))) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get()))
  await bench.until('the answer', () => bench.plane.inFlight === 0 && stream.stalledBytes > 0)
  const before = bench.plane.budget.used
  stream.take()
  t.ok(before - bench.plane.budget.used >= 8 * KIB, `${before - bench.plane.budget.used} bytes`)
  connection.onClose()
})

const LONG_FIELD = `X-Fill: ${'x'.repeat(12_000)}\r\n`
const COPIES = {
  'an interim response': [get(), `HTTP/1.1 103 Early Hints\r\n${LONG_FIELD}\r\n`],
  'the head of a switch': [get('/', WEBSOCKET), switching().replace(/(?<=\r\n)(?=\r\n$)/, LONG_FIELD)]
} as const

for (const [what, [request, response]] of Object.entries(COPIES)) {
  proxyTest(`${what} is charged until its client has taken it`, async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(response) })
    const { stream, connection } = stalledClient(bench)
    stream.receive(Buffer.from(request))
    await bench.until('the response', () => stream.stalledBytes > LONG_FIELD.length)
    const before = bench.plane.budget.used
    stream.take()
    t.ok(before - bench.plane.budget.used >= LONG_FIELD.length, `${before - bench.plane.budget.used} bytes`)
    connection.onClose()
  })
}

proxyTest('of all that waits behind an interim response there is one copy, until its client has taken it', async (t, bench) => {
  const hint = `HTTP/1.1 103 Early Hints\r\n${LONG_FIELD}\r\n`
  await bench.origin((_, connection) => { connection.send(hint.repeat(5) + ok('end')) })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get()))
  await bench.until('an interim response', () => stream.stalledBytes > 0)
  await bench.settle()
  t.ok(stream.stalledBytes < 2 * hint.length, `${stream.stalledBytes} bytes wait in the kernel's place`)
  t.ok(bench.plane.budget.used < 5.5 * hint.length + 24 * KIB, `${bench.plane.budget.used} bytes`)
  for (let taken = 1; taken <= 6; taken++) {
    await bench.until(`response ${taken}`, () => stream.stalledBytes > 0)
    stream.take()
  }
  t.match(Buffer.concat(stream.taken).toString().replaceAll(hint, '.'), /^\.{5}HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nend$/)
  connection.onClose()
})

for (const [what, body] of [['the end of an answer', Buffer.alloc(30_000)], ['a piece of an answer', BIG]] as const) {
  proxyTest(`${what} that has waited behind an interim response is charged until its client has taken it`, async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(`HTTP/1.1 103 Early Hints\r\n\r\n${ok(body)}`) })
    const { stream, connection } = stalledClient(bench)
    stream.receive(Buffer.from(get()))
    await bench.until('the interim response', () => stream.stalledBytes > 0)
    stream.take()
    await bench.until('the answer behind it', () => stream.stalledBytes > 0)
    const { stalledBytes } = stream
    await bench.settle()
    t.ok(bench.plane.budget.used >= stalledBytes, `${bench.plane.budget.used} bytes for ${stalledBytes}`)
    connection.onClose()
  })
}

proxyTest('what a stream has copied of an answer is charged too', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok(BIG)) })
  const { stream, connection } = stalledClient(bench)
  stream.ownBytes = 500 * KIB
  stream.receive(Buffer.from(get()))
  await bench.until('the answer', () => stream.stalledBytes > 0)
  t.ok(bench.plane.budget.used > 500 * KIB)
  connection.onClose()
})

proxyTest('a request that waits for an endpoint is charged, and no longer when it has gone', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold' }])
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(post('/', 'x'.repeat(10_000))))
  await bench.until('the request to wait', () => bench.version().held === 1)
  t.ok(bench.plane.budget.used > 10_000)
  connection.onClose()
  t.equal(bench.plane.budget.used, 0)
})

proxyTest('nothing is kept for a repeat while memory runs short, and the request goes on', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok('taken')) })
  const crowd = stuckClients(bench, 20, PARTIAL_HEAD)
  t.ok(bench.plane.budget.used > bench.plane.budget.largeBelow)
  const client = await bench.client()
  const before = bench.plane.budget.used
  client.expect('PUT')
  client.send('PUT / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 60000\r\n\r\n')
  await (await origin.connection(0)).head()
  client.send(Buffer.alloc(50_000))
  await bench.settle()
  t.ok(bench.plane.budget.used - before < 30 * KIB, `${bench.plane.budget.used - before} bytes`)
  client.send(Buffer.alloc(10_000))
  t.equal(statusOf(await client.answer()), 200)
  leave(crowd)
}, SMALL_BUDGET)

proxyTest('what comes at once for a tunnel is charged while its endpoint takes nothing', async (t, bench) => {
  await bench.origin((_, connection) => {
    connection.send(switching())
    connection.socket.pause()
  })
  const { stream, connection } = stalledClient(bench)
  stream.receive(Buffer.from(get('/', WEBSOCKET)))
  await bench.until('the tunnel', () => stream.stalledBytes > 0)
  stream.take()
  const before = bench.plane.budget.used
  for (let sent = 0; sent < 10_000 && !stream.paused; sent++) stream.receive(Buffer.alloc(32 * KIB))
  t.ok(stream.paused && bench.plane.budget.used - before >= 32 * KIB, `${bench.plane.budget.used - before} bytes`)
  connection.onClose()
})
