/** Timeouts and the body limit of one route, beside those of all. */
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { fullBacklog } from '../../helpers/full-backlog.ts'
import { acceptUpgrade, untilTunnelsClosed, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

const OWN = {
  maxBodyBytes: 4,
  timeouts: { requestBody: '1s', upstreamConnect: '60ms', upstreamResponse: '2s', streamIdle: '3s', tunnelIdle: '4s' }
}

const code = (body: Buffer): unknown => JSON.parse(body.toString()).code

/** Two routes to one version: `/own` has its own limits, all else those of the bench. */
function routeTo (bench: ProxyBench, port: number): void {
  bench.route([{ name: 'own', match: { path: '/own' }, policy: OWN, weights: { v1: 1 } }, { weights: { v1: 1 } }])
  for (const route of ['own', 'test']) bench.endpoints('v1', [port], route)
}

timedProxyTest('an answer that does not come is waited for as long as the route says', async (t, bench, advance) => {
  const origin = await bench.origin()
  routeTo(bench, origin.port)
  const [own, other] = [await bench.client(), await bench.client()]
  for (const [client, path] of [[own, '/own'], [other, '/']] as const) {
    client.expect('GET')
    client.send(get(path))
  }
  await origin.connection(1)
  await bench.until('both at the origin', () => origin.requests.length === 2)
  await advance(2_000)
  const answer = await own.answer()
  t.equal(statusOf(answer), 504)
  t.equal(code(answer.body), 'upstream_timeout')
  t.equal(other.bytesReceived, 0, 'the other route waits on')
  await advance(28_000)
  t.equal(statusOf(await other.answer()), 504)
})

timedProxyTest('a body that stops coming, and an answer that stops', async (t, bench, advance) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome') })
  routeTo(bench, origin.port)
  const sender = await bench.client()
  sender.expect('POST')
  sender.send('POST /own HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nx')
  await (await origin.connection()).head()
  await advance(1_000)
  t.equal(code((await sender.answer()).body), 'request_timeout')
  const reader = await bench.client()
  reader.expect('GET')
  reader.send(get('/own'))
  await bench.until('a part', () => reader.bytesReceived > 0)
  await advance(3_000)
  await reader.untilEnded()
  t.equal(bench.errors('upstream_idle_timeout', 'v1', 'own'), 1)
})

proxyTest('a connection that is not accepted', async (t, bench) => {
  const backlog = await fullBacklog()
  routeTo(bench, backlog.port)
  const client = await bench.client()
  const answer = await client.ask(get('/own'))
  t.equal(code(answer.body), 'upstream_connect_timeout')
  await backlog.close()
})

timedProxyTest('a silent tunnel', async (t, bench, advance) => {
  const origin = await bench.origin()
  routeTo(bench, origin.port)
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/own', WEBSOCKET))
  const endpoint = await origin.connection()
  await endpoint.next()
  acceptUpgrade(endpoint)
  t.equal(statusOf(await client.next()), 101)
  await advance(4_000)
  await untilTunnelsClosed(bench)
  t.equal(bench.errors('tunnel_idle', 'v1', 'own'), 1)
})

proxyTest('a body that is larger than the route allows, by its length and as it comes; other routes have the limit of all', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  routeTo(bench, origin.port)
  const statuses: number[] = []
  for (const [path, body] of [['/own', '1234'], ['/own', '12345'], ['/', '12345'], ['/', '12345678']] as const) {
    statuses.push(statusOf(await (await bench.client()).ask(post(path, body))))
  }
  t.same(statuses, [200, 413, 200, 413])
  const chunked = await bench.client()
  chunked.expect('POST')
  chunked.send('POST /own HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  await bench.until('the head at the origin', () => origin.connections.length >= 1)
  chunked.send('3\r\ndef\r\n')
  t.equal(code((await chunked.answer()).body), 'body_too_large')
}, { limits: { maxBodyBytes: 7 } })

proxyTest('a route may take any body where others may not', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  bench.route([{ policy: { maxBodyBytes: 0 }, weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await (await bench.client()).ask(post('/', '12345678'))), 200)
}, { limits: { maxBodyBytes: 1 } })
