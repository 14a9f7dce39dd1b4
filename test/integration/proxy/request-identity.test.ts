/**
 * "Why did this request get the canary?": what the access log says, and what the client has to quote.
 */
import { recallRequest } from '../../../src/exchange/explain-choice.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { accessLines, named, NO_EJECTION } from '../../helpers/two-endpoints.ts'

const BOTH = { requestId: true, version: true } as const
const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 }, responseFields: BOTH } as const
const BEHIND = { ...LOGGED, trustedProxies: ['127.0.0.1'] }
const CLIENT_IP = { affinity: { by: 'client-ip', level: 'version' } } as const
const OWN_ID = /^[0-9a-f]{32}$/

/** The lines of the log, once there are so many. */
async function lines (bench: ProxyBench, count: number): Promise<ReturnType<typeof accessLines>> {
  await bench.until('the log', () => bench.logLines.length >= count)
  return accessLines(bench)
}

proxyTest('an answer that is a fallback says in whose place, by which key and epoch', async (t, bench) => {
  const stable = await bench.extraOrigin(named('stable'))
  bench.route([{ weights: { stable: 0.000_001, canary: 1_000_000 }, ...CLIENT_IP }])
  bench.endpoints('stable', [stable.port])
  const client = await bench.client()
  const answer = await client.ask(get())
  const [line] = await lines(bench, 1)
  t.match(line, {
    status: 200,
    version: 'stable',
    fallbackFrom: 'canary',
    failedOverFrom: null,
    epoch: 1,
    stickyKey: 'client-ip',
    keyHash: /^[0-9a-f]{8}$/
  })
  t.same(valuesOf(answer, 'x-weir-version'), ['stable'])
  bench.endpoints('canary', [stable.port])
  bench.split({ stable: 0, canary: 1 })
  await client.ask(get())
  t.match((await lines(bench, 2))[1], { version: 'canary', fallbackFrom: null, epoch: 2, keyHash: line?.['keyHash'] })
}, LOGGED)

proxyTest('the reasons of all attempts are told, also when failover follows', async (t, bench) => {
  const stable = await bench.extraOrigin(named('stable'))
  bench.route([{ weights: { stable: 0, canary: 1 }, policy: { ...NO_EJECTION, failover: { to: 'stable', on: ['connect'] } } }])
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [await closedPort()])
  t.equal(statusOf(await (await bench.client()).ask(get())), 200)
  t.match(await lines(bench, 1), [{ attempts: 2, retried: 'connect', failedOverFrom: 'canary', keyHash: null }])
  t.same(
    [bench.version('canary').failovers, bench.version('canary').retries],
    [1, [0, 0, 0, 0, 0]],
    'it counts as a failover, not as a retry'
  )
}, LOGGED)

proxyTest('answers of Weir\'s own name the client, carry an id and count their bytes', async (t, bench) => {
  bench.route([{ match: { path: '/none' }, weights: { v1: 1 } }, { name: 'here', match: { path: '/here' }, weights: { v1: 1 } }])
  const fields = 'X-Forwarded-For: 203.0.113.7\r\nX-Request-Id: given-by-the-proxy\r\n'
  for (const [request, status] of [
    [get('/missing', fields), 404],
    [get('/none', fields), 503],
    [`OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n${fields}\r\n`, 200],
    [`GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${fields}\r\n`, 400]
  ] as const) {
    const before = bench.logLines.length
    const answer = await (await bench.client()).ask(request)
    t.same([statusOf(answer), valuesOf(answer, 'x-request-id')], [status, ['given-by-the-proxy']])
    t.match((await lines(bench, before + 1))[before], {
      status, clientIp: '203.0.113.7', requestId: 'given-by-the-proxy', bytesOut: answer.body.length
    })
  }
  const client = await bench.client()
  await client.ask(get('/missing', fields))
  const garbage = await client.ask('GET / HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1\r\n: \r\n\r\n')
  const line = (await lines(bench, 6))[5]
  t.match(
    line,
    { status: 400, clientIp: '127.0.0.1', requestId: OWN_ID, bytesOut: garbage.body.length },
    'of half a head nobody is believed, nor the request before'
  )
  t.same(valuesOf(garbage, 'x-request-id'), [line?.['requestId']])
}, BEHIND)

proxyTest('a redirect carries the id too', async (t, bench) => {
  const answer = await (await bench.client()).ask(get())
  t.equal(statusOf(answer), 308)
  t.match(valuesOf(answer, 'x-request-id'), [OWN_ID])
}, { ...LOGGED, listener: { redirectToHttps: { port: 443 } } })

