import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { closeAdminApp } from '../../../src/admin/admin-ports.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'

/** The API with one connection that has sent half a head. */
async function withHalfAHead (t: Test) {
  const { app, clock } = await adminFixture()
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = net.connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => { client.destroy() })
  const [socket]: unknown[] = await once(app.server, 'connection')
  client.write('GET /healthz HTTP/1.1\r\nHost: local')
  if (socket instanceof net.Socket) await once(socket, 'data')
  return { app, clock, gone: once(client, 'close') }
}

t.test('a connection in use has a second, and is cut then', async t => {
  const { app, clock, gone } = await withHalfAHead(t)
  let closed = false
  const closing = closeAdminApp(app, clock, new Promise<never>(() => {})).then(() => { closed = true })
  while (app.server.listening) await new Promise(resolve => { setImmediate(resolve) })
  clock.advance(999)
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(closed, false)
  clock.advance(1)
  await Promise.all([closing, gone])
  t.equal(clock.pending, 0)
})

t.test('nothing is waited for when somebody insists', async t => {
  const { app, clock, gone } = await withHalfAHead(t)
  const insisted = Promise.withResolvers<undefined>()
  const closing = closeAdminApp(app, clock, insisted.promise.then(() => {}))
  insisted.resolve(undefined)
  await Promise.all([closing, gone])
  t.equal(clock.pending, 0, 'the timer is gone')
})

t.test('an API that never listened closes too', async t => {
  const { app, clock } = await adminFixture()
  await closeAdminApp(app, clock, Promise.resolve())
  t.equal(clock.pending, 0)
})
