/** limits.maxRequestsPerConnection, and how connections that Weir closes are counted. */
import { CLOSED } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { echoTarget, targetOf } from '../../helpers/observe-request.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'

const THREE = { limits: { maxRequestsPerConnection: 3 } }

proxyTest('the last answer of a connection says so, and then it ends', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  for (const [target, connection] of [['/1', []], ['/2', []], ['/3', ['close']]] as const) {
    const answer = await client.ask(get(target))
    t.same([answer.body.toString(), valuesOf(answer, 'connection')], [target, connection])
  }
  await client.untilEnded()
  t.equal(bench.page[CLOSED.max_requests], 1)
  t.equal((await (await bench.client()).ask(get('/4'))).body.toString(), '/4', 'another connection has its own count')
  t.equal(bench.page[CLOSED.max_requests], 1)
}, THREE)

proxyTest('requests that were sent ahead behind the last one are not looked at', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect('GET', 'POST', 'GET')
  client.send(`${get('/1')}${post('/2', 'body')}${get('/3')}${get('/hidden')}nonsense`)
  for (const target of ['/1', '/2', '/3']) t.equal((await client.answer()).body.toString(), target)
  await client.untilEnded()
  t.same([origin.requests.map(targetOf), client.reader.messages.length], [['/1', '/2', '/3'], 3])
  t.equal(bench.page[CLOSED.max_requests], 1)
}, THREE)

proxyTest('answers of Weir\'s own count too', async (t, bench) => {
  const client = await bench.client()
  const answers = [await client.ask(get()), await client.ask(get()), await client.ask(get())]
  t.same(answers.map(answer => [statusOf(answer), valuesOf(answer, 'connection')]), [[404, []], [404, []], [404, ['close']]])
  await client.untilEnded()
}, THREE)

proxyTest('an HTTP/1.0 client that keeps its connection is told as well', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  for (const expected of ['keep-alive', 'keep-alive', 'close']) t.same(valuesOf(await client.ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'), 'connection'), [expected])
  await client.untilEnded()
}, THREE)

proxyTest('a connection may be for one request only', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  t.same(valuesOf(await client.ask(get()), 'connection'), ['close'])
  await client.untilEnded()
}, { limits: { maxRequestsPerConnection: 1 } })

proxyTest('0 sets no limit', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  for (let round = 0; round < 50; round++) await client.ask(get())
  t.equal(client.ended, false)
  t.equal(bench.page[CLOSED.max_requests], 0)
}, { limits: { maxRequestsPerConnection: 0 } })

timedProxyTest('an idle connection that is closed after timeouts.keepAliveIdle is counted as such', async (t, bench, advance) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  await client.ask(get())
  await advance(999)
  t.equal(client.ended, false)
  await advance(1)
  await client.untilEnded()
  t.same([bench.page[CLOSED.keep_alive_timeout], bench.page[CLOSED.first_byte_timeout]], [1, 0])
}, { timeoutsMs: { keepAliveIdle: 1_000 } })

timedProxyTest('connections that end for another reason are not counted as idle ones', async (t, bench, advance) => {
  await bench.origin(echoTarget)
  const [leaving, closing, draining] = [await bench.client(), await bench.client(), await bench.client()]
  for (const client of [leaving, draining]) await client.ask(get())
  await closing.ask(get('/', 'Connection: close\r\n'))
  leaving.end()
  await Promise.all([leaving.untilEnded(), closing.untilEnded()])
  closing.end()
  bench.drain()
  await advance(500)
  await draining.untilEnded()
  t.equal(bench.counters.connectionsClosed.reduce((sum, count) => sum + count, 0), 0)
}, { timeoutsMs: { keepAliveIdle: 1_000 } })
