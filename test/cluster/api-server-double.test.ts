/** The double of the API server keeps to what was recorded of the real one. */
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { fetch } from 'undici'
import { KubeApiServer } from '../helpers/kube-api-server.ts'

const PATH = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

async function started (t: Test): Promise<KubeApiServer> {
  const server = await KubeApiServer.start({ futureWaitMs: 5, etcdTimeoutMs: 5, bookmarkEveryMs: 20 })
  t.teardown(async () => { await server.stop() })
  return server
}

interface Answer { readonly status: number, readonly body: { metadata: Record<string, unknown>, items: { metadata: { name: string } }[], reason?: string } }

async function get (server: KubeApiServer, query = '', path = PATH): Promise<Answer> {
  const response = await fetch(`${server.url}${path}?${query}`)
  return { status: response.status, body: await response.json() as Answer['body'] } // the double's own answer
}

/** The events of a watch of one second or less. */
async function watched (server: KubeApiServer, query: string, meanwhile: () => void = () => {}): Promise<readonly string[]> {
  const response = await fetch(`${server.url}${PATH}?watch=1&${query}`)
  meanwhile()
  server.endWatches()
  const lines = (await response.text()).split('\n').filter(line => line !== '')
  return lines.map(line => {
    const { type, object } = JSON.parse(line) as { type: string, object: { code?: number, metadata: { name?: string, resourceVersion?: string } } }
    return `${type} ${object.metadata.name ?? object.code ?? ''} ${object.metadata.resourceVersion ?? ''}`
  })
}

t.test('an empty list has items and a resourceVersion; an unknown namespace too', async t => {
  const server = await started(t)
  t.match(await get(server), { status: 200, body: { metadata: { resourceVersion: '100' }, items: [] } })
  t.match(await get(server, '', PATH.replace('default', 'nowhere')), { status: 200, body: { items: [] } })
})

t.test('a list is in the order of names, and pages keep the version of the first', async t => {
  const server = await started(t)
  for (const name of ['c', 'a', 'b']) server.createSlice({ name })
  const first = await get(server, 'limit=2')
  t.match(first.body, { metadata: { resourceVersion: '103', remainingItemCount: 1 }, items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }] })
  server.createSlice({ name: 'd' })
  server.deleteSlice('c')
  const token = String(first.body.metadata['continue'])
  const second = await get(server, `limit=2&continue=${token}`)
  t.match(second.body, { metadata: { resourceVersion: '103', continue: undefined }, items: [{ metadata: { name: 'c' } }] })
  server.compact()
  const expired = await get(server, `limit=2&continue=${token}`)
  t.match(expired, { status: 410, body: { reason: 'Expired' } })
  const rest = await get(server, `limit=2&continue=${String(expired.body.metadata['continue'])}`)
  t.match(rest.body.items, [{ metadata: { name: 'd' } }])
})

t.test('versions of the past, the future and none at all', async t => {
  const server = await started(t)
  server.createSlice({ name: 'a' })
  t.equal((await get(server, 'resourceVersion=0')).status, 200)
  t.equal((await get(server, 'resourceVersion=1')).status, 200)
  t.match(await get(server, 'resourceVersion=999'), { status: 504, body: { reason: 'Timeout' } })
  t.equal((await get(server, 'resourceVersion=x')).status, 400)
  server.compact()
  t.equal((await get(server, 'resourceVersion=100&resourceVersionMatch=Exact')).status, 410)
  t.equal((await fetch(`${server.url}${PATH}?watch=1&resourceVersion=x`)).status, 500)
})

t.test('null endpoints and ports, no event for nothing, a deletion with a version of its own', async t => {
  const server = await started(t)
  t.strictSame(await watched(server, 'resourceVersion=100', () => {
    server.createSlice({ name: 'a', service: 'web' })
    server.touch(3)
    server.patchSlice({ name: 'a', endpoints: ['192.0.2.1'] })
    server.patchSlice({ name: 'a', endpoints: ['192.0.2.1'] })
    server.deleteSlice('a')
    server.createSlice({ name: 'a' })
  }), ['ADDED a 101', 'MODIFIED a 105', 'DELETED a 106', 'ADDED a 107'])
  t.match((await get(server)).body.items[0], { endpoints: null })
})

