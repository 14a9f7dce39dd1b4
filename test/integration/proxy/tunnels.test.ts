/** What a tunnel counts as, how long it may last, and what it leaves to others. */
import { LATENCY_BOUNDS_S } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { echoTarget } from '../../helpers/observe-request.ts'
import { acceptUpgrade, openTunnel, untilTunnelled, untilTunnelsClosed, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { untilStalled } from '../../helpers/pump.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'

const HOUR_MS = 3_600_000
const TIMEOUTS = { timeoutsMs: { tunnelIdle: HOUR_MS, streamIdle: 60_000, upstreamIdle: HOUR_MS, keepAliveIdle: HOUR_MS } }
const MIB = 1_048_576

timedProxyTest('a tunnel is one request of class 1xx, with its bytes, and with the latency of its handshake', async (t, bench, advance) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', WEBSOCKET))
  const endpoint = await origin.connection()
  await endpoint.next()
  await advance(80)
  acceptUpgrade(endpoint)
  t.equal(statusOf(await client.next()), 101)
  t.match(bench.version(), { tunnels: 1, tunnelsTotal: 1, inFlight: 1, requestsByClass: [0, 0, 0, 0, 0] })
  client.send('12345')
  await untilTunnelled(endpoint, '12345')
  endpoint.send('1234567')
  await untilTunnelled(client, '1234567')
  await advance(1_000_000)
  client.end()
  await untilTunnelsClosed(bench)
  t.match(bench.version(), {
    tunnels: 0,
    tunnelsTotal: 1,
    inFlight: 0,
    requestsByClass: [1, 0, 0, 0, 0],
    requestBodyBytes: 5,
    responseBodyBytes: 7,
    latencySumS: 0.08,
    latencyBuckets: [...LATENCY_BOUNDS_S, Infinity].map((bound, index, bounds) => bound >= 0.08 && (bounds[index - 1] ?? 0) < 0.08 ? 1 : 0)
  })
}, TIMEOUTS)

timedProxyTest('the access log has one line for a tunnel, when it is over: status 101, its bytes, all of its time', async (t, bench, advance) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  client.send('12345')
  await untilTunnelled(endpoint, '12345')
  endpoint.send('1234567')
  await untilTunnelled(client, '1234567')
  await advance(100_000)
  t.same(bench.logLines, [])
  client.end()
  await bench.until('the line', () => bench.logLines.length > 0)
  t.match(bench.logLines.map(line => JSON.parse(line)), [{
    route: 'test', version: 'v1', method: 'GET', path: '/tunnel', host: 'example.test', status: 101, error: null, bytesIn: 5, bytesOut: 7, durationMs: 100_000, firstByteMs: 0
  }])
}, { ...TIMEOUTS, accessLog: { mode: 'on', sampleRate: 0 } })

timedProxyTest('a tunnel that ends badly says so in the access log, with the status that was sent', async (t, bench) => {
  const origin = await bench.origin()
  const first = await openTunnel(bench, origin)
  first.client.reset()
  await bench.until('a line', () => bench.logLines.length === 1)
  const second = await openTunnel(bench, origin)
  second.endpoint.reset()
  await bench.until('another line', () => bench.logLines.length === 2)
  t.match(bench.logLines.map(line => JSON.parse(line)), [{ status: 101, error: 'client_gone' }, { status: 101, error: 'upstream_truncated', fault: 'ECONNRESET' }])
}, { ...TIMEOUTS, accessLog: { mode: 'sampled', sampleRate: 0 } })

timedProxyTest('a tunnel in which nothing moves is closed at both ends after timeouts.tunnelIdle', async (t, bench, advance) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  await advance(HOUR_MS - 1)
  t.equal(bench.version().tunnels, 1)
  await advance(1)
  t.equal(bench.version().tunnels, 0)
  await Promise.all([client.untilEnded(), endpoint.untilEnded()])
  t.equal(bench.errors('tunnel_idle'), 1)
}, TIMEOUTS)

for (const who of ['client', 'endpoint'] as const) {
  timedProxyTest(`bytes from the ${who} alone keep a tunnel open`, async (t, bench, advance) => {
    const { client, endpoint } = await openTunnel(bench, await bench.origin())
    const [near, far] = who === 'client' ? [client, endpoint] : [endpoint, client]
    for (let round = 1; round <= 4; round++) {
      await advance(HOUR_MS - 1)
      near.send('.')
      await untilTunnelled(far, '.'.repeat(round))
    }
    t.equal(bench.version().tunnels, 1)
    await advance(HOUR_MS)
    t.equal(bench.version().tunnels, 0)
  }, TIMEOUTS)

  timedProxyTest(`a tunnel that only the ${who} has ended is closed after timeouts.streamIdle of silence, and the ${who} is told that it was no end`, async (t, bench, advance) => {
    const { client, endpoint } = await openTunnel(bench, await bench.origin())
    endpoint.staysOpen = true
    const [near, far] = who === 'client' ? [client, endpoint] : [endpoint, client]
    near.end()
    await far.untilEnded()
    for (let round = 1; round <= 3; round++) {
      await advance(59_999)
      far.send('.')
      await untilTunnelled(near, '.'.repeat(round))
    }
    await advance(60_000)
    t.equal(bench.version().tunnels, 0)
    await near.untilClosed()
    t.same([near.ended, near.error], [false, 'ECONNRESET'])
    t.equal(bench.errors('tunnel_idle'), 1)
  }, TIMEOUTS)

  timedProxyTest(`a tunnel whose ${who} stops reading is cut after timeouts.streamIdle, whatever it sends meanwhile`, async (t, bench, advance) => {
    const { client, endpoint } = await openTunnel(bench, await bench.origin())
    const [stalled, sender] = who === 'client' ? [client, endpoint] : [endpoint, client]
    stalled.reader.hashBodies = true
    stalled.socket.pause()
    sender.send(Buffer.alloc(64 * MIB))
    await untilStalled(() => sender.socket.writableLength)
    await advance(59_999)
    stalled.send('still there')
    await untilTunnelled(sender, 'still there')
    t.equal(bench.version().tunnels, 1)
    await advance(1)
    t.equal(bench.version().tunnels, 0)
    stalled.socket.resume()
    await Promise.all([stalled.untilClosed(), sender.untilClosed()])
    t.same([stalled.ended, stalled.error, sender.ended, sender.error], [false, 'ECONNRESET', false, 'ECONNRESET'])
  }, TIMEOUTS)
}

