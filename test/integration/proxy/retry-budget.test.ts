import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { reset, retries, retriesOf, says, unavailable } from '../../helpers/two-endpoints.ts'

proxyTest('the budget stops a storm of retries, but not what never reached an endpoint', async (t, bench) => {
  const REQUESTS = 40
  const origins = await Promise.all([1, 2].map(async () => await bench.extraOrigin()))
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: [503], attempts: 5, budget: { share: 0.1, minimum: 2 } }) }])
  bench.endpoints('v1', origins.map(({ port }) => port))
  const clients = await Promise.all(Array.from({ length: REQUESTS }, async () => await bench.client()))
  for (const client of clients) {
    client.expect('GET')
    client.send(get())
  }
  const total = (): number => origins.reduce((sum, { requests }) => sum + requests.length, 0)
  await bench.until('all requests', () => total() === REQUESTS)
  // All fail at the same time: a tenth of them may try again.
  for (const { connections } of origins) for (const connection of connections) connection.send(unavailable(503))
  await bench.until('the further attempts', () => total() === REQUESTS + 4)
  t.equal(bench.version().retriesRefused, REQUESTS - 4)
  for (const { connections } of origins) for (const connection of connections) if (!connection.ended) connection.send(ok('in the end'))
  const statuses = (await Promise.all(clients.map(async client => statusOf(await client.answer())))).sort()
  t.same([statuses.filter(status => status === 503).length, statuses.filter(status => status === 200).length], [REQUESTS - 4, 4])
  t.equal(total(), REQUESTS + 4)
  t.same(retriesOf(bench), { 503: 4 })

  bench.endpoints('v1', [...await Promise.all([closedPort(), closedPort()]), ...origins.map(({ port }) => port)])
  for (const client of clients) {
    client.expect('GET')
    client.send(get())
  }
  await bench.until('all requests again', () => total() === 2 * REQUESTS + 4)
  for (const { connections } of origins) for (const connection of connections) if (!connection.ended) connection.send(ok())
  for (const client of clients) t.equal(statusOf(await client.answer()), 200)
  t.equal(bench.version().retriesRefused, REQUESTS - 4, 'refused connections ask for no budget')
})

proxyTest('what was taken from the budget is given back with the end of the request', async (t, bench) => {
  const origins = await Promise.all([1, 2].map(async () => await bench.extraOrigin(says(unavailable(503)))))
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: [503], attempts: 2, budget: { share: 0, minimum: 1 } }) }])
  bench.endpoints('v1', origins.map(({ port }) => port))
  const client = await bench.client()
  for (let round = 0; round < 5; round++) await client.ask(get())
  t.same(retriesOf(bench), { 503: 5 })
  t.equal(bench.version().retriesRefused, 0)
})

proxyTest('a retry takes of the budget until its answer begins, not until it ends', async (t, bench) => {
  const streaming = await bench.extraOrigin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello') })
  const resetting = await bench.extraOrigin(reset)
  bench.route([{ weights: { v1: 1 }, policy: retries({ budget: { share: 0, minimum: 1 } }) }])
  for (let round = 0; round < 3; round++) {
    bench.endpoints('v1', [resetting.port])
    const client = await bench.client()
    client.expect('GET')
    client.send(get())
    const before = resetting.requests.length
    bench.endpoints('v1', [resetting.port, streaming.port])
    await client.head()
    t.ok(resetting.requests.length >= before)
  }
  t.equal(bench.version().retriesRefused, 0)
})