t.test('without a version a watch begins with what there is, by name', async t => {
  const server = await started(t)
  for (const name of ['c', 'a', 'b']) server.createSlice({ name })
  t.strictSame(await watched(server, ''), ['ADDED a 102', 'ADDED b 103', 'ADDED c 101'])
  t.strictSame(await watched(server, 'resourceVersion=102'), ['ADDED b 103'])
})

t.test('a label selector makes entering ADDED and leaving DELETED', async t => {
  const server = await started(t)
  server.createSlice({ name: 'a', service: 'web' })
  const events = await watched(server, 'resourceVersion=101&labelSelector=kubernetes.io%2Fservice-name%3Dweb', () => {
    server.patchSlice({ name: 'a', service: 'other' })
    server.patchSlice({ name: 'a', service: 'web' })
    server.createSlice({ name: 'b' })
  })
  t.strictSame(events, ['DELETED a 102', 'ADDED a 103'])
})

t.test('bookmarks come when asked for, and 410 inside a 200', async t => {
  const server = await started(t)
  server.touch(5)
  t.strictSame(await watched(server, 'resourceVersion=100&allowWatchBookmarks=true', () => { server.sendBookmarks() }), ['BOOKMARK  105'])
  t.strictSame(await watched(server, 'resourceVersion=100', () => { server.sendBookmarks() }), [])
  server.forgetWatchHistory()
  t.strictSame(await watched(server, 'resourceVersion=100'), ['ERROR 410 '])
})

t.test('a watch from the future is silent, and one while etcd hangs', async t => {
  const server = await started(t)
  t.strictSame(await watched(server, 'resourceVersion=999&allowWatchBookmarks=true', () => {
    server.createSlice({ name: 'a' })
    server.sendBookmarks()
  }), [])
  server.hang()
  t.strictSame(await watched(server, 'resourceVersion=101&allowWatchBookmarks=true', () => {
    server.createSlice({ name: 'b' })
    server.sendBookmarks()
  }), [])
  t.equal((await get(server)).status, 504)
  t.equal((await get(server, 'resourceVersion=0')).status, 200)
})

t.test('a watch ends after its timeoutSeconds', async t => {
  const server = await started(t)
  const response = await fetch(`${server.url}${PATH}?watch=1&resourceVersion=100&timeoutSeconds=1`)
  t.equal(await response.text(), '')
})

t.test('other resources and groups are 404', async t => {
  const server = await started(t)
  for (const path of ['/apis/discovery.k8s.io/v1/namespaces/default/pods', '/apis/example.com/v1/things']) {
    t.equal((await fetch(`${server.url}${path}`)).status, 404)
  }
})

t.test('a restart: reset, refused, one 403, then service on the same port', async t => {
  const server = await started(t)
  const { url } = server
  await server.kill()
  await t.rejects(fetch(`${url}${PATH}`))
  await server.restart()
  t.equal(server.url, url)
  t.equal((await get(server)).status, 403)
  t.equal((await get(server)).status, 200)
})

const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
const TIME = '2026-01-01T00:00:00.000000Z'
const SPEC = { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: TIME, renewTime: TIME, leaseTransitions: 0 }

async function put (server: KubeApiServer, metadata: object, spec: object, path = `${LEASES_PATH}/weir`, method = 'PUT') {
  const response = await fetch(`${server.url}${path}`, { method, body: JSON.stringify({ metadata: { name: 'weir', ...metadata }, spec }) })
  const body: unknown = await response.json()
  return { status: response.status, body: body as { readonly message?: string, readonly metadata: { readonly uid: string, readonly resourceVersion: string } } }
}

