/** Endings that fuzzing has found: what a client sees must be well-formed, and must not look complete when it is not. */
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { passTime } from '../../helpers/pass-time.ts'

proxyTest('a HEAD that is refused gets no content', async (t, bench) => {
  for (const [what, bytes] of [
    ['in its head', 'HEAD / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n'],
    ['in its target', 'HEAD x HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['in its body', 'HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n']
  ] as const) {
    const client = await bench.client()
    client.expect('HEAD')
    client.send(bytes)
    await client.untilEnded()
    t.match(client.tail, /^HTTP\/1\.1 4\d\d [^]*\r\n\r\n$/, what)
  }
})

timedProxyTest('a half-closed client that was given up sees that its response has no end', async (t, bench, advance) => {
  const origin = await bench.origin((_request, connection) => { connection.send('HTTP/1.1 200 OK\r\n\r\na part') })
  const client = await bench.client()
  client.expect('GET')
  client.send('GET / HTTP/1.0\r\n\r\n')
  await client.until('the part', () => client.tail.endsWith('a part'))
  client.end()
  await passTime(advance, 3_000)
  await client.untilClosed()
  t.equal(origin.requests.length, 1)
  t.equal(client.error, 'ECONNRESET', 'a FIN would say that this was all')
})