proxyTest('the client gets the id that the origin and the log have, and what the origin says itself is replaced', async (t, bench) => {
  const ids: string[] = []
  await bench.origin((request, connection) => {
    ids.push(...valuesOf(request, 'x-request-id'))
    connection.send('HTTP/1.1 200 OK\r\nX-Request-Id: of-the-origin\r\nDate: d\r\nx-weir-version: forged\r\nX-Request-ID: twice\r\nX-Weir-Other: kept\r\nContent-Length: 2\r\n\r\nok')
  })
  const client = await bench.client()
  for (let round = 0; round < 3; round++) {
    const answer = await client.ask(get())
    t.match(ids[round], OWN_ID)
    t.same(valuesOf(answer, 'x-request-id'), [ids[round]])
    t.same(valuesOf(answer, 'x-weir-version'), ['v1'])
    t.same(valuesOf(answer, 'x-weir-other'), ['kept'])
    t.same([answer.body.toString(), valuesOf(answer, 'date')], ['ok', ['d']])
  }
  t.same((await lines(bench, 3)).map(line => line['requestId']), ids)
}, LOGGED)

proxyTest('without the fields, what the origin says passes', async (t, bench) => {
  await bench.origin((_, connection) => {
    connection.send('HTTP/1.1 200 OK\r\nX-Request-Id: mine\r\nX-Weir-Version: inner\r\nContent-Length: 0\r\n\r\n')
  })
  const answer = await (await bench.client()).ask(get())
  t.same([valuesOf(answer, 'x-request-id'), valuesOf(answer, 'x-weir-version')], [['mine'], ['inner']])
  const own = await (await bench.client()).ask('BAD\r\n\r\n')
  t.same(valuesOf(own, 'x-request-id'), [])
}, { responseFields: { requestId: false, version: false } })

proxyTest('a chunked answer in pieces, an interim one and a tunnel are what they were', async (t, bench) => {
  await bench.origin((request, connection) => {
    if (valuesOf(request, 'upgrade').length > 0) {
      connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    } else {
      connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    }
  })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const interim = await client.next()
  t.same([statusOf(interim), valuesOf(interim, 'x-request-id')], [103, []])
  const answer = await client.answer()
  t.same([answer.body.toString(), valuesOf(answer, 'x-weir-version')], ['abc', ['v1']])
  const other = await bench.client()
  other.expect('GET')
  other.send(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  const switched = await other.next()
  t.same([statusOf(switched), valuesOf(switched, 'x-request-id')], [101, []])
}, LOGGED)

proxyTest('the worker remembers a request by its id, Weir\'s own or that of a proxy', async (t, bench) => {
  const stable = await bench.extraOrigin(named('stable'))
  bench.route([{
    weights: { stable: 0, canary: 1 },
    ...CLIENT_IP,
    policy: { ...NO_EJECTION, failover: { to: 'stable', on: ['connect'] } }
  }])
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [await closedPort()])
  const client = await bench.client()
  const own = valuesOf(await client.ask(get()), 'x-request-id')[0] ?? ''
  bench.split({ stable: 1, canary: 0 })
  await client.ask(get())
  const { request, remembered } = recallRequest(bench.plane, own)
  t.equal(remembered, 2)
  t.match(request, {
    route: 'test',
    version: 'stable',
    endpoint: `127.0.0.1:${stable.port}`,
    status: 200,
    attempts: 2,
    retried: 'connect',
    failedOverFrom: 'canary',
    epoch: 1,
    keyKind: 'client-ip',
    now: { epoch: 2, chosen: 'stable' }
  })
  t.ok(Math.abs((request?.wallMs ?? 0) - Date.now()) < 60_000)
  t.equal(recallRequest(bench.plane, '0'.repeat(32)).request, null)
  t.equal(recallRequest(bench.plane, 'no-such-id').request, null)
}, LOGGED)

proxyTest('an id that a trusted proxy has given is found too', async (t, bench) => {
  await bench.origin(named('v1'))
  await (await bench.client()).ask(get('/', 'X-Request-Id: abc-123\r\n'))
  t.match(recallRequest(bench.plane, 'abc-123').request, { status: 200, version: 'v1', attempts: 1, error: '' })
  t.equal(recallRequest(bench.plane, 'abc-124').request, null)
}, BEHIND)
