import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ADMIN_LIMITS } from '../../../src/admin/admin-server.ts'
import { adminFixture, type AdminFixtureOptions } from '../../helpers/admin-fixture.ts'

const TOKEN = 'operator-token-0123456789'

async function listen (t: Pick<Test, 'teardown'>, options: AdminFixtureOptions = {}) {
  const fixture = await adminFixture(options)
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => fixture.app.close())
  // A TCP server's address is never a path.
  const { port } = fixture.app.server.address() as AddressInfo
  return { ...fixture, port, url: `http://127.0.0.1:${port}` }
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
async function raw (port: number, ...chunks: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  // A reset is an answer too; what came before it counts.
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', bytes => { answer += bytes.toString('latin1') })
  for (const chunk of chunks) socket.write(chunk, 'latin1')
  await new Promise(resolve => { socket.on('close', resolve) })
  return answer
}

t.test('read, decide, change on condition: the flow of a careful client', async t => {
  const file = join(t.testdir({ token: TOKEN }), 'token')
  const { url } = await listen(t, { tokens: [{ name: 'ops', role: 'operator', file }] })
  const authorization = `Bearer ${TOKEN}`
  const read = await fetch(`${url}/v1/routes/hello`, { headers: { authorization } })
  const etag = read.headers.get('etag') ?? ''
  t.equal(etag, '"1"')
  await read.body?.cancel()
  const put = (ifMatch: string, stable: number) => fetch(`${url}/v1/routes/hello/weights?wait=all`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json', 'if-match': ifMatch },
    body: JSON.stringify({ weights: { stable, canary: 1 } })
  })
  const made = await put(etag, 1)
  t.match(await made.json(), { epoch: 2, applied: { complete: true } })
  const late = await put(etag, 2)
  t.equal(late.status, 412)
  t.match(await late.json(), { code: 'epoch_mismatch', epoch: 2 })
  const again = await put(late.headers.get('etag') ?? '', 2)
  t.equal(again.status, 200)
  await again.body?.cancel()
  const anonymous = await fetch(`${url}/v1/routes`)
  t.equal(anonymous.status, 401)
  await anonymous.body?.cancel()
})

t.test('bytes that are not HTTP get a problem and a closed connection', async t => {
  const { port } = await listen(t)
  for (const bytes of ['\x16\x03\x01\x02\x00\x01', 'GET / HTTP/9.9\r\n\r\n', 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n']) {
    const answer = await raw(port, bytes)
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(bytes))
    t.match(answer, '"code":"bad_request"')
  }
})

t.test('a header or a body that is too large is refused, and the server goes on', async t => {
  const { port, url } = await listen(t)
  t.match(await raw(port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 .*"code":"header_too_large"/s)
  const announced = 'PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n'
  t.match(await raw(port, announced), /^HTTP\/1\.1 413 .*"code":"body_too_large"/s, 'without waiting for it')
  const chunked = 'PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
  t.match(await raw(port, chunked, `12000\r\n${' '.repeat(0x12000)}\r\n`), /^HTTP\/1\.1 413 .*"code":"body_too_large"/s)
  const fine = await fetch(`${url}/healthz`)
  t.equal(fine.status, 200)
  await fine.body?.cancel()
})

t.test('a client that sends its request too slowly is cut off', async t => {
  const { port } = await listen(t, { limits: { ...ADMIN_LIMITS, requestTimeoutMs: 200, checkIntervalMs: 50 } })
  const slow = ['GET / HTTP/1.1\r\nHost: loc', 'PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"wei']
  for (const answer of await Promise.all(slow.map(bytes => raw(port, bytes)))) {
    t.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"request_timeout"/s)
  }
})

t.test('a client that says nothing is cut off', async t => {
  const { port } = await listen(t, { limits: { ...ADMIN_LIMITS, requestTimeoutMs: 200, silenceMs: 200, checkIntervalMs: 50 } })
  t.ok((await raw(port)).length < 500)
})
