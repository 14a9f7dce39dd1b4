/** `whenEmpty: hold` and further attempts: what was sent needs the budget to go again, and waits only for want of endpoints. */
import type { RouteConfig } from '../../../src/config/schema.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post, type RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type RawOrigin } from '../../helpers/raw-origin.ts'
import { named, reset, retries, retriesOf } from '../../helpers/two-endpoints.ts'

function holdRoute (bench: ProxyBench, policy: Partial<RouteConfig['retries']>): void {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold', policy: retries(policy) }])
}

/** Requests of as many clients, all of which the origin has, unanswered. */
async function inFlight (bench: ProxyBench, origin: RawOrigin, requests: readonly string[]): Promise<readonly RawClient[]> {
  const clients: RawClient[] = []
  for (const request of requests) {
    const client = await bench.client()
    client.expect(request.slice(0, request.indexOf(' ')))
    client.send(request)
    clients.push(client)
  }
  await bench.until('the requests', () => origin.requests.length === requests.length)
  return clients
}

function resetAll (origin: RawOrigin): void {
  for (const connection of origin.connections) connection.reset()
}

timedProxyTest('without a budget a GET that was sent and lost does not go again, however long it could wait', async (t, bench, advance) => {
  holdRoute(bench, { attempts: 10, budget: { share: 0, minimum: 0 } })
  const origin = await bench.extraOrigin(reset)
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
  for (let second = 0; second < 12; second++) await advance(1_000)
  t.same([origin.requests.length, bench.version().held, bench.version().retriesRefused], [1, 0, 1])
})

timedProxyTest('of many GETs that the only endpoint loses, no more wait for it than the budget has retries for', async (t, bench, advance) => {
  holdRoute(bench, { attempts: 3, budget: { share: 0, minimum: 2 } })
  let losing = false
  const origin = await bench.extraOrigin((_, connection) => { if (losing) connection.reset() })
  bench.endpoints('v1', [origin.port])
  const clients = await inFlight(bench, origin, Array.from({ length: 10 }, () => get()))
  losing = true
  resetAll(origin)
  await bench.until('two to wait', () => bench.version().held === 2 && bench.errors('upstream_reset') === 8)
  t.equal(bench.version().retriesRefused, 8)
  for (let second = 0; second < 12; second++) {
    await advance(1_000)
    await bench.until('the attempts', () => bench.version().inFlight === bench.version().held)
  }
  for (const client of clients) t.equal(statusOf(await client.answer()), 502)
  t.equal(origin.requests.length, 10 + 2 * 2, 'each of the two was sent three times')
})

proxyTest('a GET that is lost while the budget is used up does not wait when there is another endpoint', async (t, bench) => {
  holdRoute(bench, { budget: { share: 0, minimum: 0 } })
  const [lost, other] = [await bench.extraOrigin(), await bench.extraOrigin(named('other'))]
  bench.endpoints('v1', [lost.port])
  const clients = await inFlight(bench, lost, [get()])
  bench.endpoints('v1', [lost.port, other.port])
  resetAll(lost)
  for (const client of clients) t.equal(statusOf(await client.answer()), 502)
  t.equal(other.requests.length, 0)
})

for (const going of ['gone', 'terminating'] as const) {
  proxyTest(`a GET whose attempts are used up is held while the endpoints of its version are ${going}`, async (t, bench) => {
    holdRoute(bench, { attempts: 1 })
    const old = await bench.extraOrigin()
    bench.endpoints('v1', [old.port])
    const [client] = await inFlight(bench, old, [get()])
    if (going === 'gone') bench.endpoints('v1', [])
    else bench.routes.applyEndpoints({ type: 'endpoints', route: 'test', version: 'v1', endpoints: [{ address: '127.0.0.1', port: old.port, ready: false, serving: true, terminating: true }] })
    resetAll(old)
    await bench.until('the request to wait', () => bench.version().held === 1)
    bench.endpoints('v1', [(await bench.extraOrigin(named('new'))).port])
    t.equal((await client?.answer())?.body.toString(), 'new')
    t.same(retriesOf(bench), { reset: 1 })
  })
}

proxyTest('attempts that sent nothing do not count when it comes to waiting', async (t, bench) => {
  holdRoute(bench, { attempts: 2 })
  const dying = await bench.extraOrigin()
  const refusing = await closedPort()
  bench.endpoints('v1', [refusing])
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await bench.until('the request to wait', () => bench.version().held === 1)
  bench.endpoints('v1', [dying.port])
  await (await dying.connection()).next()
  resetAll(dying)
  await bench.until('the request to wait', () => bench.version().held === 1)
  bench.endpoints('v1', [(await bench.extraOrigin(named('new'))).port])
  t.equal((await client.answer()).body.toString(), 'new')
})

proxyTest('what was sent and lost goes on with the budget, one after the other; what was not sent, at once', async (t, bench) => {
  holdRoute(bench, { budget: { share: 0, minimum: 1 } })
  const old = await bench.extraOrigin()
  bench.endpoints('v1', [old.port])
  const lost = await inFlight(bench, old, Array.from({ length: 5 }, (_, index) => get(`/lost-${index}`)))
  bench.endpoints('v1', [])
  resetAll(old)
  await bench.until('all to wait', () => bench.version().held === 5)
  const fresh = await bench.client()
  fresh.expect('POST')
  fresh.send(post('/fresh', 'body'))
  await bench.until('all to wait', () => bench.version().held === 6)
  const origin = await bench.extraOrigin()
  bench.endpoints('v1', [origin.port])
  await bench.until('the first', () => origin.requests.length === 2)
  t.same(origin.requests.map(({ startLine }) => startLine).sort(), ['GET /lost-0 HTTP/1.1', 'POST /fresh HTTP/1.1'])
  for (let index = 0; index < 6; index++) {
    const connection = await origin.connection(index)
    await connection.next()
    if (index > 1) t.equal(origin.requests.length, index + 1, 'no other one has gone on')
    connection.send(ok('new'))
  }
  for (const client of [...lost, fresh]) t.equal((await client.answer()).body.toString(), 'new')
})

proxyTest('what was sent before a request waited counts for its attempts after', async (t, bench) => {
  holdRoute(bench, { attempts: 2 })
  const old = await bench.extraOrigin()
  bench.endpoints('v1', [old.port])
  const clients = await inFlight(bench, old, [get()])
  bench.endpoints('v1', [])
  resetAll(old)
  await bench.until('the request to wait', () => bench.version().held === 1)
  const [one, two] = [await bench.extraOrigin(reset), await bench.extraOrigin(reset)]
  bench.endpoints('v1', [one.port, two.port])
  for (const client of clients) t.equal(statusOf(await client.answer()), 502)
  t.equal(one.requests.length + two.requests.length, 1)
})
