import { connect } from 'node:net'
import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

proxyTest('a drain closes the listener', async (t, bench) => {
  await bench.origin()
  const { port } = bench
  bench.drain()
  const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
    connect({ host: '127.0.0.1', port }, () => { reject(new Error('the listener is still open')) }).on('error', resolve)
  })
  t.equal(error.code, 'ECONNREFUSED')
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
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const connection = await origin.connection()
  await connection.next()
  bench.drain()
  await new Promise(resolve => setTimeout(resolve, 30))
  t.equal(client.ended, false)
  connection.send(ok('finished'))
  const answer = await client.answer()
  t.equal(answer.body.toString(), 'finished')
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
})

proxyTest('a drain lets an answer that has begun end', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const connection = await origin.connection()
  await connection.next()
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
  await new Promise(resolve => setTimeout(resolve, 20))
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
