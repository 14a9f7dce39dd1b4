import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { AdminClient, listenAdmin } from '../../helpers/listen-admin.ts'

const host = { host: 'localhost' }
const LIST = '/v1/routes/hello/lists/beta'
const LINES = { ...host, 'content-type': 'application/x-ndjson' }

t.test('members come, are read, and go', async t => {
  const { app, log, deps } = await adminFixture()
  const ask = async (method: 'GET' | 'PUT' | 'DELETE', below: string) => {
    const answer = await app.inject({ method, url: `${LIST}${below}`, headers: host })
    return [answer.statusCode, answer.json()] as const
  }
  t.match(await ask('GET', ''), [200, { name: 'beta', version: 'canary', by: 'header', header: 'x-user', members: 0, maxMembers: 5 }])
  t.match(await ask('GET', '/members/user-1'), [404, { code: 'unknown_member' }])
  const events: string[] = []
  deps.events.subscribe(({ text }) => { events.push(text) })
  t.same(await ask('PUT', '/members/user-1?reason=beta%20tester'), [200, { route: 'hello', list: 'beta', changed: true, added: 1, removed: 0, members: 1 }])
  t.match(await ask('PUT', '/members/user-1'), [200, { changed: false, members: 1 }])
  t.match(await ask('PUT', `/members/${encodeURIComponent('a/b ü?#%')}`), [200, { changed: true, members: 2 }])
  t.match(await ask('PUT', `/members/${'%20'.repeat(2)}`), [422, { code: 'invalid_member' }])
  t.match(await ask('PUT', `/members/a${'%20'.repeat(254)}b`), [200, { members: 3 }], '256 bytes')
  t.match(await ask('PUT', `/members/${'x'.repeat(257)}`), [422, { code: 'invalid_member', detail: /256 bytes/ }])
  t.match(await ask('PUT', `/members/${'x'.repeat(1_000)}`), [414, { code: 'uri_too_long' }])
  t.match(await ask('GET', '/members/user-1'), [200, { member: 'user-1' }])
  t.match(await ask('DELETE', '/members/user-1?reason=done'), [200, { changed: true, removed: 1, members: 2 }])
  t.match(await ask('DELETE', '/members/user-1'), [200, { changed: false }])
  t.match(await ask('PUT', '/members/a?why=x'), [400, { code: 'invalid_request' }])
  t.match(events.map(text => JSON.parse(text)), [
    { type: 'list', route: 'hello', list: 'beta', action: 'add', member: 'user-1', actor: 'local', reason: 'beta tester', added: 1, removed: 0, members: 1 },
    { member: 'a/b ü?#%' }, {}, { action: 'remove', member: 'user-1', reason: 'done' }
  ])
  t.match(log.at('info')[0], { message: 'a list has changed', fields: { route: 'hello', list: 'beta', actor: 'local', reason: 'beta tester', member: 'user-1' } })
})

t.test('members are read in pages', async t => {
  const { app } = await adminFixture()
  await app.inject({ method: 'POST', url: `${LIST}/import`, headers: LINES, payload: '"d"\n"b"\n"a"\n"e"\n"c"' })
  const page = async (query: string) => (await app.inject({ url: `${LIST}/members${query}`, headers: host })).json<{ members: string[], next?: string }>()
  t.same(await page('?limit=2'), { route: 'hello', list: 'beta', members: ['a', 'b'], next: 'b' })
  await app.inject({ method: 'DELETE', url: `${LIST}/members/b`, headers: host })
  t.same(await page('?limit=2&after=b'), { route: 'hello', list: 'beta', members: ['c', 'd'], next: 'd' })
  t.same(await page('?limit=2&after=d'), { route: 'hello', list: 'beta', members: ['e'] })
  t.same((await page('')).members, ['a', 'c', 'd', 'e'])
  t.match(await page('?limit=1001'), { code: 'invalid_request' })
})

