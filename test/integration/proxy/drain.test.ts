import { connect } from 'node:net'
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { openTunnel, untilTunnelled } from '../../helpers/open-tunnel.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'

proxyTest('a drain closes the listener', async (t, bench) => {
  await bench.origin()
  const { port } = bench
  bench.drain()
  await bench.listenerClosed
  const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
    connect({ host: '127.0.0.1', port }, () => { reject(new Error('the listener is still open')) }).on('error', resolve)
  })
  t.equal(error.code, 'ECONNREFUSED')
})

timedProxyTest('a drain takes the connections that the kernel has made already, however long a busy machine needs', async (t, bench, advance) => {
  await bench.origin((_, connection) => { connection.send(ok()) })
  const { port } = bench
  const sockets = Array.from({ length: 100 }, () => connect({ host: '127.0.0.1', port }))
  const answers = Promise.all(sockets.map(async socket => await new Promise<string>(resolve => {
    let text = ''
    socket.on('error', error => { resolve(error.message) })
    socket.on('data', (bytes: Buffer) => { text += bytes.toString('latin1') })
    socket.on('end', () => { resolve(text.slice(0, 15)) })
    socket.on('close', () => { resolve(text.slice(0, 15)) })
  })))
  for (const socket of sockets) socket.write(get())
  // The first one that is there as a client is not accepted yet.
  await new Promise(resolve => { sockets[0]?.once('connect', resolve) })
  t.ok(bench.counters.connectionsOpen < sockets.length / 2, `${bench.counters.connectionsOpen} are accepted`)
  bench.drain()
  await advance(300)
  await bench.listenerClosed
  const heard = await answers
  t.same(heard.filter(answer => answer !== 'HTTP/1.1 200 OK'), [])
  for (const socket of sockets) socket.destroy()
})

proxyTest('a drain ends idle connections', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok()) })
  const used = await bench.client()
  const fresh = await bench.client()
  await used.ask(get())
  await bench.until('both connections', () => bench.counters.connectionsOpen === 2)
  bench.drain()
  await used.untilEnded()
  await fresh.untilEnded()
  t.equal(bench.counters.connectionsOpen, 0)
})

proxyTest('a drain lets a request in flight finish, tells its client to close, and ends the connection', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  bench.drain()
  await bench.settle()
  t.equal(client.ended, false)
  connection.send(ok('finished'))
  const answer = await client.answer()
  t.equal(answer.body.toString(), 'finished')
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
})

proxyTest('a drain lets an answer that has begun end', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  await client.head()
  bench.drain()
  connection.send('world')
  t.equal((await client.answer()).body.toString(), 'helloworld')
  await client.untilEnded()
})

proxyTest('a drain lets a head that has begun be answered', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(ok('late')) })
  const client = await bench.client()
  client.expect('GET')
  client.send('GET / HTTP/1.1\r\nHo')
  await bench.until('the connection', () => bench.counters.connectionsOpen === 1)
  await bench.settle()
  bench.drain()
  client.send('st: h\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer.body.toString(), 'late')
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
})

proxyTest('a drain loses no request that was sent before its client was told', async (t, bench) => {
  await bench.origin((_, connection) => { setTimeout(() => { connection.send(ok()) }, 2) })
  const clients = await Promise.all(Array.from({ length: 20 }, async () => await bench.client()))
  let answered = 0
  const running = clients.map(async client => {
    for (;;) {
      const answer = await client.ask(get())
      answered++
      if (valuesOf(answer, 'connection').includes('close')) return
    }
  })
  await bench.until('traffic', () => answered > 100)
  bench.drain()
  await Promise.all(running)
  t.ok(answered > 100)
})

proxyTest('when the time of a drain is over, a request without an answer gets a 503', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  bench.drain()
  bench.cutOff()
  const answer = await client.answer()
  t.equal(statusOf(answer), 503)
  t.match(JSON.parse(answer.body.toString()), { code: 'shutting_down' })
  t.same(valuesOf(answer, 'connection'), ['close'])
  await Promise.all([client.untilEnded(), connection.untilEnded()])
  t.equal(bench.errors('shutting_down'), 1)
})

for (const [what, head, shows] of [
  ['a length', 'Content-Length: 10\r\n', 'an end before it'],
  ['chunks', 'Transfer-Encoding: chunked\r\n', 'an end without a last chunk']
] as const) {
  proxyTest(`when the time of a drain is over, an answer with ${what} is cut, which ${shows} shows`, async (t, bench) => {
    const { client, connection } = await requestInFlight(bench)
    connection.send(`HTTP/1.1 200 OK\r\n${head}\r\n${what === 'chunks' ? '5\r\nhello\r\n' : 'hello'}`)
    await client.until('the beginning', () => client.reader.partialBodyBytes === 5)
    bench.drain()
    bench.cutOff()
    await Promise.all([client.untilEnded(), connection.untilEnded()])
    t.equal(client.reader.incomplete, true)
    t.match([bench.errors('shutting_down'), bench.version().requestsByClass], [1, [0, 1, 0, 0, 0]])
  })
}

proxyTest('when the time of a drain is over, an answer that ends with its connection is reset: a FIN would make it whole', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench, 'GET / HTTP/1.0\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\n\r\nhello')
  await client.until('the beginning', () => client.reader.partialBodyBytes === 5)
  bench.drain()
  bench.cutOff()
  await client.untilClosed()
  t.equal(client.error, 'ECONNRESET')
})

proxyTest('when the time of a drain is over, a tunnel ends in order on both sides', async (t, bench) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  client.send('up')
  await untilTunnelled(endpoint, 'up')
  bench.drain()
  bench.cutOff()
  await Promise.all([client.untilEnded(), endpoint.untilEnded()])
  t.same([client.error, endpoint.error], [undefined, undefined], 'no reset')
  t.same([bench.errors('shutting_down'), bench.version().tunnels], [1, 0])
})

proxyTest('requests that wait for an endpoint go on waiting while the worker drains', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold' }])
  const served = await bench.client()
  const late = await bench.client()
  served.expect('GET')
  served.send(get('/served'))
  await bench.until('the request to wait', () => bench.version().held === 1)
  bench.drain()
  const origin = await bench.extraOrigin((_, connection) => { connection.send(ok('at last')) })
  bench.endpoints('v1', [origin.port])
  const answer = await served.answer()
  t.equal(answer.body.toString(), 'at last')
  t.same(valuesOf(answer, 'connection'), ['close'])
  await served.untilEnded()
  await late.untilEnded()
})

proxyTest('requests that still wait for an endpoint when the time of a drain is over get a 503', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold' }])
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await bench.until('the request to wait', () => bench.version().held === 1)
  bench.drain()
  bench.cutOff()
  t.match(JSON.parse((await client.answer()).body.toString()), { code: 'shutting_down' })
  t.equal(bench.version().held, 0)
})