proxyTest('limits.maxConcurrentRequests does not count tunnels', async (t, bench) => {
  const origin = await bench.origin()
  const tunnels = [await openTunnel(bench, origin), await openTunnel(bench, origin), await openTunnel(bench, origin)]
  t.equal(bench.plane.inFlight, 0)
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/x'))
  const connection = await origin.connection(3)
  const request = await connection.next()
  t.equal(statusOf(await (await bench.client()).ask(get('/y'))), 503, 'but it does count the request')
  for (const tunnel of tunnels) tunnel.client.end()
  await untilTunnelsClosed(bench)
  t.equal(bench.plane.inFlight, 1)
  echoTarget(request, connection)
  t.equal((await client.answer()).body.toString(), '/x')
}, { limits: { maxConcurrentRequests: 1 } })

proxyTest('the last request that limits.maxRequestsPerConnection allows may be an upgrade, and its tunnel stays', async (t, bench) => {
  const origin = await bench.origin((request, connection) => {
    if (request.startLine.includes('/first')) echoTarget(request, connection)
    else acceptUpgrade(connection)
  })
  const client = await bench.client()
  await client.ask(get('/first'))
  client.expect('GET')
  client.send(get('/tunnel', WEBSOCKET))
  t.equal(statusOf(await client.next()), 101)
  const endpoint = await origin.connection()
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  endpoint.send('down')
  await untilTunnelled(client, 'down')
  client.end()
  await client.untilEnded()
  t.equal(bench.version().errors.reduce((sum, count) => sum + count, 0), 0)
}, { limits: { maxRequestsPerConnection: 2 } })

proxyTest('a drain leaves a tunnel alone', async (_, bench) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  const idle = await bench.client()
  bench.drain()
  await idle.untilEnded()
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  endpoint.send('down')
  await untilTunnelled(client, 'down')
  client.end()
  await client.untilEnded()
  await bench.until('the connection to go', () => bench.counters.connectionsOpen === 0)
})

proxyTest('a tunnel outlives its endpoint in the configuration, and its route', async (_, bench) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  bench.endpoints('v1', [])
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  bench.route([{ name: 'other', weights: { v1: 1 } }])
  endpoint.send('down')
  await untilTunnelled(client, 'down')
  client.end()
  await client.untilEnded()
  await bench.until('the connection to the endpoint to go', () => bench.counters.upstreamOpen === 0)
})

proxyTest('a reload can take an upgrade from a route: tunnels stay, and new ones are not made', async (t, bench) => {
  const origin = await bench.origin()
  const { client, endpoint } = await openTunnel(bench, origin)
  bench.route([{ weights: { v1: 1 }, upgrades: [] }])
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  const other = await bench.client()
  other.expect('GET')
  other.send(get('/x', WEBSOCKET))
  const connection = await origin.connection(1)
  echoTarget(await connection.next(), connection)
  t.equal((await other.answer()).body.toString(), '/x')
})

/** From the next look at the options on nothing works, until the defect has been reported. */
function breakOptions (bench: ProxyBench): { reported: number } {
  const result = { reported: 0 }
  const { settings } = bench.plane
  bench.plane.reportDefect = () => {
    result.reported++
    Object.defineProperty(bench.plane, 'settings', { configurable: true, writable: true, value: settings })
  }
  Object.defineProperty(bench.plane, 'settings', { configurable: true, get () { throw new TypeError('a defect') } })
  return result
}

for (const where of ['bytes of the client', 'bytes of the endpoint', 'the end of the client', 'the end of the endpoint'] as const) {
  proxyTest(`a defect in handling ${where} ends its tunnel at both ends, and no other`, async (t, bench) => {
    const origin = await bench.origin()
    const other = await openTunnel(bench, origin)
    const { client, endpoint } = await openTunnel(bench, origin)
    const result = breakOptions(bench)
    const party = where.endsWith('client') ? client : endpoint
    if (where.startsWith('bytes')) party.send('x')
    else party.end()
    await Promise.all([client, endpoint].map(async peer => { await peer.untilEnded() }))
    t.equal(result.reported, 1)
    t.same([bench.errors('internal_error'), bench.version().tunnels, bench.plane.inFlight], [1, 1, 0])
    other.client.send('fine')
    await untilTunnelled(other.endpoint, 'fine')
  })
}

proxyTest('a defect in making a tunnel ends both connections', async (t, bench) => {
  let result = { reported: 0 }
  const origin = await bench.origin((_, connection) => {
    result = breakOptions(bench)
    acceptUpgrade(connection)
  })
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/', WEBSOCKET))
  await client.untilClosed()
  await (await origin.connection()).untilEnded()
  t.same([result.reported, bench.version().tunnels, bench.plane.inFlight, bench.errors('internal_error')], [1, 0, 0, 1])
})
