/**
 * Nobody keeps others from the admin API, with real sockets.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ADMIN_LIMITS } from '../../../src/admin/admin-server.ts'
import { AdminClient, listenAdmin } from '../../helpers/listen-admin.ts'
import { eventually } from '../../helpers/weir-process.ts'

const TOKEN = 'operator-token-0123456789'
const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
const ROUTES = 'GET /v1/routes HTTP/1.1\r\nHost: localhost\r\n\r\n'
const limits = { ...ADMIN_LIMITS, unprovenPerWindow: 1_000_000 }
/** Any address of the loopback network can be a client's. Linux only. */
const severalAddresses = process.platform === 'linux'

function withToken (t: Test): { readonly tokens: readonly [{ readonly name: string, readonly role: 'operator', readonly file: string }], readonly authorized: string } {
  const file = join(t.testdir({ token: TOKEN }), 'token')
  return { tokens: [{ name: 'ops', role: 'operator', file }], authorized: ROUTES.replace('\r\n\r\n', `\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`) }
}

t.test('a thousand connections that lie open keep no probe away', async t => {
  const { port } = await listenAdmin(t, { limits })
  const idle: AdminClient[] = []
  for (let count = 0; count < 1_024; count++) {
    const client = new AdminClient(t, port)
    await new Promise(resolve => { client.socket.once('connect', resolve) })
    // Half of a head is no more than silence.
    idle.push(count % 2 === 0 ? client : client.write('GET /healthz HTTP/1.1\r\nHost: loc'))
  }
  t.same(await new AdminClient(t, port).write(HEALTH).answers(1), [200])
  t.same(await idle.at(-1)?.write('alhost\r\n\r\n').answers(1), [200], 'the latest of them are there')
  await idle[0]?.end()
  t.pass('the oldest have gone')
})

t.test('an address takes its own share and not that of others', { skip: !severalAddresses }, async t => {
  const { port } = await listenAdmin(t, { limits: { ...limits, maxConnections: 10, maxConnectionsPerPeer: 3 } })
  const other = new AdminClient(t, port, '127.0.0.3')
  await new Promise(resolve => { other.socket.once('connect', resolve) })
  const greedy = Array.from({ length: 20 }, () => new AdminClient(t, port, '127.0.0.2').write(HEALTH))
  for (const client of greedy) await client.until(({ closed, statuses }) => closed || statuses.length > 0)
  await Promise.all(greedy.slice(0, 10).map(client => client.end()))
  t.same(await other.write(HEALTH).answers(1), [200])
})

t.test('answers that are not read keep no places, but those of somebody with a token do', async t => {
  const { tokens, authorized } = withToken(t)
  const waiting: Array<() => void> = []
  const { port } = await listenAdmin(t, {
    tokens,
    limits: { ...limits, maxConnections: 2, maxConnectionsPerPeer: 2 },
    metrics: async () => {
      await new Promise<void>(resolve => { waiting.push(resolve) })
      return { contentType: 'text/plain', body: 'weir_up 1\n' }
    }
  })
  const known = new AdminClient(t, port).write(authorized.replace('/v1/routes', '/metrics'))
  for (let count = 1; count <= 5; count++) t.same(await new AdminClient(t, port).write(HEALTH).answers(1), [200])
  waiting[0]?.()
  t.same(await known.answers(1), [200], 'it was never pushed out')
})

t.test('who has shown no token waits for a turn, once for each request; who has, does not', async t => {
  const { tokens, authorized } = withToken(t)
  const { port, clock } = await listenAdmin(t, { tokens, limits: { ...limits, unprovenPerWindow: 1 } })
  const known = new AdminClient(t, port).write(authorized)
  t.same(await known.answers(1), [200])
  const unknown = new AdminClient(t, port).write(ROUTES.repeat(3))
  for (let count = 2; count <= 20; count++) await known.write(authorized).answers(count)
  t.same(unknown.statuses, [], 'the turn of this window is taken')
  for (let count = 1; count <= 3; count++) {
    clock.advance(10)
    await unknown.answers(count)
    for (let more = 0; more < 5; more++) await known.write(authorized).answers(known.statuses.length + 1)
    t.equal(unknown.statuses.length, count)
  }
  t.same(unknown.statuses, [401, 401, 401])
})

t.test('who shows a wrong token behind a right one waits again', async t => {
  const { tokens, authorized } = withToken(t)
  const { port, clock } = await listenAdmin(t, { tokens, limits: { ...limits, unprovenPerWindow: 1 } })
  const changing = new AdminClient(t, port).write(authorized)
  await changing.answers(1)
  t.same(await changing.write(ROUTES).answers(2), [200, 401], 'it was known when this one began')
  changing.write(HEALTH)
  await eventually(async () => clock.pending > 0 ? true : undefined)
  t.equal(changing.statuses.length, 2)
  clock.advance(10)
  t.same(await changing.answers(3), [200, 401, 200])
})