t.test('a Lease is written as the real server lets it be: by its version, checked, and made by a PUT that asks for no uid', async t => {
  const server = await started(t)
  const made = await put(server, {}, SPEC, LEASES_PATH, 'POST')
  t.equal(made.status, 201)
  t.equal((await put(server, {}, SPEC, LEASES_PATH, 'POST')).status, 409)
  const { uid, resourceVersion } = made.body.metadata
  t.match(await put(server, {}, SPEC), { status: 422, body: { message: /must be specified for an update/ } })
  const renewed = await put(server, { resourceVersion, uid }, { ...SPEC, renewTime: '2026-01-01T00:00:05.000000Z' })
  t.equal(renewed.status, 200)
  t.match(await put(server, { resourceVersion, uid }, SPEC), { status: 409, body: { message: /the object has been modified/ } })
  const now = { uid, resourceVersion: renewed.body.metadata.resourceVersion }
  for (const [spec, status, message] of [
    [{ leaseDurationSeconds: 0 }, 422, /spec\.leaseDurationSeconds: Invalid value: 0: must be greater than 0/],
    [{ leaseTransitions: -1 }, 422, /must be greater than or equal to 0/],
    [{ leaseTransitions: 2 ** 31 }, 400, /cannot unmarshal/],
    [{ renewTime: '2026-01-01T00:00:05.000Z' }, 400, /parsing time/],
    [{ holderIdentity: '', leaseDurationSeconds: 1 }, 200, /^$/]
  ] as const) {
    const answer = await put(server, now, { ...SPEC, ...spec })
    t.equal(answer.status, status, JSON.stringify(spec))
    t.match(answer.body.message ?? '', message)
  }
  server.leases.objects.delete('default', 'weir')
  t.match(await put(server, now, SPEC), { status: 409, body: { message: /UID in precondition/ } })
  t.equal((await put(server, { resourceVersion: now.resourceVersion }, SPEC)).status, 201)
})

interface Recorded { readonly request: { readonly headers: Readonly<Record<string, string>> }, readonly body: Answer['body'], readonly chunks: ReadonlyArray<{ readonly line: string }> }

async function recorded (name: string): Promise<Recorded> {
  return JSON.parse(await readFile(new URL(`../fixtures/kube-api/${name}.json`, import.meta.url), 'utf8')) as Recorded // a fixture of this project
}

/** The names of what is in an object, without the fields of the server's own book-keeping. */
function keysOf (object: object): readonly string[] {
  return Object.keys(object).filter(key => !['managedFields', 'generation', 'creationTimestamp'].includes(key)).sort()
}

t.test('who asks for the metadata of pods gets what the real server was recorded to send', async t => {
  const server = await started(t)
  server.pods.create({ name: 'b', labels: { track: 'canary' } })
  server.pods.create({ name: 'a', labels: { track: 'stable' } })
  const path = '/api/v1/namespaces/default/pods'
  const list = await recorded('01-list-metadata-only')
  const accept = list.request.headers['Accept'] ?? ''
  const answer = await (await fetch(`${server.url}${path}`, { headers: { accept } })).json() as Answer['body'] // the double's own answer
  t.same(keysOf(answer), keysOf(list.body))
  t.same(answer.items.map(keysOf), [keysOf(list.body.items[0] ?? {}), keysOf(list.body.items[0] ?? {})])
  t.same(answer.items.map(({ metadata }) => metadata.name), ['a', 'b'])
  t.match(keysOf(answer.items[0]?.metadata ?? {}), keysOf(list.body.items[0]?.metadata ?? {}))
  const whole = await get(server, '', path)
  t.match(whole.body, { kind: 'PodList', items: [{ spec: {}, status: {} }, {}] })

  const watch = await recorded('03-watch-metadata-only')
  const response = await fetch(`${server.url}${path}?watch=1&resourceVersion=102&labelSelector=track%3Dcanary`, { headers: { accept: watch.request.headers['Accept'] ?? '' } })
  server.pods.label('a', { track: 'canary' })
  server.pods.label('a', { track: 'stable' })
  server.pods.delete('b')
  server.endWatches()
  const lines = (await response.text()).trim().split('\n').map(line => JSON.parse(line) as { readonly type: string, readonly object: object & { readonly metadata: { readonly name: string } } }) // the double's own
  t.same(lines.map(({ type, object }) => `${type} ${object.metadata.name}`), ['ADDED a', 'DELETED a', 'DELETED b'], 'who leaves the selection is deleted')
  const [first] = watch.chunks
  const event = JSON.parse(first?.line.split('\n')[0] ?? '{}') as { readonly object: object } // recorded
  t.same(keysOf(lines[0]?.object ?? {}), keysOf(event.object))
})
