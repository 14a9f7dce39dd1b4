/**
 * The port for probes, with real sockets.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { closeProbeServer } from '../../../src/admin/admin-ports.ts'
import { createProbeServer } from '../../../src/admin/probe-server.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { AdminClient } from '../../helpers/listen-admin.ts'

async function listen (t: Test) {
  const missing: string[] = []
  const waiting: string[] = []
  const readiness = () => ({ ready: missing.length + waiting.length === 0, own: missing, waiting: waiting.length, ofVersions: () => waiting })
  const server = createProbeServer({ clock: systemClock, readiness })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.teardown(async () => { await closeProbeServer(server, systemClock, Promise.resolve()) })
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}`, missing, waiting }
}

t.test('it has health and readiness, and names nothing', async t => {
  const { url, missing, waiting } = await listen(t)
  const ask = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: 'Bearer operator-token-0123456789' } })
    return [answer.status, await answer.json()]
  }
  t.same(await ask('/healthz'), [200, { status: 'ok' }])
  t.same(await ask('/readyz?verbose'), [200, { ready: true, reasons: [] }])
  waiting.push('secret canary', 'secret stable')
  t.same(await ask('/readyz'), [503, { ready: false, reasons: ['2 versions have not had their first list of endpoints'] }])
  missing.push('Weir is shutting down')
  t.match(await ask('/readyz'), [503, { reasons: ['Weir is shutting down', /2 versions/] }])
  t.same(await ask('/healthz'), [200, { status: 'ok' }])
})

t.test('it has nothing else', async t => {
  const { url, port } = await listen(t)
  for (const path of ['/', '/metrics', '/v1/routes', '/openapi.json', '/healthz/', '//healthz']) {
    const answer = await fetch(`${url}${path}`)
    t.equal(answer.status, 404, path)
    t.match(await answer.json(), { code: 'not_found', detail: 'this port has /healthz and /readyz' })
  }
  const post = await fetch(`${url}/readyz`, { method: 'POST' })
  t.equal(post.status, 405)
  t.equal(post.headers.get('allow'), 'GET, HEAD')
  await post.body?.cancel()
  const head = await fetch(`${url}/readyz`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.match(await new AdminClient(t, port).write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n').end(), /^HTTP\/1\.1 405 /)
  t.match(await new AdminClient(t, port).write('\x16\x03\x01\x02\x00\x01').end(), /^HTTP\/1\.1 400 /)
})

t.test('connections that lie open keep no probe away', async t => {
  const { port } = await listen(t)
  const open: AdminClient[] = []
  for (let count = 0; count < 200; count++) {
    const client = new AdminClient(t, port)
    await new Promise(resolve => { client.socket.once('connect', resolve) })
    open.push(client)
  }
  t.same(await new AdminClient(t, port).write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n').answers(1), [200])
  await open[0]?.end()
})

t.test('it closes in time, whatever its clients do', async t => {
  const { server, port } = await listen(t)
  const client = new AdminClient(t, port).write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /heal')
  await client.answers(1)
  await closeProbeServer(server, systemClock, Promise.resolve())
  await client.end()
  t.equal(server.listening, false)
})
