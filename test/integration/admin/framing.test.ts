/**
 * Requests that two readers could understand differently, with real sockets.
 */
import t from 'tap'
import { ADMIN_LIMITS } from '../../../src/admin/admin-server.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { AdminClient, listenAdmin } from '../../helpers/listen-admin.ts'

const limits = { ...ADMIN_LIMITS, unprovenPerWindow: 1_000_000 }

t.test('CONNECT gets an answer', async t => {
  const { port } = await listenAdmin(t, { limits })
  for (const target of ['localhost:443', '127.0.0.1:9901']) {
    const answer = await new AdminClient(t, port).write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nGET / HTTP/1.1\r\n\r\n`).end()
    t.match(answer, /^HTTP\/1\.1 405 Method Not Allowed\r\nAllow: GET, HEAD, PUT, POST, DELETE, OPTIONS\r\n.*"code":"method_not_allowed"/s)
    t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, 'and what follows is no request')
  }
})

t.test('a field that means one thing is there once', async t => {
  const { port } = await listenAdmin(t, { limits })
  const twice = [
    'Host: localhost\r\nHost: localhost', 'Host: localhost\r\nHOST: evil.example', 'Host: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b',
    'Host: localhost\r\nContent-Type: application/json\r\nContent-Type: text/plain', 'Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example'
  ]
  for (const path of ['/healthz', '/v1/routes']) {
    for (const fields of twice) {
      t.match(await new AdminClient(t, port).write(`GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`).end(), /^HTTP\/1\.1 400 .*is there twice/s, `${path} ${JSON.stringify(fields)}`)
    }
  }
  t.match(await new AdminClient(t, port).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n').end(), /^HTTP\/1\.1 400 /)
})

t.test('HTTP/1.1 has a Host, and one that is a host', async t => {
  const { port } = await listenAdmin(t, { limits })
  for (const host of ['a b', 'a/b', 'user@localhost', 'localhost:80:80', 'localhost:x', '::1', 'a"b', 'localhost, localhost', 'a?b', 'a#b', 'a\\b']) {
    t.match(await new AdminClient(t, port).write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`).end(), /^HTTP\/1\.1 400 .*"code":"bad_request"/s, host)
  }
  t.match(await new AdminClient(t, port).write('GET /healthz HTTP/1.1\r\n\r\n').end(), /^HTTP\/1\.1 400 .*Host is missing/s)
  for (const head of ['HTTP/1.0', 'HTTP/1.1\r\nHost: ', 'HTTP/1.1\r\nHost: localhost:', 'HTTP/1.1\r\nHost: [::1]:9901', 'HTTP/1.1\r\nHost: 10.0.0.9:9901']) {
    t.same(await new AdminClient(t, port).write(`GET /healthz ${head}\r\n\r\n`).answers(1), [200], JSON.stringify(head))
  }
})

t.test('heads that are no HTTP are refused', async t => {
  const { port } = await listenAdmin(t, { limits })
  const heads = [
    'GET /healthz HTTP/1.1\nHost: localhost\n\n', 'GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n', 'FROB /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nabcde', 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nabcde',
    'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\nabcde', 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n'
  ]
  for (const head of heads) t.match(await new AdminClient(t, port).write(head).end(), /^HTTP\/1\.1 [45]\d\d /, JSON.stringify(head))
})

t.test('a number in a query is written as a number is', async t => {
  const { app } = await adminFixture()
  const ask = (limit: string) => app.inject({ url: `/v1/routes/hello/history?limit=${limit}`, headers: { host: 'localhost' } })
  for (const limit of ['1e1', '1E1', '0x10', '0b1', '0o7', '%205', '5%20', '%2B5', '05', '5.0', '5.', '.5', '', '1_0', '10n', 'Infinity', 'NaN', '%D9%A5', '5,6', 'true', 'null', '-1', '0', '101', '99999999999999999999']) {
    const answer = await ask(limit)
    t.match(answer.json(), { status: 400, code: 'invalid_request', errors: [{ path: 'query/limit' }] }, limit)
  }
  for (const limit of ['1', '20', '100']) t.equal((await ask(limit)).statusCode, 200, limit)
  const put = (body: string) => app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers: { host: 'localhost', 'content-type': 'application/json' }, payload: body })
  for (const weight of ['"1"', 'true', 'null', '"1e2"', '[1]']) t.equal((await put(`{"weights":{"stable":${weight},"canary":1}}`)).statusCode, 400, weight)
})
