/** GET /v1/events over sockets. */
import t from 'tap'
import { AdminClient, listenAdmin } from '../../helpers/listen-admin.ts'

const ask = (more = '', path = '/v1/events'): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

t.test('a change arrives as an event, with who made it and why', async t => {
  const { port, app } = await listenAdmin(t)
  const client = new AdminClient(t, port).write(ask())
  await client.until(({ received }) => received.includes('id: test-0'))
  t.match(client.received, /^HTTP\/1\.1 200 OK\r\n[^]*content-type: text\/event-stream; charset=utf-8\r\n/)
  t.match(client.received, 'cache-control: no-store')
  const changed = await app.inject({
    method: 'PUT', url: '/v1/routes/hello/weights', headers: { host: 'localhost' }, payload: { weights: { stable: 75, canary: 25 }, reason: 'looks good' }
  })
  t.equal(changed.statusCode, 200)
  await client.until(({ received }) => received.includes('event: weights'))
  t.match(client.received, 'id: test-1\nevent: weights\ndata: {"type":"weights","at":"2026-01-01T00:00:00.000Z","route":"hello","epoch":2,"revision":2,' +
    '"action":"weights","source":"api","actor":"local","reason":"looks good","before":{"stable":90,"canary":10},"after":{"stable":75,"canary":25}}\n\n')
})

t.test('heartbeats come every 15 s; who comes back is told what came meanwhile', async t => {
  const { port, app, clock } = await listenAdmin(t)
  const client = new AdminClient(t, port).write(ask())
  await client.until(({ received }) => received.includes('id: test-0'))
  clock.advance(15_000)
  await client.until(({ received }) => received.includes(':\n\n'))
  client.socket.destroy()
  await app.inject({ method: 'POST', url: '/v1/routes/hello/switch', headers: { host: 'localhost' }, payload: { to: 'canary' } })
  const again = new AdminClient(t, port).write(ask('Last-Event-ID: test-0\r\n'))
  await again.until(({ received }) => received.includes('"action":"switch"'))
  t.match(again.received, 'retry: 2000\nid: test-0\n\nid: test-1\nevent: weights\n', 'what it has missed is not behind it before it has read it')
  const stranger = new AdminClient(t, port).write(ask('Last-Event-ID: another-9\r\n'))
  await stranger.until(({ received }) => received.includes('event: gap'))
  t.notMatch(stranger.received, 'event: weights')
})

t.test('a client may follow eight times; others still can', async t => {
  const { port, clock } = await listenAdmin(t)
  const eight = Array.from({ length: 8 }, () => new AdminClient(t, port).write(ask()))
  await Promise.all(eight.map(async client => await client.answers(1)))
  const ninth = new AdminClient(t, port).write(ask())
  t.same(await ninth.answers(1), [503])
  t.match(ninth.received, '"code":"too_many_streams"')
  t.same(await new AdminClient(t, port, '127.0.0.2').write(ask()).answers(1), [200])
  eight[0]?.socket.destroy()
  // Weir hears of the end on its own time.
  for (let status = 503; status !== 200;) {
    const client = new AdminClient(t, port).write(ask())
    clock.advance(10)
    status = (await client.answers(1))[0] ?? 0
    if (status !== 200) t.equal(status, 503)
    if (status !== 200) client.socket.destroy()
  }
})

t.test('a route that is not there is said, and the end of the API ends the streams', async t => {
  const { port, app } = await listenAdmin(t)
  t.same(await new AdminClient(t, port).write(ask('', '/v1/events?route=nope')).answers(1), [404])
  const client = new AdminClient(t, port).write(ask('', '/v1/events?route=hello'))
  await client.answers(1)
  await app.close()
  t.match(await client.end(), /\r\n0\r\n\r\n$/, 'ended, not cut')
})
