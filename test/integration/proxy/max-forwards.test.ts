import { proxyTest } from '../../helpers/data-plane.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

for (const method of ['OPTIONS', 'TRACE']) {
  proxyTest(`Max-Forwards of ${method} counts down on the way`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok()) })
    const client = await bench.client()
    await client.ask(`${method} / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 007\r\n\r\n`)
    t.same(origin.requests.map(request => valuesOf(request, 'max-forwards')), [['6']])
  })
}

proxyTest('OPTIONS that may go no further is answered here, and the connection goes on', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const client = await bench.client()
  const answer = await client.ask('OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n')
  t.equal(statusOf(answer), 200)
  t.match(valuesOf(answer, 'allow'), [/GET/])
  t.equal(statusOf(await client.ask('GET / HTTP/1.1\r\nHost: h\r\n\r\n')), 200)
  t.equal(origin.requests.length, 1)
})

proxyTest('TRACE that may go no further is refused', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  const answer = await (await bench.client()).ask('TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n')
  t.equal(statusOf(answer), 405)
  t.equal(origin.requests.length, 0)
})

for (const value of ['x', '-1', '1, 2', '']) {
  proxyTest(`Max-Forwards: ${JSON.stringify(value)} is refused`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok()) })
    t.equal(statusOf(await (await bench.client()).ask(`OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: ${value}\r\n\r\n`)), 400)
    t.equal(origin.requests.length, 0)
  })
}

proxyTest('on other methods Max-Forwards means nothing and passes unchanged', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  await (await bench.client()).ask('GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n')
  t.same(origin.requests.map(request => valuesOf(request, 'max-forwards')), [['0']])
})
