import { proxyTest } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { closes, NO_EJECTION, reset, retriesOf } from '../../helpers/two-endpoints.ts'

proxyTest('a kept-alive connection that the origin closes under a GET: the GET is repeated, even at the same endpoint', async (t, bench) => {
  const origin = await bench.origin((_, connection) => {
    if (connection.reader.messages.length === 1) connection.send(ok('first'))
    else connection.end()
  })
  const client = await bench.client()
  await client.ask(get())
  for (let round = 0; round < 6; round++) t.equal((await client.ask(get())).body.toString(), 'first')
  t.same(retriesOf(bench), { reset: 6 })
  t.same(bench.version().requestsByClass, [0, 7, 0, 0, 0])
  t.equal(origin.requests.length, 13)
  t.equal(bench.version().ejections, 0)
})

for (const [how, end, elsewhere] of [
  ['a FIN, as of a server that closes idle connections: the client stays with its endpoint', closes, false],
  ['a reset, as of one that dies: another endpoint is asked', reset, true]
] as const satisfies ReadonlyArray<readonly [string, OriginHandler, boolean]>) {
  proxyTest(`a kept-alive connection ends under a GET with ${how}`, async (t, bench) => {
    const ending = (name: string): OriginHandler => (request, connection) => {
      if (connection.reader.messages.length === 1) connection.send(ok(name))
      else end(request, connection)
    }
    const origins = { one: await bench.extraOrigin(ending('one')), other: await bench.extraOrigin(ending('other')) }
    bench.route([{ affinity: { by: 'client-ip', level: 'endpoint' }, balancing: 'rendezvous', weights: { v1: 1 }, policy: NO_EJECTION }])
    bench.endpoints('v1', Object.values(origins).map(({ port }) => port))
    const client = await bench.client()
    const first = (await client.ask(get())).body.toString()
    t.equal((await client.ask(get())).body.toString() !== first, elsewhere)
    t.same(retriesOf(bench), { reset: 1 })
  })
}

proxyTest('a kept-alive connection that the origin closes under a POST: a 502, and it was executed once', async (t, bench) => {
  const origin = await bench.origin((_, connection) => {
    if (connection.reader.messages.length === 1) connection.send(ok('first'))
    else connection.end()
  })
  const client = await bench.client()
  await client.ask(get())
  t.equal(statusOf(await client.ask(post('/', 'once'))), 502)
  t.equal(origin.requests.filter(({ body }) => body.toString() === 'once').length, 1)
  t.same(retriesOf(bench), {})
})

for (const how of ['FIN', 'RST'] as const) {
  proxyTest(`a ${how} that is there already when a POST comes: it is not lost, not executed twice, and the endpoint is not blamed`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => { connection.send(ok(request.body)) })
    const client = await bench.client()
    for (let round = 0; round < 12; round++) {
      t.equal((await client.ask(post('/', `body ${round}`))).body.toString(), `body ${round}`)
      const connection = origin.connections.at(-1)
      // The news and the request arrive in the same turn of the proxy, in either order.
      if (round % 2 === 0) client.socket.cork()
      if (how === 'FIN') connection?.end()
      else connection?.reset()
      if (round % 2 === 0) process.nextTick(() => { client.socket.uncork() })
    }
    t.same(origin.requests.map(({ body }) => body.toString()), Array.from({ length: 12 }, (_, round) => `body ${round}`))
    t.equal(bench.version().ejections, 0)
  })
}

proxyTest('an endpoint that says something on an idle connection: it is not taken for the answer to a POST', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { connection.send(ok(request.body)) })
  const client = await bench.client()
  await client.ask(post('/', 'first'))
  client.expect('POST')
  client.socket.write(post('/', 'second'))
  // As servers do that close idle connections.
  origin.connections[0]?.send('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  const answer = await client.answer()
  t.same([statusOf(answer), answer.body.toString()], [200, 'second'])
  t.equal(origin.requests.filter(({ body }) => body.toString() === 'second').length, 1)
})
