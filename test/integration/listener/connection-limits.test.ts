/** Limits on connections: of the worker, of a listener, of a client; refused at once, counted, and given back. */
import t from 'tap'
import { REFUSAL_REASONS, type RefusalReason } from '../../../src/telemetry/counter-layout.ts'
import { clientCount } from '../../helpers/client-count.ts'
import { planeOptions, proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { get, type RawClient, RawClient as Client } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { complete, type PlainConfig, startWeir } from '../../helpers/weir-process.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }
const PROXIED = { proxyProtocol: { from: ['127.0.0.1'] } }

function refused (bench: ProxyBench): Partial<Record<RefusalReason, number>> {
  const counts = bench.counters.connectionsRefused
  return Object.fromEntries(REFUSAL_REASONS.flatMap((reason, index) => (counts[index] ?? 0) > 0 ? [[reason, counts[index] ?? 0]] : []))
}

/** Opens a connection that is let in, and shows it by a request. */
async function letIn (bench: ProxyBench, from?: string, before = ''): Promise<RawClient> {
  const client = await bench.client(from)
  const answer = await client.ask(before + get(), 'GET')
  if (statusOf(answer) !== 200) throw new Error(`it got a ${statusOf(answer)}`)
  return client
}

/** Opens a connection that is closed at once. @returns the bytes that it got */
async function turnedAway (bench: ProxyBench, from?: string, before = ''): Promise<number> {
  const client = await bench.client(from)
  if (before !== '') client.send(before)
  await client.untilEnded()
  return client.bytesReceived
}

proxyTest('limits.maxConnectionsPerListener: one more is closed at once, and there is room again afterwards', async (t, bench) => {
  await bench.origin(answerOk)
  const first = await letIn(bench)
  await letIn(bench, '127.0.0.2')
  t.equal(await turnedAway(bench, '127.0.0.3'), 0)
  t.same(refused(bench), { listener_limit: 1 })
  t.match(bench.counters, { connectionsOpen: 2, connectionsAccepted: 2 })
  first.destroy()
  await bench.until('room', () => bench.counters.connectionsOpen === 1)
  await letIn(bench)
}, { limits: { maxConnectionsPerListener: 2 } })

proxyTest('limits.maxConnectionsPerClient: one more of the same address is closed at once; others are not harmed', async (t, bench) => {
  await bench.origin(answerOk)
  const first = await letIn(bench)
  await letIn(bench)
  t.equal(await turnedAway(bench), 0)
  t.same(refused(bench), { client_limit: 1 })
  await letIn(bench, '127.0.0.2')
  t.equal(clientCount(bench.ledger, '127.0.0.1'), 2)
  first.destroy()
  await bench.until('room', () => clientCount(bench.ledger, '127.0.0.1') === 1)
  await letIn(bench)
}, { limits: { maxConnectionsPerClient: 2 } })

proxyTest('trusted proxies are not limited as clients', async (t, bench) => {
  await bench.origin(answerOk)
  for (let count = 0; count < 3; count++) await letIn(bench, '127.0.0.9')
  await letIn(bench)
  t.equal(await turnedAway(bench), 0)
  t.same(refused(bench), { client_limit: 1 })
}, { limits: { maxConnectionsPerClient: 1 }, trustedProxies: ['127.0.0.9'] })

proxyTest('behind the PROXY protocol the client in the header is limited, not the balancer', async (t, bench) => {
  await bench.origin(answerOk)
  const line = (source: string): string => `PROXY TCP${source.includes(':') ? '6' : '4'} ${source} ${source} 50000 443\r\n`
  for (const source of ['203.0.113.1', '203.0.113.2', '2001:db8:0:1::1']) await letIn(bench, undefined, line(source))
  for (const source of ['203.0.113.1', '2001:db8:0:1:ffff::2']) t.equal(await turnedAway(bench, undefined, line(source)), 0)
  t.same(refused(bench), { client_limit: 2 })
  await letIn(bench, undefined, line('2001:db8:0:2::1'))
  for (let count = 0; count < 3; count++) await letIn(bench, undefined, 'PROXY UNKNOWN\r\n')
  for (let count = 0; count < 2; count++) await letIn(bench, undefined, line('10.0.0.1'))
  t.same(refused(bench), { client_limit: 2 })
}, { listener: PROXIED, limits: { maxConnectionsPerClient: 1 }, trustedProxies: ['10.0.0.1'] })

/** Sends what makes Weir end the connection, and ends it too when Weir has. */
function answerFin (client: RawClient, bytes: string): void {
  client.socket.once('end', () => { client.end() })
  client.send(bytes)
}

for (const [how, end] of [
  ['a FIN', client => { client.end() }],
  ['a reset', client => { client.reset() }],
  ['a refused request', client => { answerFin(client, 'nonsense\r\n\r\n') }],
  ['Connection: close', client => { answerFin(client, get('/', 'Connection: close\r\n')) }],
  ['a FIN in mid-head', client => { client.socket.end('GET / HT') }],
  ['a reset in mid-body', client => {
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx')
    setImmediate(() => { client.reset() })
  }],
  ['its idle timeout', () => {}]
] as ReadonlyArray<readonly [string, (client: RawClient) => void]>) {
  proxyTest(`a connection gives its place back once, when it ends by ${how}`, async (t, bench) => {
    await bench.origin(answerOk)
    for (let round = 0; round < 4; round++) {
      const client = await letIn(bench)
      t.match([bench.ledger.listenerCount(0), clientCount(bench.ledger, '127.0.0.1'), bench.counters.connectionsOpen], [1, 1, 1])
      end(client)
      await bench.until('its end', () => bench.counters.connectionsOpen === 0)
      client.destroy()
      t.match([bench.ledger.listenerCount(0), clientCount(bench.ledger, '127.0.0.1')], [0, 0])
    }
    t.same(refused(bench), {})
  }, { limits: { maxConnectionsPerListener: 1, maxConnectionsPerClient: 1 }, timeoutsMs: { keepAliveIdle: how === 'its idle timeout' ? 30 : 30_000 } })
}

proxyTest('a connection whose header fails gives its place back', async (t, bench) => {
  for (let round = 0; round < 3; round++) {
    t.equal(await turnedAway(bench, undefined, 'nonsense'), 0)
    await bench.until('its end', () => bench.counters.connectionsOpen === 0)
  }
  t.same(refused(bench), {})
  t.equal(bench.ledger.listenerCount(0), 0)
}, { listener: PROXIED, limits: { maxConnectionsPerListener: 1, maxConnectionsPerClient: 1 } })

proxyTest('a reload of the limits holds for connections that come after it', async (t, bench) => {
  await bench.origin(answerOk)
  const old = [await letIn(bench), await letIn(bench)]
  bench.route([{ weights: { v1: 1 } }], planeOptions({ limits: { maxConnectionsPerListener: 3, maxConnectionsPerClient: 1 } }))
  for (const client of old) t.equal(statusOf(await client.ask(get())), 200, 'they are not closed')
  await letIn(bench)
  t.equal(await turnedAway(bench, '127.0.0.2'), 0)
  t.same(refused(bench), { listener_limit: 1 })
  old[0]?.destroy()
  await bench.until('room', () => bench.counters.connectionsOpen === 2)
  t.equal(await turnedAway(bench), 0)
  t.same(refused(bench), { listener_limit: 1, client_limit: 1 })
  bench.route([{ weights: { v1: 1 } }], planeOptions())
  for (let count = 0; count < 3; count++) await letIn(bench)
})

t.test('the limits hold over all workers of a process, and their metrics tell', async t => {
  const [origin] = await startOrigins(t, ['v1'])
  const config = (limits: PlainConfig): PlainConfig => ({ workers: 2, limits, routes: [{ name: 'r', versions: [{ name: 'v1', weight: 1, endpoints: { static: [origin.endpoint] } }] }] })
  const weir = await startWeir(t, { config: () => config({ maxConnectionsPerListener: 8, maxConnectionsPerClient: 5 }) })
  const clients: RawClient[] = []
  t.teardown(() => { for (const client of clients) client.destroy() })
  /** Opens so many connections. @returns how many are served */
  const open = async (count: number, localAddress: string): Promise<number> => {
    const opened = await Promise.all(Array.from({ length: count }, async () => await Client.connect(weir.ports.web, localAddress)))
    clients.push(...opened)
    const answers = await Promise.all(opened.map(async client => await client.ask(get()).catch(() => undefined)))
    return answers.filter(answer => answer !== undefined && statusOf(answer) === 200).length
  }
  const refusedInAll = async (count: number, reason: RefusalReason): Promise<number> =>
    await weir.untilMetric('weir_connections_refused_total', count, { reason })

  // One after the other: at the limit two that come at once may both be refused.
  const served = async (count: number, localAddress: string): Promise<number> => {
    let sum = 0
    for (let round = 0; round < count; round++) sum += await open(1, localAddress)
    return sum
  }
  t.equal(await served(20, '127.0.0.1'), 5)
  t.equal(await refusedInAll(15, 'client_limit'), 15)
  t.equal(await served(10, '127.0.0.2'), 3)
  t.equal(await refusedInAll(7, 'listener_limit'), 7)
  t.equal(await weir.untilMetric('weir_connections_open', 8), 8)
  const spread = (await weir.metrics()).get('weir_connections_accepted_total')?.samples.map(({ value }) => value) ?? []
  t.equal(spread.filter(value => value > 0).length, 2, 'both workers have accepted')

  for (const client of clients.splice(0)) client.destroy()
  await weir.untilMetric('weir_connections_open', 0)
  t.ok(await open(30, '127.0.0.3') <= 5, 'at once, never more')
  for (const client of clients.splice(0)) client.destroy()
  await weir.untilMetric('weir_connections_open', 0)
  t.equal(await served(6, '127.0.0.3'), 5, 'every place has been given back')

  const from = weir.log.length
  await weir.replaceConfig(complete(config({ maxConnectionsPerClient: 7 }), weir.ports))
  await weir.untilLogged('the configuration was reloaded', from)
  t.equal(await served(4, '127.0.0.3'), 2, 'a reload needs no restart')
})
