/** How copies end when something else ends first: the attempt whose answer they waited for, the mirror, the worker. */
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { answers, mirrored } from '../../helpers/mirrored.ts'
import { logIn, ntlmOrigin, seen } from '../../helpers/ntlm-origin.ts'
import { get } from '../../helpers/raw-client.ts'
import { ok, type OriginConnection } from '../../helpers/raw-origin.ts'
import { NO_EJECTION } from '../../helpers/two-endpoints.ts'

/** A head that is good, and a body that is not, at once. */
const BROKEN = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n'

proxyTest('a request whose answer breaks behind its head, and that another version answers, has one copy', async (t, bench) => {
  const waiting: OriginConnection[] = []
  const { canary, tally, counted } = await mirrored(bench, {
    stable: answers(BROKEN),
    canary: (_request, connection) => { waiting.push(connection) },
    route: { weights: { stable: 1, canary: 0, other: 0 }, policy: { ...NO_EJECTION, failover: { to: 'other', on: [502] } } }
  })
  bench.endpoints('other', [(await bench.extraOrigin(answers(ok('other')))).port])
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'other')
  await bench.until('the copy', () => waiting.length > 0)
  await bench.settle()
  for (const connection of waiting) connection.send(ok('other'))
  await counted(1)
  t.match(tally, { sent: 1, same: 1 }, 'compared with what the client has got')
  t.equal(canary.requests.length, 1)
})

proxyTest('a request that the version of the mirror answers after all has nothing to compare', async (t, bench) => {
  const { tally, counted } = await mirrored(bench, {
    stable: answers(BROKEN),
    canary: (request, connection) => { if (!request.fields.some(([name]) => name === 'X-Weir-Shadow')) connection.send(ok('canary')) },
    route: { policy: { ...NO_EJECTION, failover: { to: 'canary', on: [502] } } }
  })
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'canary')
  await counted(1)
  t.match(tally, { sent: 1, uncompared: 1, dropped: { same_version: 0 } })
})

proxyTest('copies that are on their way when the worker goes are counted, and nothing of them is left', async (t, bench) => {
  const { tally, canary, pull } = await mirrored(bench, { canary: () => {} })
  const client = await bench.client()
  await client.ask(get('/a'))
  await client.ask(get('/b'))
  await bench.until('the copies', () => canary.requests.length === 2)
  bench.routes.shadows.close()
  pull()
  t.match(tally, { drawn: 2, sent: 2, uncompared: 2 })
})

proxyTest('a copy that leaves when its mirror has gone leaves no connection behind', async (t, bench) => {
  const { tally, canary, pull } = await mirrored(bench, { mirror: { methods: 'all' } })
  const client = await bench.client()
  client.expect('POST')
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1')
  await bench.settle()
  bench.routes.applyMirror({ type: 'mirror', route: 'test', override: { mirror: null } })
  client.send('2')
  await client.answer()
  await bench.until('the copy', () => {
    pull()
    return tally.same === 1
  })
  t.equal(canary.requests[0]?.body.toString(), '12')
  await bench.until('its connection to end', () => bench.left()['upstreamOpen'] === 1)
  t.equal(bench.left()['upstreamIdle'], 1, 'that of the real request')
})

proxyTest('what a client asks where it has logged in on the connection is not copied', async (t, bench) => {
  const { tally, canary, counted } = await mirrored(bench, { stable: ntlmOrigin(), canary: ntlmOrigin() })
  const client = await bench.client()
  t.equal(seen(await logIn(client, 'anna')), '200 origin:anna')
  t.equal(seen(await client.ask(get())), '200 origin:anna', 'it is logged in')
  await counted(1)
  t.match(tally, { drawn: 1, same: 1 }, 'the request before')
  t.equal(canary.requests.length, 1)
})

proxyTest('a thousand requests whose copies can go nowhere leave nothing behind', async (t, bench) => {
  const { tally, counted } = await mirrored(bench)
  bench.endpoints('canary', [await closedPort()])
  const clients = await Promise.all(Array.from({ length: 20 }, async () => await bench.client()))
  await Promise.all(clients.map(async client => {
    for (let index = 0; index < 50; index++) await client.ask(get())
  }))
  await counted(1_000)
  t.equal(tally.failed.connect + tally.dropped.requests + tally.dropped.unreachable, 1_000)
})