t.test('an import is whole, or nothing', async t => {
  const { app } = await adminFixture()
  const post = async (payload: string, query = '', headers: Record<string, string> = LINES, url = `${LIST}/import`) => {
    const answer = await app.inject({ method: 'POST', url: `${url}${query}`, headers, payload })
    return [answer.statusCode, answer.json()] as const
  }
  t.match(await post('"a"\n{"id":"b"}\n'), [200, { added: 2, members: 2 }])
  t.match(await post('"c"\nd\n'), [422, { code: 'invalid_import', detail: /^line 2 is not JSON/ }])
  t.match(await post('"1"\n"2"\n"3"\n"4"\n"5"\n"6"\n'), [422, { code: 'list_full', detail: /^line 6 is the 6th member/ }])
  t.match(await post('"c"\n', '?mode=replace&reason=anew'), [200, { added: 1, removed: 2, members: 1 }])
  t.match(await post('"c"\n', '?mode=other'), [400, { code: 'invalid_request' }])
  t.match(await post('["c"]', '', { ...host, 'content-type': 'application/json' }), [415, { code: 'unsupported_media_type', detail: 'send Content-Type: application/x-ndjson' }])
  t.match(await post('"c"', '', { ...host, 'content-type': 'text/plain' }), [415, { code: 'unsupported_media_type' }])
  t.match(await post('"c"', '', LINES, '/v1/routes/hello/lists/gamma/import'), [404, { code: 'unknown_list' }])
  t.match(await post('"c"', '', LINES, '/v1/routes/nobody/lists/beta/import'), [404, { code: 'unknown_route' }])
  t.match(await post('{"to":"stable"}', '', LINES, '/v1/routes/hello/switch'), [415, { code: 'unsupported_media_type' }], 'no other resource takes lines')
  t.match((await app.inject({ url: '/v1/routes/hello/lists', headers: host })).json(), { lists: [{ name: 'beta', members: 1 }, { name: 'team', cookie: 'sid' }, { name: 'office', by: 'client-ip' }] })
})

t.test('what keeps a change from being stored is told without the paths of files', async t => {
  const { app, deps } = await adminFixture()
  deps.lists.add = async () => ({ ok: false, code: 'store_failed', message: 'the ConfigMap weir-state-lists can\'t be read: can\'t read /etc/weir/kubeconfig: it does not exist; nothing was changed' })
  t.match((await app.inject({ method: 'PUT', url: `${LIST}/members/a`, headers: host })).json(), {
    code: 'store_failed', detail: 'the ConfigMap weir-state-lists can\'t be read: can\'t read (a path): it does not exist; nothing was changed'
  })
})

t.test('a viewer reads lists, and does not change them', async t => {
  const directory = t.testdir({ look: 'viewer-token-0123456789==' })
  const { app } = await adminFixture({ tokens: [{ name: 'look', role: 'viewer', file: join(directory, 'look') }] })
  const headers = { host: 'weir.example', authorization: 'Bearer viewer-token-0123456789==' }
  t.equal((await app.inject({ url: `${LIST}/members`, headers })).statusCode, 200)
  for (const [method, below] of [['PUT', '/members/a'], ['DELETE', '/members/a'], ['POST', '/import']] as const) {
    t.match((await app.inject({ method, url: `${LIST}${below}`, headers })).json(), { code: 'forbidden' }, method)
  }
})

const HEAD = `POST ${LIST}/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n`

t.test('one import runs at a time, and one whose client goes away changes nothing', async t => {
  const { port, app, deps } = await listenAdmin(t)
  const begun = once(app.server, 'request')
  const slow = new AdminClient(t, port).write(`${HEAD}Content-Length: 100\r\n\r\n"a"\n`)
  await begun
  const second = async (): Promise<number> => {
    await new Promise(resolve => { setImmediate(resolve) })
    return (await app.inject({ method: 'POST', url: `${LIST}/import`, headers: LINES, payload: '"b"' })).statusCode
  }
  t.equal(await second(), 503)
  slow.socket.destroy()
  while (await second() !== 200);
  t.same(deps.lists.list({ route: 'hello', list: 'beta' })?.members.ids, ['b'])
})

t.test('a client that sends too many members gets its answer before it has sent them all', async t => {
  const { port } = await listenAdmin(t)
  const client = new AdminClient(t, port).write(`${HEAD}Content-Length: 60000000\r\n\r\n${Array.from({ length: 20 }, (_, id) => `"user-${id}"\n`).join('')}`)
  t.match(await client.end(), /^HTTP\/1\.1 422 [^]*"code":"list_full"/)
  const announced = new AdminClient(t, port).write(`${HEAD}Content-Length: 70000000\r\n\r\n`)
  t.match(await announced.end(), /^HTTP\/1\.1 413 [^]*"code":"body_too_large"/)
})
