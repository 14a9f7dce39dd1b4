/**
 * Limits on what one worker asks of a version and of each endpoint at a time.
 */
import type { Test } from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, type RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { fullBacklog } from '../../helpers/full-backlog.ts'
import { ok, type OriginConnection, type RawOrigin } from '../../helpers/raw-origin.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

type Limits = Partial<RouteConfig['circuitBreaker']>

function limit (bench: ProxyBench, ports: readonly number[], limits: Limits): void {
  bench.route([{ weights: { v1: 1 }, policy: { circuitBreaker: { ...ROUTE_DEFAULTS.circuitBreaker, ...limits } } }])
  bench.endpoints('v1', ports)
}

/** An origin that answers `/` at once and keeps everything else waiting. */
async function slowOrigin (bench: ProxyBench): Promise<{ readonly origin: RawOrigin, readonly waiting: OriginConnection[] }> {
  const waiting: OriginConnection[] = []
  const origin = await bench.extraOrigin((request, connection) => {
    if (request.startLine.startsWith('GET / ')) connection.send(ok())
    else waiting.push(connection)
  })
  return { origin, waiting }
}

/** Requests that are under way, each on a connection of its own. */
async function begin (bench: ProxyBench, count: number): Promise<readonly RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, async () => await bench.client()))
  for (const client of clients) {
    client.expect('GET')
    client.send(get('/slow'))
  }
  await bench.until('them to be under way', () => bench.plane.inFlight === count)
  return clients
}

async function isRefused (t: Test, bench: ProxyBench): Promise<void> {
  const client = await bench.client()
  const before = bench.errors('circuit_open')
  const answer = await client.ask(get())
  t.equal(statusOf(answer), 503)
  t.match(JSON.parse(answer.body.toString()), { code: 'circuit_open' })
  t.equal(bench.errors('circuit_open'), before + 1)
}

async function isServed (t: Test, bench: ProxyBench): Promise<void> {
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
}

proxyTest('requests of a version above the limit are refused at once, until one has ended', async (t, bench) => {
  const { origin, waiting } = await slowOrigin(bench)
  limit(bench, [origin.port], { requests: 2 })
  const [first] = await begin(bench, 2)
  await bench.until('their arrival', () => waiting.length === 2)
  await isRefused(t, bench)
  waiting[0]?.send(ok())
  waiting[1]?.send(ok())
  await first?.answer()
  await bench.until('the end', () => bench.plane.inFlight === 0)
  await isServed(t, bench)
  t.equal(bench.version().ejections, 0, 'a refusal blames nobody')
})

proxyTest('an endpoint above its limit is passed over, and only when none has room a request is refused', async (t, bench) => {
  const [one, two] = [await slowOrigin(bench), await slowOrigin(bench)]
  limit(bench, [one.origin.port, two.origin.port], { perEndpoint: { connections: 0, pending: 0, requests: 2 } })
  await begin(bench, 4)
  await bench.until('their arrival', () => one.waiting.length === 2 && two.waiting.length === 2)
  await isRefused(t, bench)
  two.waiting[0]?.send(ok())
  await bench.until('an end', () => bench.plane.inFlight === 3)
  await isServed(t, bench)
  t.equal(two.origin.requests.length, 3)
})

proxyTest('no connection is opened above the limit, and an idle one still serves', async (t, bench) => {
  const [one, two] = [await slowOrigin(bench), await slowOrigin(bench)]
  limit(bench, [one.origin.port, two.origin.port], { connections: 2 })
  const [first] = await begin(bench, 2)
  await bench.until('their arrival', () => one.waiting.length + two.waiting.length === 2)
  await isRefused(t, bench)
  const [connection] = [...one.waiting, ...two.waiting]
  connection?.send(ok())
  await bench.until('an end', () => bench.plane.inFlight === 1)
  for (let round = 0; round < 10; round++) await isServed(t, bench)
  t.equal(one.origin.connections.length + two.origin.connections.length, 2, 'whichever endpoint has it')
  t.ok(first)
})

proxyTest('only so many requests wait for a connection to be opened', async (t, bench) => {
  const { port, close } = await fullBacklog()
  t.teardown(close)
  limit(bench, [port], { pending: 2 })
  const clients = await begin(bench, 2)
  await isRefused(t, bench)
  for (const client of clients) client.reset()
  await bench.until('the end', () => bench.plane.inFlight === 0)
})

proxyTest('each version has limits of its own', async (t, bench) => {
  const [one, two] = [await slowOrigin(bench), await slowOrigin(bench)]
  const circuitBreaker = { ...ROUTE_DEFAULTS.circuitBreaker, requests: 1 }
  bench.route([{ weights: { v1: 1, v2: 0 }, policy: { circuitBreaker } }])
  bench.endpoints('v1', [one.origin.port])
  bench.endpoints('v2', [two.origin.port])
  await begin(bench, 1)
  await isRefused(t, bench)
  bench.split({ v1: 0, v2: 1 })
  await isServed(t, bench)
})
