import net from 'node:net'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { SESSION_LIFE_MS } from '../../../src/upstream/tls-transport.ts'
import { ProxyBench, proxyTest } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, RawOrigin, type OriginConnection } from '../../helpers/raw-origin.ts'
import { secureOrigin, secureRoute } from '../../helpers/secure-origin.ts'
import { ADDRESSED, authorities, NAMED, originTls } from '../../helpers/upstream-certificates.ts'

const answer = (_: unknown, connection: OriginConnection): void => { connection.send(ok('hello')) }

/** Answers each request on a connection of its own, and notes whether that resumed a session. */
class Closing {
  readonly resumed: boolean[] = []
  readonly handler = (_: unknown, connection: OriginConnection): void => {
    this.resumed.push(resumes(connection))
    connection.send(ok('hello', 'Connection: close\r\n'))
  }
}

function resumes ({ socket }: OriginConnection): boolean {
  return socket instanceof TLSSocket && socket.isSessionReused()
}

proxyTest('a connection is kept and used again, with bodies in both directions', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler: answer })
  const client = await bench.client()
  for (let round = 0; round < 5; round++) {
    t.equal(statusOf(await client.ask(post('/', 'x'.repeat(round * 1_000)))), 200)
  }
  t.equal(origin.connections.length, 1)
  t.same(origin.requests.map(({ body }) => body.length), [0, 1_000, 2_000, 3_000, 4_000])
  t.match(bench.version(), { upstreamConnects: 1, upstreamReuses: 4 })
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  proxyTest(`${maxVersion}: later connections resume the session of the first`, async (t, bench) => {
    const { resumed, handler } = new Closing()
    await secureOrigin(t, bench, { origin: { ...originTls('named'), maxVersion }, tls: NAMED, handler })
    const client = await bench.client()
    for (let round = 0; round < 4; round++) t.equal(statusOf(await client.ask(get())), 200)
    t.same(resumed, [false, true, true, true])
  })
}

t.test('a session is not offered for longer than its life', async t => {
  const clock = new FakeClock()
  const bench = await ProxyBench.start({}, clock)
  const { resumed, handler } = new Closing()
  await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler })
  for (const ms of [0, SESSION_LIFE_MS, SESSION_LIFE_MS + 1]) {
    clock.advance(ms)
    await bench.until('a tick', () => bench.plane.recentMs === clock.nowMs())
    const client = await bench.client()
    t.equal(statusOf(await client.ask(get())), 200)
    client.destroy()
    await client.untilClosed()
  }
  t.same(resumed, [false, true, false])
  await bench.close(t)
})

proxyTest('a session that the origin does not know any more costs a full handshake, no request', async (t, bench) => {
  const { resumed, handler } = new Closing()
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  const { port } = origin
  await origin.close()
  // As after a restart: another key for tickets.
  const next = new RawOrigin(handler, originTls('named'))
  t.teardown(async () => { await next.close() })
  await next.listen(port)
  t.equal(statusOf(await client.ask(get())), 200)
  t.equal(statusOf(await client.ask(get())), 200)
  t.same(resumed, [false, false, true])
})

proxyTest('versions that trust different peers never share a connection', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler: answer })
  const tls = {
    v1: NAMED,
    same: { ...NAMED, ca: authorities('ca') },
    unverified: { ...NAMED, verify: false },
    renamed: { verify: false, serverName: 'other.test' },
    nameless: { verify: false },
    authority: { ...NAMED, ca: authorities('ca', 'other-ca') },
    refused: ADDRESSED
  } as const
  const client = await bench.client()
  const used: number[] = []
  for (let round = 0; round < 2; round++) {
    for (const version of Object.keys(tls)) {
      const weights = Object.fromEntries(Object.keys(tls).map(name => [name, name === version ? 1 : 0]))
      bench.route([{ weights, tls }])
      for (const name of Object.keys(tls)) bench.endpoints(name, [origin.port])
      const before = origin.connections.length
      t.equal(statusOf(await client.ask(get())), version === 'refused' ? 502 : 200, version)
      used.push(origin.connections.length - before)
    }
  }
  t.same(used, [1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
})

proxyTest('a plain version and a secure one at the same address do not share connections', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED, handler: answer })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  bench.route([{ weights: { v1: 0, plain: 1 }, tls: { v1: NAMED } }])
  bench.endpoints('plain', [origin.port])
  t.equal(statusOf(await client.ask(get())), 502)
  bench.split({ v1: 1, plain: 0 })
  t.equal(statusOf(await client.ask(get())), 200)
  t.equal(origin.connections.length, 1)
})

proxyTest('other authorities end idle connections and leave a running request alone', async (t, bench) => {
  const origin = await secureOrigin(t, bench, { origin: originTls('named'), tls: NAMED })
  const [idle, running] = [await bench.client(), await bench.client()]
  running.send(get('/running'))
  running.expect('GET')
  const second = await origin.connection(0)
  await second.next()
  idle.send(get('/idle'))
  idle.expect('GET')
  const first = await origin.connection(1)
  await first.next()
  first.send(ok())
  await idle.answer()
  second.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  await running.head()

  await secureRoute(bench, { ...NAMED, ca: authorities('other-ca') }, origin.port)
  await first.untilEnded()
  t.equal(statusOf(await idle.ask(get())), 502, 'the origin is not trusted any more')
  second.send('world')
  t.equal((await running.answer()).body.toString(), 'helloworld')
  await second.untilEnded()

  await secureRoute(bench, { ...NAMED, ca: authorities('other-ca', 'ca') }, origin.port)
  idle.send(get())
  idle.expect('GET')
  const third = await origin.connection(2)
  await third.next()
  t.equal(resumes(third), false, 'no session of before is offered')
  third.send(ok())
  t.equal(statusOf(await idle.answer()), 200)
})

proxyTest('an origin that is silent in the handshake is a 504 in the time for connecting', async (t, bench) => {
  const sockets: net.Socket[] = []
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  const address = server.address()
  await secureRoute(bench, NAMED, typeof address === 'object' && address !== null ? address.port : 0)
  const client = await bench.client()
  const refused = await client.ask(get())
  t.equal(statusOf(refused), 504)
  t.match(JSON.parse(refused.body.toString()), { code: 'upstream_connect_timeout' })
  t.equal(sockets.length, 1, 'there is no other endpoint to try')
}, { timeoutsMs: { upstreamConnect: 30 } })

proxyTest('a client that leaves during the handshake ends it', async (t, bench) => {
  let far: net.Socket | undefined
  const server = net.createServer(socket => { far = socket.on('error', () => {}).resume() })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  const address = server.address()
  await secureRoute(bench, NAMED, typeof address === 'object' && address !== null ? address.port : 0)
  const client = await bench.client()
  client.send(get())
  await bench.until('the handshake', () => far !== undefined)
  client.reset()
  await bench.until('its end', () => bench.left()['upstreamOpen'] === 0)
  await bench.until('the end of TCP', () => far?.closed === true)
  t.equal(bench.errors('client_gone'), 1)
})
