/**
 * Endpoints that are terminating or gone: what they have ends in peace, and nothing else goes to them.
 */
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { type ProxyBench, proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { acceptUpgrade, openTunnel, untilTunnelled, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { get } from '../../helpers/raw-client.ts'
import { ok, type RawOrigin } from '../../helpers/raw-origin.ts'

/** Silence ends no tunnel here. */
const PATIENT = { timeoutsMs: { tunnelIdle: 3_600_000 } }
const GRACE = { timeoutsMs: { tunnelGrace: 40 } }

/** How an endpoint goes: what discovery says of it from then on. */
const GOING: ReadonlyArray<readonly [string, (port: number) => readonly Endpoint[]]> = [
  ['disappears', () => []],
  ['turns terminating', port => [{ address: '127.0.0.1', port, ready: false, serving: true, terminating: true }]],
  ['turns terminating and stops serving', port => [{ address: '127.0.0.1', port, ready: false, serving: false, terminating: true }]]
]

/** Another endpoint has taken over, and the first is on its way. */
async function replace (bench: ProxyBench, left: readonly Endpoint[]): Promise<RawOrigin> {
  const other = await bench.extraOrigin((_, connection) => { connection.send(ok('the other')) })
  const endpoints = [...left, { address: '127.0.0.1', port: other.port, ready: true, serving: true, terminating: false }]
  bench.routes.applyEndpoints({ type: 'endpoints', route: 'test', version: 'v1', endpoints })
  return other
}

for (const [how, left] of GOING) {
  proxyTest(`an endpoint that ${how} finishes what it has; its idle connections are closed at once, and new requests go elsewhere`, async (t, bench) => {
    const origin = await bench.origin()
    const [busy, idle, next] = [await bench.client(), await bench.client(), await bench.client()]
    for (const client of [busy, idle]) {
      client.expect('GET')
      client.send(get('/begun'))
    }
    const [first, second] = [await origin.connection(0), await origin.connection(1)]
    await Promise.all([first.next(), second.next()])
    second.send(ok('done'))
    await Promise.race([busy.answer(), idle.answer()])
    await bench.until('an idle connection', () => bench.counters.upstreamIdle === 1)
    const other = await replace(bench, left(origin.port))
    await second.untilEnded()
    t.equal(first.ended, false)
    t.equal((await next.ask(get())).body.toString(), 'the other')
    first.send(ok('finished'))
    await first.untilEnded()
    t.same([busy, idle].map(client => client.reader.messages[0]?.body.toString()).sort(), ['done', 'finished'])
    t.equal(origin.connections.length, 2)
    t.equal(other.requests.length, 1)
    t.equal(bench.version().errors.reduce((sum, count) => sum + count, 0), 0)
  })

  timedProxyTest(`the tunnels of an endpoint that ${how} end in order, both ways, after drain.tunnels`, async (t, bench, advance) => {
    const origin = await bench.origin()
    const { client, endpoint } = await openTunnel(bench, origin)
    await replace(bench, left(origin.port))
    await advance(29_000)
    client.send('up')
    await untilTunnelled(endpoint, 'up')
    endpoint.send('down')
    await untilTunnelled(client, 'down')
    t.equal(client.ended, false)
    await advance(1_100)
    await Promise.all([client.untilEnded(), endpoint.untilEnded()])
    t.same([client.error, endpoint.error], [undefined, undefined], 'no reset')
    t.same([bench.errors('tunnel_drained'), bench.version().tunnels], [1, 0])
    t.match(bench.version().requestsByClass, [1, 0, 0, 0, 0])
    client.end()
    endpoint.end()
    await bench.until('both connections to go', () => bench.counters.connectionsOpen === 0 && bench.counters.upstreamOpen === 0)
  })
}

timedProxyTest('the last endpoint of a version serves on while it terminates, and its tunnels stay', async (t, bench, advance) => {
  const origin = await bench.origin()
  const { client, endpoint } = await openTunnel(bench, origin)
  bench.routes.applyEndpoints({
    type: 'endpoints', route: 'test', version: 'v1', endpoints: [{ address: '127.0.0.1', port: origin.port, ready: false, serving: true, terminating: true }]
  })
  const other = await bench.client()
  other.expect('GET')
  other.send(get())
  const connection = await origin.connection(1)
  await connection.next()
  connection.send(ok('still here'))
  t.equal((await other.answer()).body.toString(), 'still here')
  await advance(80)
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  t.equal(bench.errors('tunnel_drained'), 0)
}, GRACE)

/** Two routes with the same endpoint, and another route that has it no more than that. */
async function sharedOrigin (bench: ProxyBench): Promise<RawOrigin> {
  const origin = await bench.extraOrigin()
  bench.route([{ weights: { v1: 1, v2: 0 } }, { name: 'other', match: { path: '/other' }, weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  bench.endpoints('v1', [origin.port], 'other')
  return origin
}

/** How a route stops using the endpoint. */
const DROPPING: Readonly<Record<string, (bench: ProxyBench, port: number) => void>> = {
  'names others': bench => { bench.endpoints('v1', []) },
  'is told a change': (bench, port) => {
    bench.routes.applyEndpointChange({ type: 'endpoint-change', route: 'test', version: 'v1', change: { set: [], gone: [`127.0.0.1:${port}`] } })
  },
  'leaves the configuration': bench => { bench.route([{ name: 'other', match: { path: '/other' }, weights: { v1: 1 } }]) }
}

for (const [how, drop] of Object.entries(DROPPING)) {
  timedProxyTest(`a route that ${how} ends its tunnels to an endpoint that another route still uses, and no others`, async (t, bench, advance) => {
    const origin = await sharedOrigin(bench)
    const { client, endpoint } = await openTunnel(bench, origin)
    const others = await openTunnel(bench, origin, '/other')
    drop(bench, origin.port)
    await bench.settle()
    await advance(29_000)
    // Said again, it gives no more time.
    bench.endpoints('v1', [])
    t.equal(client.ended, false)
    await advance(1_100)
    await Promise.all([client.untilEnded(), endpoint.untilEnded()])
    await advance(60_000)
    others.client.send('up')
    await untilTunnelled(others.endpoint, 'up')
    t.equal(bench.errors('tunnel_drained'), 1)
  }, PATIENT)
}

timedProxyTest('an endpoint that goes from one version of a route to another keeps its tunnels', async (t, bench, advance) => {
  const origin = await sharedOrigin(bench)
  const { client, endpoint } = await openTunnel(bench, origin)
  bench.endpoints('v1', [])
  bench.endpoints('v2', [origin.port])
  await bench.settle()
  await advance(60_000)
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  t.equal(bench.errors('tunnel_drained'), 0)
}, PATIENT)

timedProxyTest('a tunnel that is opened when its route does not use the endpoint any more has that time too', async (t, bench, advance) => {
  const origin = await sharedOrigin(bench)
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/tunnel', WEBSOCKET))
  const endpoint = await origin.connection()
  await endpoint.next()
  bench.endpoints('v1', [])
  await bench.settle()
  acceptUpgrade(endpoint)
  await client.next()
  await advance(29_000)
  t.equal(client.ended, false)
  await advance(1_100)
  await Promise.all([client.untilEnded(), endpoint.untilEnded()])
  t.equal(bench.errors('tunnel_drained'), 1)
}, PATIENT)

timedProxyTest('a tunnel that is opened while its endpoint goes has the same time, from then on', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/tunnel', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  const endpoint = await origin.connection()
  await endpoint.next()
  await replace(bench, [])
  endpoint.reader.switchProtocol()
  endpoint.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.next()
  await advance(29_000)
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  t.equal(client.ended, false)
  await advance(1_100)
  await Promise.all([client.untilEnded(), endpoint.untilEnded()])
  t.equal(bench.errors('tunnel_drained'), 1)
})

proxyTest('a tunnel ends by itself before its time is over: nothing is cut, nothing is an error', async (t, bench) => {
  const origin = await bench.origin()
  const { client, endpoint } = await openTunnel(bench, origin)
  await replace(bench, [])
  client.end()
  await endpoint.untilEnded()
  endpoint.end()
  await client.untilEnded()
  await bench.until('its end', () => bench.version().tunnels === 0)
  t.equal(bench.plane.routes.get('test')?.tunnels.size, 0)
  t.equal(bench.version().errors.reduce((sum, count) => sum + count, 0), 0)
}, { timeoutsMs: { tunnelGrace: 20_000 } })

proxyTest('an endpoint that comes back is another one: tunnels of before still end', async (t, bench) => {
  const origin = await bench.origin()
  const { client, endpoint } = await openTunnel(bench, origin)
  await replace(bench, [])
  await bench.settle()
  bench.endpoints('v1', [origin.port])
  await Promise.all([client.untilEnded(), endpoint.untilEnded()])
  t.equal(bench.errors('tunnel_drained'), 1)
}, GRACE)

proxyTest('a client that has not taken everything when the time is over gets a reset: an end would say that there was no more', async (t, bench) => {
  const origin = await bench.origin()
  const { client, endpoint } = await openTunnel(bench, origin)
  client.socket.pause()
  const sending = endpoint.sendPieces(Array.from({ length: 100 }, () => Buffer.alloc(1_000_000)))
  await bench.until('back-pressure', () => endpoint.socket.writableLength > 0)
  await replace(bench, [])
  await endpoint.untilClosed()
  client.socket.resume()
  await client.untilClosed()
  t.same([client.error, endpoint.error], ['ECONNRESET', 'ECONNRESET'])
  await sending
}, GRACE)
